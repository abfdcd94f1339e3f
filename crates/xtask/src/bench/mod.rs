//! `cargo xtask bench`: one gigabyte of a fleet's logs into a fresh node over HTTP, ten questions
//! through its API, and the same into and of chDB beside it, in one run.
//!
//! A figure says something only beside the peer's of the same run. It is never a test: what the
//! test run does with it is to see that it still works, on a few megabytes and without the peer.
//! `cargo xtask bench parse` measures the operators that parse alone, `cargo xtask bench collectors`
//! the collectors that pull logs, and `cargo xtask bench monitors` thousands of monitors;
//! `cargo xtask bench dashboard` opens a dashboard in Chromium.

mod collectors;
mod compare;
mod dashboard;
mod data_set;
mod ingest;
mod monitors;
mod node;
mod parse;
mod peer;
mod queries;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::shell;

const GIGABYTE: u64 = 1_000_000_000;
/// So many bytes hold some of everything that is asked for.
const SMOKE_BYTES: u64 = 5_000_000;

/// The arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArguments {
    /// What is measured: a node, the operators that parse, the collectors that pull logs, monitors, or a
    /// dashboard
    #[arg(default_value = "node", value_parser = ["node", "parse", "collectors", "monitors", "dashboard"])]
    subject: String,
    /// Size of the data set, such as 100MB; 1GB if not given, and 3.3GB for a dashboard
    #[arg(long, value_parser = data_set::size)]
    size: Option<u64>,
    /// Decides every line of the data set
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Leave chDB out
    #[arg(long)]
    no_peer: bool,
    /// Take the binary that is there instead of building it
    #[arg(long)]
    no_build: bool,
    /// Ask every question so often, hot
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Keep the node's and the peer's data in the target folder
    #[arg(long)]
    keep: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Measured {
    commit: String,
    data_set: data_set::DataSet,
    ingest: ingest::Ingested,
    queries: Vec<Asked>,
    peer: Option<peer::Peer>,
    /// How long the ten take compared to the peer, in geometric mean.
    ratio: Option<f64>,
}

/// One question with its figures.
#[derive(Debug, Serialize)]
struct Asked {
    name: &'static str,
    question: String,
    timing: Timing,
    peer: Option<Timing>,
    /// What the answers of the two differ in.
    difference: Option<String>,
    rows: usize,
}

/// The figures of one question.
#[derive(Clone, Copy, Debug, Serialize, serde::Deserialize)]
struct Timing {
    /// Median of the hot runs, in milliseconds.
    wall_ms: f64,
    /// Mean CPU time of the process, in milliseconds.
    cpu_ms: f64,
}

/// Measures and prints; fails if an answer is empty or differs from the peer's.
pub(crate) fn run(arguments: &BenchArguments) -> Result<()> {
    let binary = binary(arguments.no_build)?;
    let folder = shell::target_dir().join("bench");
    match arguments.subject.as_str() {
        "parse" => return parse::run(arguments, &binary, &folder),
        "collectors" => return collectors::run(&binary, &folder),
        _ => {}
    }
    let usual = match arguments.subject.as_str() {
        "dashboard" => dashboard::BYTES,
        _ => GIGABYTE,
    };
    let size = arguments.size.unwrap_or(usual);
    let data_set = data_set::prepare(&binary, &folder, size, arguments.seed)?;
    match arguments.subject.as_str() {
        "monitors" => return monitors::run(&binary, &folder, &data_set),
        "dashboard" => return dashboard::run(&binary, &folder, &data_set, arguments.keep),
        _ => {}
    }
    let measured = measure(arguments, &binary, &folder, data_set)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        report::print(&measured);
    }
    let wrong: Vec<String> = measured
        .queries
        .iter()
        .filter_map(|asked| {
            let difference = asked.difference.as_ref()?;
            Some(format!("{}: {difference}", asked.name))
        })
        .collect();
    if !wrong.is_empty() {
        bail!("answers that are not right: {}", wrong.join("; "));
    }
    Ok(())
}

/// Sees on a few megabytes that the benchmark works, with the binary that the tests have built.
pub(crate) fn smoke() -> Result<()> {
    run(&BenchArguments {
        subject: "node".to_owned(),
        size: Some(SMOKE_BYTES),
        seed: 42,
        no_peer: true,
        no_build: true,
        runs: 1,
        json: false,
        keep: false,
    })
}

fn measure(
    arguments: &BenchArguments,
    binary: &Path,
    folder: &Path,
    data_set: data_set::DataSet,
) -> Result<Measured> {
    let questions = queries::questions(&data_set);
    let is_measured = arguments.runs > 1;
    let more = match is_measured {
        true => ingest::SETTLE_SOON,
        false => node::FLUSH_SOON,
    };
    let node = node::Node::start(binary, &folder.join("node"), more)?;
    say(arguments, "sending the data set");
    let ingested = ingest::run(&node, &data_set, is_measured)?;
    let mut all = Vec::new();
    let mut answers = Vec::new();
    for question in &questions {
        say(arguments, question.name);
        let (timing, answer) = queries::ask(&node, &data_set, question, arguments.runs)?;
        let is_empty = answer.is_empty();
        all.push(Asked {
            name: question.name,
            question: question.log.clone(),
            timing,
            peer: None,
            difference: is_empty.then(|| "the answer is empty".to_owned()),
            rows: queries::rows(question.shape, &answer),
        });
        answers.push(answer);
    }
    node.end(arguments.keep)?;
    let peer = if arguments.no_peer {
        None
    } else {
        say(arguments, "chDB");
        let peer_folder = folder.join("chdb");
        let measured = peer::run(&data_set, &questions, &peer_folder, arguments.runs)?;
        let asked = all.iter_mut().zip(&questions).zip(&answers);
        for (((asked, question), answer), theirs) in asked.zip(&measured.answers) {
            asked.peer = Some(theirs.timing);
            if asked.difference.is_none() {
                asked.difference =
                    queries::mistake(question.shape, answer, &theirs.rows, &theirs.bounds);
            }
        }
        if !arguments.keep {
            node::remove(&peer_folder)?;
        }
        Some(measured)
    };
    Ok(Measured {
        commit: commit(),
        ratio: report::geometric_mean(&all),
        data_set,
        ingest: ingested,
        queries: all,
        peer,
    })
}

/// What follows the time in a line of the data set, which begins with it.
fn without_time(line: &str) -> Result<&str> {
    let rest = line.strip_prefix("{\"_time\":\"");
    let rest = rest.and_then(|rest| rest.split_once('"'));
    let (_, rest) = rest.context("a line of the data set does not begin with its time")?;
    Ok(rest)
}

/// Progress goes to standard error, so that `--json` stays JSON.
#[allow(clippy::print_stderr, reason = "a chore talks to the terminal")]
fn say(arguments: &BenchArguments, what: &str) {
    if !arguments.json {
        eprintln!("... {what}");
    }
}

/// Builds the binary as users get it, whatever the environment says about optimisation.
fn binary(is_built: bool) -> Result<PathBuf> {
    let path = shell::target_dir().join("release/nephoscope");
    if !is_built {
        // The whole workspace: a part of it would ask dependencies for other features, and all of
        // them would be built a second time.
        let mut build = shell::words("cargo build --release --workspace");
        build.env_remove("CARGO_PROFILE_RELEASE_OPT_LEVEL");
        shell::run(build)?;
    }
    if !path.exists() {
        bail!("{} is not built; leave out --no-build", path.display());
    }
    path.canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))
}

/// The commit that was measured, with a mark if there are changes beside it.
fn commit() -> String {
    let output = shell::words("git describe --always --dirty --abbrev=12").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
