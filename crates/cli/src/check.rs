//! `nephoscope check`: parses and plans queries, and reads configuration and content files,
//! without running anything. Ends with 0 if all is well, 1 if there are mistakes, 2 if something
//! could not be checked.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use content::{DASHBOARD_FILE, Dashboard};
use query::{Diagnostic, Severity};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::language_argument::LanguageArgument;

/// The exit status of a check that could not be made.
const NOT_CHECKED: u8 = 2;
/// Progress is shown after so many items.
const PROGRESS_ITEMS: usize = 256;
const CONFIGURATION: &str = "nephoscope.toml";
const SAVED_SEARCH: &str = ".search.toml";
const MONITOR: &str = ".monitor.toml";
const RULE_TEST: &str = ".test.toml";
const APP: &str = "app.toml";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A file or folder, or `-` for standard input. By its name a file is `*.search.toml`, a saved
    /// search; `*.dashboard.toml`, a dashboard; `app.toml`, an app; `*.monitor.toml`, a monitor; `*.test.toml`, a
    /// test of the monitor beside it, which is run with `--test`; any other `*.toml`, a configuration; `*.jsonl`, a query a line (`{"id","query"}`, optionally `"language"`); anything else, one
    /// query. Of a folder the saved searches, dashboards, apps, monitors, the `*.jsonl` and `nephoscope.toml` are
    /// checked. Standard input is `*.jsonl`.
    path: PathBuf,
    /// What the file or standard input is, if its name does not tell.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Language of queries that do not name theirs.
    #[arg(long, value_enum, default_value_t = LanguageArgument::Log)]
    language: LanguageArgument,
    /// Run tests of monitors: `NAME.test.toml` beside `NAME.monitor.toml`.
    #[arg(long)]
    test: bool,
    /// Words for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The configuration of a node.
    Config,
    /// A saved search.
    Search,
    /// A monitor.
    Monitor,
    /// A test of a monitor.
    RuleTest,
    /// A dashboard; each of its queries is planned.
    Dashboard,
    /// An app.
    App,
    /// One query.
    Query,
    /// A query a line, as JSON.
    Lines,
}

