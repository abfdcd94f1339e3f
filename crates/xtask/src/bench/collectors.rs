//! `cargo xtask bench collectors`: how much of a processor an event takes that a collector pulls, and
//! how often it asks. Each collector reads some minutes of a simulated fleet that has fallen silent;
//! the simulated cloud is a process of its own, and its time does not count.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::node::{self, Node};
use crate::shell;

/// How much of the fleet's past is there.
const HISTORY_MINUTES: &str = "10";
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// A collector that has brought nothing for so long has brought everything: quotas are by the
/// minute.
const QUIET: Duration = Duration::from_secs(70);
const COLLECT_SECONDS_MAX: u64 = 600;
/// How long it is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(60);
const IDLE_PER_HOUR: f64 = 60.0;

/// A collector that pulls logs.
struct Subject {
    collector: &'static str,
    /// The option of the simulated clouds that says how much is logged.
    rate: &'static str,
    /// How many events there are in each second.
    events_per_second: &'static str,
    /// What stands before the address of its cloud.
    cloud: &'static str,
    settings: &'static str,
}

const SUBJECTS: [Subject; 4] = [
    Subject {
        collector: "aws_cloudwatch_logs",
        rate: "--events-per-second",
        events_per_second: "500",
        cloud: "CloudWatch at ",
        settings: "region = \"us-east-1\"",
    },
    Subject {
        collector: "gcp_cloud_logging",
        rate: "--google-events-per-second",
        // Half of its quota is 500 entries a second.
        events_per_second: "100",
        cloud: "Cloud Logging at ",
        settings: "project = \"shop-prod\"",
    },
    Subject {
        collector: "azure_blob_storage",
        rate: "--azure-events-per-second",
        events_per_second: "500",
        cloud: "Blob Storage at ",
        settings: "account = \"shoplogs\"",
    },
    Subject {
        collector: "azure_table_storage",
        rate: "--azure-events-per-second",
        events_per_second: "500",
        cloud: "Table Storage at ",
        settings: "account = \"shoplogs\"",
    },
];

/// What was measured of one.
struct Collected {
    events: f64,
    wall_seconds: f64,
    cpu_seconds: f64,
    calls: f64,
    idle_calls: f64,
}

/// Measures all and prints a table.
pub(super) fn run(binary: &Path, folder: &Path) -> Result<()> {
    println!("\ncommit {}\n", super::commit());
    println!(
        "| collector | events | events/s | CPU per event | events/s of one core | events per call | calls an hour, idle |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for subject in &SUBJECTS {
        let found = measure(subject, binary, &folder.join("collectors"))?;
        println!(
            "| {} | {:.0} | {:.0} | {:.1} µs | {:.0} | {:.0} | {:.0} |",
            subject.collector,
            found.events,
            found.events / found.wall_seconds,
            found.cpu_seconds / found.events * 1e6,
            found.events / found.cpu_seconds,
            found.events / found.calls,
            found.idle_calls * IDLE_PER_HOUR,
        );
    }
    Ok(())
}

fn measure(subject: &Subject, binary: &Path, folder: &Path) -> Result<Collected> {
    node::remove(folder)?;
    fs::create_dir_all(folder)?;
    let clouds = Clouds::start(subject, binary, folder)?;
    let source = format!(
        "[[sources]]\nname = \"clouds\"\ncollector = \"{}\"\nendpoint_url = \"{}\"\n{}\n",
        subject.collector, clouds.address, subject.settings
    );
    let node = Node::start(binary, &folder.join("node"), &source)?;
    let calls = format!(
        "nephoscope_collectors_requests_total{{collector=\"{}\"}}",
        subject.collector
    );
    let mut found = collect(&node, subject)?;
    found.calls = node.metric(&calls)?;
    thread::sleep(IDLE);
    found.idle_calls = node.metric(&calls)? - found.calls;
    node.end(false)?;
    drop(clouds);
    node::remove(folder)?;
    Ok(found)
}

/// Waits until everything is there.
fn collect(node: &Node, subject: &Subject) -> Result<Collected> {
    let begin = Instant::now();
    let mut found = Collected {
        events: 0.0,
        wall_seconds: 0.0,
        cpu_seconds: 0.0,
        calls: 0.0,
        idle_calls: 0.0,
    };
    let mut changed = begin;
    while found.events == 0.0 || changed.elapsed() < QUIET {
        if begin.elapsed().as_secs() > COLLECT_SECONDS_MAX {
            bail!(
                "after {COLLECT_SECONDS_MAX} s {} still collects; it has {:.0} events",
                subject.collector,
                found.events
            );
        }
        thread::sleep(POLL_INTERVAL);
        let status = node.get("/api/v1/status")?;
        let events = status.pointer("/sources/0/events_total");
        let events = events.and_then(Value::as_f64).unwrap_or_default();
        if events > found.events {
            changed = Instant::now();
            found.events = events;
            found.wall_seconds = begin.elapsed().as_secs_f64();
            found.cpu_seconds = node.cpu_seconds()?;
        }
    }
    Ok(found)
}

/// The simulated clouds, of which one has something to tell.
struct Clouds {
    process: Child,
    address: String,
}

impl Clouds {
    fn start(subject: &Subject, binary: &Path, folder: &Path) -> Result<Clouds> {
        let mut command = shell::command(binary);
        command.args(["simulate", "clouds", "--nuisances", "none"]);
        command.args([
            "--history-minutes",
            HISTORY_MINUTES,
            "--silent-after-seconds",
            "0",
        ]);
        let rates = [
            "--events-per-second",
            "--google-events-per-second",
            "--azure-events-per-second",
        ];
        for rate in rates {
            let events = if rate == subject.rate {
                subject.events_per_second
            } else {
                "0"
            };
            command.args([rate, events]);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("clouds.log"))?)
            .spawn()
            .context("cannot start the simulated clouds")?;
        let output = process.stdout.take().context("the clouds have no output")?;
        let mut clouds = Clouds {
            process,
            address: String::new(),
        };
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some((_, address)) = line.split_once(subject.cloud) {
                address.clone_into(&mut clouds.address);
            }
            if line.contains("Resource Manager at ") {
                break;
            }
        }
        if clouds.address.is_empty() {
            let log = fs::read_to_string(folder.join("clouds.log")).unwrap_or_default();
            bail!("the simulated clouds did not start: {log}");
        }
        Ok(clouds)
    }
}

impl Drop for Clouds {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
