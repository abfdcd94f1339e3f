//! Sends the data set over HTTP and waits until it rests.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::data_set::DataSet;
use super::node::{Disk, Node};

/// About the size of one request, in bytes; it ends with a line.
const BODY_BYTES: u64 = 8_000_000;
/// Connections that send at the same time.
const SENDERS: usize = 2;
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Flushing begins by itself after half a minute.
const FLUSH_SECONDS_MAX: u64 = 120;
/// How soon after the last event the node of a benchmark takes an hour to be complete, and merges it
/// for good; by default it is ten minutes.
pub(super) const SETTLE_SOON: &str = "[storage.compaction]\nsettle = \"20s\"\n";
/// By then it has begun.
const SETTLE: Duration = Duration::from_secs(30);
/// Background work has ended when the process has used next to nothing for so long.
const QUIET: Duration = Duration::from_secs(3);
const QUIET_CPU_SECONDS: f64 = 0.1;
const SETTLE_SECONDS_MAX: u64 = 1_800;
const TOO_MANY_REQUESTS: u16 = 429;

/// What taking the data set cost.
#[derive(Debug, Serialize)]
pub(super) struct Ingested {
    /// Until the last event was acknowledged: durable and searchable.
    pub(super) wall_seconds: f64,
    /// Requests that were answered with "later" and sent again.
    pub(super) asked_to_wait: usize,
    /// The process's CPU time until everything was in segments.
    pub(super) cpu_seconds: f64,
    pub(super) fresh: Disk,
    pub(super) segments: f64,
    /// The same when all background work had ended.
    pub(super) settled_cpu_seconds: f64,
    pub(super) settled: Disk,
    pub(super) settled_segments: f64,
    /// The most that was resident until then, and until the end of all work.
    pub(super) fresh_memory_peak_bytes: u64,
    pub(super) memory_peak_bytes: u64,
}

/// Sends everything and waits for the end of the work that it causes.
pub(super) fn run(node: &Node, data_set: &DataSet, has_time_to_settle: bool) -> Result<Ingested> {
    let cpu_before = node.cpu_seconds()?;
    let started = Instant::now();
    let asked_to_wait = send(node, data_set)?;
    let wall_seconds = started.elapsed().as_secs_f64();
    wait_until_flushed(node)?;
    let cpu_seconds = node.cpu_seconds()? - cpu_before;
    let fresh = node.disk()?;
    let segments = node.metric("nephoscope_storage_segments")?;
    let fresh_memory_peak_bytes = node.memory_peak_bytes()?;
    if has_time_to_settle {
        thread::sleep(SETTLE);
    }
    wait_until_quiet(node)?;
    Ok(Ingested {
        wall_seconds,
        asked_to_wait,
        cpu_seconds,
        fresh,
        segments,
        settled_cpu_seconds: node.cpu_seconds()? - cpu_before,
        settled: node.disk()?,
        settled_segments: node.metric("nephoscope_storage_segments")?,
        fresh_memory_peak_bytes,
        memory_peak_bytes: node.memory_peak_bytes()?,
    })
}

fn send(node: &Node, data_set: &DataSet) -> Result<usize> {
    let file = File::open(&data_set.path)
        .with_context(|| format!("cannot open {}", data_set.path.display()))?;
    let file = Mutex::new(BufReader::with_capacity(1 << 20, file));
    let sent: Result<Vec<usize>> = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| scope.spawn(|| send_bodies(node, &file)))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap_or_else(|_| bail!("a sender panicked")))
            .collect()
    });
    Ok(sent?.into_iter().sum())
}

fn send_bodies(node: &Node, file: &Mutex<BufReader<File>>) -> Result<usize> {
    let mut asked_to_wait = 0;
    let mut body = Vec::new();
    loop {
        body.clear();
        {
            let mut file = match file.lock() {
                Ok(file) => file,
                Err(_) => bail!("the other sender panicked"),
            };
            file.by_ref().take(BODY_BYTES).read_to_end(&mut body)?;
            file.read_until(b'\n', &mut body)?;
        }
        if body.is_empty() {
            return Ok(asked_to_wait);
        }
        asked_to_wait += push(node, &body)?;
    }
}

/// Sends one body, again whenever the node asks to wait. Returns how often it did.
pub(super) fn push(node: &Node, body: &[u8]) -> Result<usize> {
    let mut asked_to_wait = 0;
    loop {
        match node.push(body)? {
            200 => return Ok(asked_to_wait),
            TOO_MANY_REQUESTS => {
                asked_to_wait += 1;
                thread::sleep(POLL_INTERVAL);
            }
            status => bail!("a body of events was answered with {status}"),
        }
    }
}

/// Waits until all is in segments, and those are merged for good.
pub(super) fn wait_until_settled(node: &Node) -> Result<()> {
    wait_until_flushed(node)?;
    thread::sleep(SETTLE);
    wait_until_quiet(node)
}

fn wait_until_flushed(node: &Node) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(FLUSH_SECONDS_MAX);
    while node.metric("nephoscope_storage_memory_rows")? > 0.0 {
        if Instant::now() > deadline {
            bail!("after {FLUSH_SECONDS_MAX} s there are still rows that are not flushed");
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

fn wait_until_quiet(node: &Node) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(SETTLE_SECONDS_MAX);
    while Instant::now() < deadline {
        let before = node.cpu_seconds()?;
        thread::sleep(QUIET);
        if node.cpu_seconds()? - before < QUIET_CPU_SECONDS {
            return Ok(());
        }
    }
    bail!("after {SETTLE_SECONDS_MAX} s the node still works")
}