impl Kind {
    fn of(path: &Path) -> Result<Kind> {
        let name = path.display().to_string();
        Ok(match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl") => Kind::Lines,
            Some("toml") if name.ends_with(SAVED_SEARCH) => Kind::Search,
            Some("toml") if name.ends_with(MONITOR) => Kind::Monitor,
            Some("toml") if name.ends_with(RULE_TEST) => Kind::RuleTest,
            Some("toml") if name.ends_with(DASHBOARD_FILE) => Kind::Dashboard,
            Some("toml") if path.ends_with(APP) => Kind::App,
            Some("toml") => Kind::Config,
            Some("gz") => bail!("{name} is compressed: zcat {name} | nephoscope check -"),
            _ => Kind::Query,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum CheckFormat {
    /// Words for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// One thing that was checked.
#[derive(Debug, Serialize)]
struct Checked {
    id: String,
    ok: bool,
    diagnostics: Vec<Diagnostic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// A line of a `*.jsonl` file; other keys are ignored.
#[derive(Debug, Deserialize)]
struct QueryLine {
    id: serde_json::Value,
    query: String,
    language: Option<LanguageArgument>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut checker = Checker {
        language: arguments.language,
        format: arguments.format,
        runs_tests: arguments.test,
        shows_progress: std::io::stderr().is_terminal() && !std::io::stdout().is_terminal(),
        checked: 0,
        failed: 0,
    };
    if let Err(error) = checker.path(&arguments.path, arguments.kind) {
        eprintln!("error: {error:#}");
        return Ok(ExitCode::from(NOT_CHECKED));
    }
    checker.finish();
    Ok(match checker.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Checks, prints what it finds as it goes, and counts.
struct Checker {
    language: LanguageArgument,
    format: CheckFormat,
    runs_tests: bool,
    /// Where the terminal does not show the findings go by.
    shows_progress: bool,
    checked: usize,
    failed: usize,
}

impl Checker {
    fn path(&mut self, path: &Path, kind: Option<Kind>) -> Result<()> {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
            return self.text("-", &text, kind.unwrap_or(Kind::Lines));
        }
        if path.is_dir() {
            return self.folder(path);
        }
        let kind = kind.map_or_else(|| Kind::of(path), Ok)?;
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        self.text(&name, &text, kind)
    }

    fn folder(&mut self, folder: &Path) -> Result<()> {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
            .with_context(|| format!("cannot list {}", folder.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()?;
        entries.sort();
        let is_ours = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| {
                [CONFIGURATION, APP].contains(&name)
                    || [SAVED_SEARCH, DASHBOARD_FILE, MONITOR, RULE_TEST, ".jsonl"]
                        .iter()
                        .any(|ending| name.ends_with(ending))
            })
        };
        entries
            .iter()
            .filter(|path| path.is_dir() || is_ours(path))
            .try_for_each(|path| self.path(path, None))
    }

    fn text(&mut self, name: &str, text: &str, kind: Kind) -> Result<()> {
        match kind {
            Kind::Lines => self.lines(name, text),
            Kind::Query => self.tell(&check_query(name.to_owned(), text, self.language)),
            Kind::Search => self.tell(&match content::SavedSearch::parse(text) {
                Ok(search) => check_query(name.to_owned(), &search.query, LanguageArgument::Log),
                Err(error) => complaint(name.to_owned(), error.to_string()),
            }),
            Kind::Monitor => self.tell(&check_monitor(name.to_owned(), text)),
            Kind::RuleTest if !self.runs_tests => Ok(()),
            Kind::RuleTest => self.tell(&run_test(name, text)),
            Kind::Dashboard => self.tell(&match Dashboard::parse(text) {
                Ok(dashboard) => check_dashboard(name.to_owned(), &dashboard),
                Err(error) => complaint(name.to_owned(), error.to_string()),
            }),
            Kind::App => self.tell(&match content::App::parse(text) {
                Ok(_) => right(name.to_owned()),
                Err(error) => complaint(name.to_owned(), error.to_string()),
            }),
            Kind::Config => self.tell(&match server::Config::parse(text) {
                Ok(_) => right(name.to_owned()),
                Err(message) => complaint(name.to_owned(), message),
            }),
        }
    }

    fn lines(&mut self, name: &str, text: &str) -> Result<()> {
        let lines = text.lines().enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            self.tell(&match serde_json::from_str::<QueryLine>(line) {
                Ok(line) => {
                    let id = line.id.as_str().map(str::to_owned);
                    let id = id.unwrap_or_else(|| line.id.to_string());
                    check_query(id, &line.query, line.language.unwrap_or(self.language))
                }
                Err(error) => {
                    let place = format!("{name}:{}", index + 1);
                    complaint(place, format!("not a query line: {error}"))
                }
            })?;
        }
        Ok(())
    }

    fn tell(&mut self, item: &Checked) -> Result<()> {
        self.checked += 1;
        self.failed += usize::from(!item.ok);
        match self.format {
            CheckFormat::Json => println!("{}", serde_json::to_string(item)?),
            CheckFormat::Text => print_text(item),
        }
        if self.shows_progress && self.checked.is_multiple_of(PROGRESS_ITEMS) {
            eprint!("\r{} checked, {} with mistakes", self.checked, self.failed);
        }
        Ok(())
    }

    fn finish(&self) {
        if self.shows_progress && self.checked >= PROGRESS_ITEMS {
            eprintln!("\r{} checked, {} with mistakes", self.checked, self.failed);
        }
        if self.format == CheckFormat::Text {
            println!("{} checked, {} with mistakes", self.checked, self.failed);
        }
    }
}

fn check_monitor(id: String, text: &str) -> Checked {
    let monitor = match content::Monitor::parse(text) {
        Ok(monitor) => monitor,
        Err(error) => return complaint(id, error.to_string()),
    };
    let diagnostics = monitor.check_queries();
    let is_error = |found: &Diagnostic| found.severity == Severity::Error;
    Checked {
        ok: !diagnostics.iter().any(is_error),
        diagnostics,
        ..right(id)
    }
}

/// Runs a test of the monitor whose file stands beside.
fn run_test(name: &str, text: &str) -> Checked {
    let monitor = format!("{}{MONITOR}", name.strip_suffix(RULE_TEST).unwrap_or(name));
    let outcome = match std::fs::read_to_string(&monitor) {
        Err(error) => Err(format!(
            "cannot read the monitor that it is about, {monitor}: {error}"
        )),
        Ok(monitor) => {
            let test = server::run_rule_test(&monitor, text);
            tokio::task::block_in_place(|| Handle::current().block_on(test))
        }
    };
    match outcome {
        Ok(problems) if problems.is_empty() => right(name.to_owned()),
        Ok(problems) => complaint(name.to_owned(), problems.join("; ")),
        Err(mistake) => complaint(name.to_owned(), mistake),
    }
}

fn check_query(id: String, text: &str, language: LanguageArgument) -> Checked {
    let diagnostics = query::check(text, language.into());
    let ok = diagnostics
        .iter()
        .all(|diagnostic| diagnostic.severity != Severity::Error);
    Checked {
        diagnostics,
        ok,
        ..right(id)
    }
}

fn check_dashboard(id: String, dashboard: &Dashboard) -> Checked {
    let problems: Vec<String> = dashboard.check().iter().map(ToString::to_string).collect();
    match problems.is_empty() {
        true => right(id),
        false => complaint(id, problems.join("; ")),
    }
}

fn right(id: String) -> Checked {
    Checked {
        id,
        ok: true,
        diagnostics: Vec::new(),
        message: None,
    }
}

fn complaint(id: String, message: String) -> Checked {
    Checked {
        ok: false,
        message: Some(message),
        ..right(id)
    }
}

fn print_text(item: &Checked) {
    if let Some(message) = &item.message {
        println!("{}: {message}", item.id);
    }
    for diagnostic in &item.diagnostics {
        println!(
            "{}:{}:{}: {}",
            item.id, diagnostic.line, diagnostic.column, diagnostic.message
        );
        if let Some(suggestion) = &diagnostic.suggestion {
            println!("    did you mean `{suggestion}`?");
        }
    }
}
