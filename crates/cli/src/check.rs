//! `nephoscope check`: parses and plans queries, and reads configuration and content files,
//! without running anything.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use query::{Diagnostic, Severity};
use serde::{Deserialize, Serialize};

use crate::language_argument::LanguageArgument;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A file or folder, or `-` for standard input. `*.toml` is configuration or content by its
    /// name, `*.jsonl` holds a query a line (`{"id","query"}`, optionally `"language"`), any
    /// other file is one query. Standard input is read as `*.jsonl`.
    path: PathBuf,
    /// Language of queries that do not name theirs.
    #[arg(long, value_enum, default_value_t = LanguageArgument::Log)]
    language: LanguageArgument,
    /// Words for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
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
    let mut checked = Vec::new();
    if arguments.path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        checked.extend(check_lines("-", &text, arguments.language));
    } else {
        check_path(&arguments.path, arguments.language, &mut checked)?;
    }
    let failed = checked.iter().filter(|item| !item.ok).count();
    for item in &checked {
        match arguments.format {
            CheckFormat::Json => println!("{}", serde_json::to_string(item)?),
            CheckFormat::Text => print_text(item),
        }
    }
    if arguments.format == CheckFormat::Text {
        println!("{} checked, {failed} with mistakes", checked.len());
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check_path(path: &Path, language: LanguageArgument, checked: &mut Vec<Checked>) -> Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(|| format!("cannot list {}", path.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()?;
        entries.sort();
        let wanted = |path: &&PathBuf| {
            path.is_dir()
                || path
                    .extension()
                    .is_some_and(|ending| ending == "toml" || ending == "jsonl")
        };
        return entries
            .iter()
            .filter(wanted)
            .try_for_each(|entry| check_path(entry, language, checked));
    }
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("jsonl") => checked.extend(check_lines(&name, &text, language)),
        Some("toml") => checked.push(check_toml(&name, &text)),
        Some("gz") => bail!("{name} is compressed: zcat {name} | nephoscope check -"),
        _ => checked.push(check_query(name, &text, language)),
    }
    Ok(())
}

fn check_lines(name: &str, text: &str, language: LanguageArgument) -> Vec<Checked> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(
            |(index, line)| match serde_json::from_str::<QueryLine>(line) {
                Ok(line) => {
                    let id = line
                        .id
                        .as_str()
                        .map_or_else(|| line.id.to_string(), str::to_owned);
                    check_query(id, &line.query, line.language.unwrap_or(language))
                }
                Err(error) => complaint(
                    format!("{name}:{}", index + 1),
                    format!("not a query line: {error}"),
                ),
            },
        )
        .collect()
}

fn check_query(id: String, text: &str, language: LanguageArgument) -> Checked {
    let diagnostics = query::check(text, language.into());
    let ok = diagnostics
        .iter()
        .all(|diagnostic| diagnostic.severity != Severity::Error);
    Checked {
        id,
        ok,
        diagnostics,
        message: None,
    }
}

fn check_toml(name: &str, text: &str) -> Checked {
    if name.ends_with(".search.toml") {
        return match content::SavedSearch::parse(text) {
            Ok(search) => check_query(name.to_owned(), &search.query, LanguageArgument::Log),
            Err(error) => complaint(name.to_owned(), error.to_string()),
        };
    }
    match server::Config::parse(text) {
        Ok(_) => Checked {
            id: name.to_owned(),
            ok: true,
            diagnostics: Vec::new(),
            message: None,
        },
        Err(message) => complaint(name.to_owned(), message),
    }
}

fn complaint(id: String, message: String) -> Checked {
    Checked {
        id,
        ok: false,
        diagnostics: Vec::new(),
        message: Some(message),
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
