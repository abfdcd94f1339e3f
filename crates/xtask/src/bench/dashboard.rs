//! `cargo xtask bench dashboard`: how long twenty-four panels take in Chromium, over a day of ten
//! million events, first and when they are brought up to date.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::data_set::DataSet;
use super::ingest;
use super::node::{self, Node};
use crate::shell;

const DASHBOARD: &str = include_str!("dashboard.toml");
/// So many bytes of the data set hold ten million events.
pub(super) const BYTES: u64 = 3_303_000_000;
const DAY_MS: u64 = 86_400_000;
/// The day of the events, in milliseconds since 1970: 2026-11-23.
const BEGIN_MS: u64 = 1_795_392_000_000;
/// Events of one request.
const BATCH: usize = 25_000;

/// What the browser has seen.
#[derive(Debug, Deserialize)]
struct Seen {
    panels: usize,
    first_ms: Vec<u64>,
    refresh_ms: Vec<u64>,
}

/// Fills a node, opens the dashboard again and again, and prints how long it took.
pub(super) fn run(binary: &Path, folder: &Path, data_set: &DataSet, is_kept: bool) -> Result<()> {
    let dashboards = folder.join("dashboards");
    fs::create_dir_all(dashboards.join("bench"))?;
    fs::write(dashboards.join("bench/panels.dashboard.toml"), DASHBOARD)?;
    let content = format!(
        "[content]\ndashboards_dir = \"{}\"\n{}",
        dashboards.display(),
        ingest::SETTLE_SOON
    );
    let node = Node::start(binary, &folder.join("node"), &content)?;
    fill(&node, data_set)?;
    ingest::wait_until_settled(&node)?;
    let mut seen = watch(&node)?;
    node.end(is_kept)?;
    node::remove(&dashboards)?;
    println!("\ncommit {}\n", super::commit());
    println!(
        "{} panels, {} events: {} ms until all are drawn (at best {}), {} ms to bring them up to date (at best {})",
        seen.panels,
        data_set.events,
        median(&mut seen.first_ms)?,
        seen.first_ms[0],
        median(&mut seen.refresh_ms)?,
        seen.refresh_ms[0],
    );
    Ok(())
}

/// Spreads the events over a day.
fn fill(node: &Node, data_set: &DataSet) -> Result<()> {
    let mut lines = BufReader::new(File::open(&data_set.path)?).lines();
    let mut number: u64 = 0;
    loop {
        let mut body = String::new();
        for line in lines.by_ref().take(BATCH) {
            let line = line?;
            let rest = super::without_time(&line)?;
            let time = BEGIN_MS + number * DAY_MS / data_set.events;
            writeln!(body, "{{\"_time\":{time}{rest}")?;
            number += 1;
        }
        if body.is_empty() {
            return Ok(());
        }
        ingest::push(node, body.as_bytes())?;
    }
}

fn watch(node: &Node) -> Result<Seen> {
    let (from, to) = (BEGIN_MS.to_string(), (BEGIN_MS + DAY_MS).to_string());
    let mut browser = shell::words("node e2e/dashboard-speed.mjs");
    browser.args([node.url(), "bench/panels", &from, &to]);
    browser.current_dir(shell::root().join("crates/web/ui"));
    let output = browser.output().context("cannot start node")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let seen = text.lines().find(|line| line.starts_with('{'));
    let seen = seen.context("the browser printed no figures")?;
    Ok(serde_json::from_str(seen)?)
}

/// Sorts.
fn median(values: &mut [u64]) -> Result<u64> {
    values.sort_unstable();
    let middle = values.get(values.len() / 2);
    middle.copied().context("nothing was measured")
}
