//! `cargo xtask bench parse`: how fast text is taken apart, beside angle-grinder on the same lines.
//!
//! Ours is the time of one thread over lines in memory, through the whole plan; the peer's is that of
//! its process, which reads and splits the file as well. Both count what they have parsed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{BenchArguments, data_set};
use crate::{fuzz, install, shell};

/// The crate of angle-grinder that is measured, its version and its program.
const PEER: (&str, &str, &str) = ("ag", "0.19.5", "agrind");
/// So many bytes of lines are measured; of those that every line matches there may be fewer.
const LINES_BYTES_MAX: u64 = 200_000_000;
/// The peer is slow.
const PEER_RUNS: usize = 3;

/// Which lines are parsed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lines {
    /// All that the fleet writes.
    All,
    Reports,
    Json,
}

impl Lines {
    const ALL: [Lines; 3] = [Lines::All, Lines::Reports, Lines::Json];

    fn name(self) -> &'static str {
        match self {
            Lines::All => "all lines",
            Lines::Reports => "REPORT lines",
            Lines::Json => "JSON lines",
        }
    }

    fn holds(self, line: &str) -> bool {
        match self {
            Lines::All => true,
            Lines::Reports => line.starts_with("REPORT "),
            Lines::Json => line.starts_with('{'),
        }
    }
}

/// One operator over some lines, in our words and in the peer's.
struct Task {
    name: &'static str,
    lines: Lines,
    ours: &'static str,
    theirs: &'static str,
    /// Megabytes a second that are aimed at, where every line is parsed.
    aim: Option<f64>,
}

const ANCHORS: &str =
    r#"* | parse "Duration: * ms\tBilled Duration: * ms" as duration, billed | count"#;
const REGEX: &str = r#"* | parse regex "Duration: (?<duration>[0-9.]+) ms.*Max Memory Used: (?<used>[0-9]+) MB" | count"#;
const THEIR_REGEX: &str = r#"* | parse regex "Duration: (?P<duration>[0-9.]+) ms.*Max Memory Used: (?P<used>[0-9]+) MB" | count"#;
const JSON: &str = r#"* | json "level" as level | count"#;
const THEIR_JSON: &str = "* | json | where !isEmpty(level) | count";

const TASKS: [Task; 5] = [
    Task {
        name: "parse, two anchors",
        lines: Lines::Reports,
        ours: ANCHORS,
        theirs: ANCHORS,
        aim: Some(500.0),
    },
    Task {
        name: "parse, two anchors",
        lines: Lines::All,
        ours: ANCHORS,
        theirs: ANCHORS,
        aim: None,
    },
    Task {
        name: "parse regex",
        lines: Lines::Reports,
        ours: REGEX,
        theirs: THEIR_REGEX,
        aim: Some(250.0),
    },
    Task {
        name: "parse regex",
        lines: Lines::All,
        ours: REGEX,
        theirs: THEIR_REGEX,
        aim: None,
    },
    Task {
        name: "json, one key",
        lines: Lines::Json,
        ours: JSON,
        theirs: THEIR_JSON,
        aim: Some(400.0),
    },
];

/// What the example prints.
#[derive(Debug, Deserialize)]
struct Measured {
    lines: u64,
    bytes: u64,
    count: u64,
    cpu_ms: Vec<f64>,
}

