//! `cargo xtask bench monitors`: thousands of monitors, each asked every minute, while events come
//! in at the fleet's full rate. Two hundred questions are distinct; the monitors that share one
//! differ in their thresholds and groups.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::data_set::DataSet;
use super::node::{self, Node};

const FUNCTIONS: usize = 20;
/// How many monitors ask each question.
const MONITORS_PER_QUESTION: usize = 25;
const EVENTS_PER_SECOND: u64 = 2_000;
/// Events are sent so often, as many as have come due.
const SEND_INTERVAL: Duration = Duration::from_millis(250);
/// By then the window of five minutes is full.
const WARM_UP: Duration = Duration::from_secs(330);
const MEASURED: Duration = Duration::from_secs(300);
/// The lag that the node tells is that of the last minutes, so it is read more often.
const LOOK_INTERVAL: Duration = Duration::from_secs(20);
const LAG: &str = "nephoscope_alerting_evaluation_lag_seconds";

/// What is asked of each function, and at which value it is worth an alert.
/// The third says whether the answer has a row for each level.
const QUESTIONS: [(&str, f64, bool); 10] = [
    ("level=ERROR | count as value", 900.0, false),
    ("\"Task timed out\" | count as value", 90.0, false),
    (
        "| if (level = \"ERROR\", 1, 0) as bad | sum(bad) as bad, count as lines \
         | bad / lines * 100 as value",
        30.0,
        false,
    ),
    ("| count as value by level", 60_000.0, true),
    (
        "REPORT | parse \"Duration: * ms\" as took | pct(took, 95) as value",
        9_000.0,
        false,
    ),
    (
        "REPORT | parse \"Max Memory Used: * MB\" as used | max(used) as value",
        900.0,
        false,
    ),
    ("\"Init Duration\" | count as value", 900.0, false),
    (
        "| length(_raw) as size | sum(size) as value by level",
        1e9,
        true,
    ),
    ("| count_distinct(_sourcename) as value", 5_000.0, false),
    (
        "REPORT | parse \"Billed Duration: * ms\" as billed | sum(billed) as value",
        1e9,
        false,
    ),
];

/// Starts a node with all of them, feeds it and prints how late it was.
pub(super) fn run(binary: &Path, folder: &Path, data_set: &DataSet) -> Result<()> {
    let monitors = folder.join("monitors");
    let written = write_monitors(&monitors, data_set)?;
    let alerting = format!("[alerting]\nmonitors = [\"{}\"]\n", monitors.display());
    let node = Node::start(binary, &folder.join("node"), &alerting)?;
    let is_over = AtomicBool::new(false);
    let measured = thread::scope(|scope| {
        let sender = scope.spawn(|| send(&node, data_set, &is_over));
        let measured = watch(&node);
        is_over.store(true, Ordering::Relaxed);
        match sender.join() {
            Ok(sent) => Ok((sent?, measured?)),
            Err(_) => bail!("the sender panicked"),
        }
    });
    let (sent, measured) = measured?;
    node.end(false)?;
    node::remove(&monitors)?;
    println!("\ncommit {}\n", super::commit());
    println!("| monitors | questions | events/s | lag p50 | lag p99 | most | CPU | evaluations |");
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    println!(
        "| {written} | {} | {sent:.0} | {:.2} s | {:.2} s | {:.2} s | {:.0} % of a core | {:.0} |",
        FUNCTIONS * QUESTIONS.len(),
        measured.lag[0],
        measured.lag[1],
        measured.lag[2],
        measured.cpu_share * 100.0,
        measured.answered,
    );
    Ok(())
}

struct Measured {
    /// The median, the 99th percentile and the most, each at its worst.
    lag: [f64; 3],
    cpu_share: f64,
    answered: f64,
}

/// Waits until windows are full, and then looks for some minutes.
fn watch(node: &Node) -> Result<Measured> {
    let count = |outcome: &str| {
        node.metric(&format!(
            "nephoscope_alerting_evaluations_total{{outcome=\"{outcome}\"}}"
        ))
    };
    thread::sleep(WARM_UP);
    let (cpu, answered) = (node.cpu_seconds()?, count("answered")?);
    let begin = Instant::now();
    let mut lag = [0.0; 3];
    while begin.elapsed() < MEASURED {
        thread::sleep(LOOK_INTERVAL);
        for (seen, quantile) in lag.iter_mut().zip(["0.5", "0.99", "1"]) {
            let now = node.metric(&format!("{LAG}{{quantile=\"{quantile}\"}}"))?;
            *seen = f64::max(*seen, now);
        }
    }
    let failed = count("failed")?;
    if failed > 0.0 {
        bail!("{failed:.0} evaluations failed; the node's log says why");
    }
    Ok(Measured {
        lag,
        cpu_share: (node.cpu_seconds()? - cpu) / begin.elapsed().as_secs_f64(),
        answered: count("answered")? - answered,
    })
}

fn write_monitors(folder: &Path, data_set: &DataSet) -> Result<usize> {
    node::remove(folder)?;
    fs::create_dir_all(folder)?;
    let mut written = 0;
    for function in functions(data_set)? {
        for (question, worth, has_levels) in QUESTIONS {
            for place in 0..MONITORS_PER_QUESTION {
                // From half to three times of what is worth an alert.
                let threshold = worth * (0.5 + place as f64 / 10.0);
                let group = match has_levels && place % 2 == 0 {
                    true => "group_by = [\"level\"]\n",
                    false => "",
                };
                let text = format!(
                    "name = \"{function} {written}\"\nquery = '''function={function} {question}'''\n\
                     value = \"value\"\nsamples = \"function={function}\"\nwindow = \"5m\"\n{group}\
                     critical = {{ above = {threshold:?} }}\n"
                );
                fs::write(folder.join(format!("m{written:05}.monitor.toml")), text)?;
                written += 1;
            }
        }
    }
    Ok(written)
}

fn functions(data_set: &DataSet) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for line in BufReader::new(File::open(&data_set.path)?).lines() {
        let event: serde_json::Value = serde_json::from_str(&line?)?;
        let function = event.get("function").and_then(serde_json::Value::as_str);
        if let Some(function) = function
            && !found.iter().any(|known| known == function)
        {
            found.push(function.to_owned());
        }
        if found.len() == FUNCTIONS {
            return Ok(found);
        }
    }
    bail!("the data set has only {} functions", found.len())
}

#[allow(
    clippy::disallowed_methods,
    reason = "the node has the clock of the machine, too"
)]
fn now_ms() -> Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())
}

/// Sends the data set as if it happened now. Returns how many events a second that was.
fn send(node: &Node, data_set: &DataSet, is_over: &AtomicBool) -> Result<f64> {
    let begin = Instant::now();
    let mut lines = BufReader::new(File::open(&data_set.path)?).lines();
    let mut sent: u64 = 0;
    while !is_over.load(Ordering::Relaxed) {
        let due = u64::try_from(begin.elapsed().as_millis())? * EVENTS_PER_SECOND / 1_000;
        let now = now_ms()?;
        let mut body = String::new();
        while sent < due {
            let line = lines.next().context("the data set is too short")??;
            let rest = super::without_time(&line)?;
            writeln!(body, "{{\"_time\":{now}{rest}")?;
            sent += 1;
        }
        if !body.is_empty() && node.push(body.as_bytes())? != 200 {
            bail!("the node does not keep up with {EVENTS_PER_SECOND} events a second");
        }
        thread::sleep(SEND_INTERVAL);
    }
    Ok(sent as f64 / begin.elapsed().as_secs_f64())
}
