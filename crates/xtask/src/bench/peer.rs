//! The peer: chDB, ClickHouse as a Python library, in an environment of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Timing;
use super::compare::{Answer, Bounds};
use super::data_set::DataSet;
use super::node;
use super::queries::{self, Question};
use crate::{install, shell};

const SCRIPT: &str = "crates/xtask/peer/chdb_peer.py";
const REQUIREMENTS: &str = "crates/xtask/peer/requirements.txt";

/// What the peer took and answered.
#[derive(Debug, Serialize)]
pub(super) struct Peer {
    version: String,
    pub(super) wall_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) disk: Bytes,
    /// After all parts were merged into one.
    pub(super) merged_cpu_seconds: f64,
    pub(super) merged: Bytes,
    #[serde(skip)]
    pub(super) answers: Vec<PeerAnswer>,
}

/// Bytes on disk, as the peer's own tables tell.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bytes {
    pub(super) data: u64,
    pub(super) index: u64,
}

/// The peer's answer to one question.
#[derive(Debug)]
pub(super) struct PeerAnswer {
    pub(super) timing: Timing,
    pub(super) rows: Answer,
    /// Exact bounds, where the question asks for estimates.
    pub(super) bounds: Bounds,
}

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Printed {
    version: String,
    wall_seconds: f64,
    cpu_seconds: f64,
    disk: Bytes,
    merged_cpu_seconds: f64,
    merged: Bytes,
    answers: Vec<PrintedAnswer>,
    bounds: Vec<Vec<Map<String, Value>>>,
}

#[derive(Debug, Deserialize)]
struct PrintedAnswer {
    #[serde(flatten)]
    timing: Timing,
    rows: Vec<Map<String, Value>>,
}

/// Lets the peer take the data set and answer the questions.
pub(super) fn run(
    data_set: &DataSet,
    questions: &[Question],
    folder: &Path,
    runs: usize,
) -> Result<Peer> {
    let python = install::python("peer", REQUIREMENTS)?;
    node::remove(folder)?;
    fs::create_dir_all(folder)?;
    let order = folder.join("order.json");
    let queries: Vec<&str> = questions.iter().map(|question| &*question.sql).collect();
    let bounds: Vec<_> = questions.iter().map(|question| question.bounds).collect();
    let text = json!({
        "file": data_set.path,
        "store": folder.canonicalize()?.join("store"),
        "queries": queries,
        "bounds": bounds,
        "runs": runs,
    });
    fs::write(&order, text.to_string())?;
    let mut command = shell::command(python);
    command
        .arg("-B")
        .arg(shell::root().join(SCRIPT))
        .arg(&order);
    let output = command.output().context("cannot start the peer")?;
    if !output.status.success() {
        bail!(
            "the peer failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let printed: Printed =
        serde_json::from_slice(&output.stdout).context("the peer did not print its figures")?;
    let answers = printed
        .answers
        .into_iter()
        .zip(printed.bounds)
        .zip(questions);
    Ok(Peer {
        version: printed.version,
        wall_seconds: printed.wall_seconds,
        cpu_seconds: printed.cpu_seconds,
        disk: printed.disk,
        merged_cpu_seconds: printed.merged_cpu_seconds,
        merged: printed.merged,
        answers: answers
            .map(|((answer, bounds), question)| PeerAnswer {
                timing: answer.timing,
                rows: queries::answer(question.shape, answer.rows.iter()),
                bounds: queries::bounds(question.shape, &bounds),
            })
            .collect(),
    })
}