/// Measures and prints; fails if the counts differ.
#[allow(clippy::print_stdout, reason = "a chore talks to the terminal")]
pub(super) fn run(arguments: &BenchArguments, binary: &Path, folder: &Path) -> Result<()> {
    let data_set = data_set::prepare(
        binary,
        folder,
        arguments.size.unwrap_or(super::GIGABYTE),
        arguments.seed,
    )?;
    let files: Vec<(Lines, PathBuf)> = Lines::ALL
        .into_iter()
        .map(|lines| Ok((lines, lines_file(&data_set.path, lines)?)))
        .collect::<Result<_>>()?;
    let workbench = fuzz::workbench()?;
    let peer = match arguments.no_peer {
        true => None,
        false => Some(install::cargo(PEER.0, PEER.1, PEER.2)?),
    };
    println!(
        "\n| operator | over | lines | parsed | MB/s | aimed at | angle-grinder MB/s | times |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    let mut wrong = Vec::new();
    for task in &TASKS {
        let file = files.iter().find(|(lines, _)| *lines == task.lines);
        let (_, file) = file.context("every kind of line has a file")?;
        let ours = measure(&workbench, file, task.ours, arguments.runs)?;
        let speed = megabytes_a_second(ours.bytes, median(&ours.cpu_ms));
        let mut theirs = "–".to_owned();
        let mut times = "–".to_owned();
        if let Some(peer) = &peer {
            let (count, cpu_ms) = ask_peer(peer, file, task.theirs)?;
            let their_speed = megabytes_a_second(ours.bytes, cpu_ms);
            theirs = format!("{their_speed:.0}");
            times = format!("{:.1}", speed / their_speed);
            if count != ours.count {
                wrong.push(format!("{}: {} and not {count}", task.name, ours.count));
            }
        }
        let aim = task.aim.map_or("–".to_owned(), |aim| format!("{aim:.0}"));
        println!(
            "| {} | {} | {} | {} | {speed:.0} | {aim} | {theirs} | {times} |",
            task.name,
            task.lines.name(),
            ours.lines,
            ours.count
        );
    }
    if !wrong.is_empty() {
        bail!("the peer counts otherwise: {}", wrong.join("; "));
    }
    Ok(())
}

/// The messages of the data set that are of this kind, a line each.
fn lines_file(events: &Path, lines: Lines) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Event {
        message: String,
    }
    let ending = format!("{}.txt", lines.name().to_lowercase().replace(' ', "-"));
    let path = events.with_extension(ending);
    if path.exists() {
        return Ok(path);
    }
    let partial = path.with_extension("partial");
    let reader = BufReader::new(File::open(events).context("cannot read the data set")?);
    let mut writer = BufWriter::new(File::create(&partial).context("cannot write the lines")?);
    let mut bytes = 0;
    for event in reader.lines() {
        let event: Event = serde_json::from_str(&event?).context("cannot read the data set")?;
        let line = event.message.replace('\n', " ");
        if lines.holds(&line) {
            writeln!(writer, "{line}")?;
            bytes += line.len() as u64;
        }
        if bytes >= LINES_BYTES_MAX {
            break;
        }
    }
    writer.flush()?;
    fs::rename(&partial, &path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}

fn measure(workbench: &Path, file: &Path, query: &str, runs: usize) -> Result<Measured> {
    let mut command = shell::command(workbench);
    command
        .arg("speed")
        .arg(file)
        .arg(query)
        .arg(runs.to_string());
    let output = command.output().context("cannot start the workbench")?;
    if !output.status.success() {
        bail!(
            "`{query}` failed: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    serde_json::from_slice(&output.stdout).context("the workbench did not print its figures")
}

/// What the peer counts, and the least CPU time of its runs in milliseconds.
fn ask_peer(peer: &Path, file: &Path, query: &str) -> Result<(u64, f64)> {
    let mut least = f64::INFINITY;
    let mut count = 0;
    for _ in 0..PEER_RUNS {
        // The shell tells the CPU time of what it has run.
        let mut command = shell::command("bash");
        command
            .arg("-c")
            .arg("TIMEFORMAT='%U %S'; time \"$0\" --file \"$1\" \"$2\"");
        command.arg(peer).arg(file).arg(query);
        let output = command.output().context("cannot start the peer")?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        if !output.status.success() {
            bail!("the peer failed on `{query}`: {err}");
        }
        let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
        count = last(&out)
            .trim()
            .parse()
            .with_context(|| format!("the peer answers {out}"))?;
        let seconds = last(&err)
            .split(' ')
            .map(str::parse::<f64>)
            .sum::<Result<f64, _>>();
        let seconds = seconds.with_context(|| format!("the shell tells {err}"))?;
        least = least.min(seconds * 1e3);
    }
    Ok((count, least))
}

fn megabytes_a_second(bytes: u64, cpu_ms: f64) -> f64 {
    bytes as f64 / 1e3 / cpu_ms
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
