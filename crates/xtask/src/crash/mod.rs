//! `cargo xtask crash`: kills a node again and again while it takes events, flushes, merges and
//! drops, starts it again, and checks that exactly the acknowledged events are there.
//!
//! A round: start, check, send from several threads, SIGKILL at a random moment. Batches that
//! were under way may be there, but wholly. Now and then the node is stopped in peace, and
//! `nephoscope segments verify` must find nothing wrong and no file that belongs to no segment.

mod load;
mod node;
mod random;
mod truth;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::count::Count;
use crate::shell;
use load::Load;
use node::Node;
use random::Random;
use truth::Truth;

/// A node that is killed while it starts has got this far at most.
const EARLY_KILL_MS_MAX: u64 = 60;
const KILL_MS_MIN: u64 = 30;
const KILL_MS_MAX: u64 = 700;
/// One round in so many is killed while the node starts.
const EARLY_KILL_EVERY: u64 = 5;
/// One round in so many ends in peace and is verified.
const PEACE_EVERY: u64 = 10;
/// One round in so many checks everything that was ever acknowledged; the others check the last.
const FULL_CHECK_EVERY: u64 = 25;
/// Rounds of the test run.
const SMOKE_ROUNDS: u64 = 30;

/// The arguments of `cargo xtask crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct CrashArguments {
    /// How often the node is killed
    #[arg(long, default_value_t = 1_000)]
    rounds: u64,
    /// Where the random moments come from; a run with the same seed takes the same decisions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the node's folder, and say where it is
    #[arg(long)]
    keep: bool,
    /// The binary; `release/nephoscope` of the target folder if not said
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// What happened in a run.
#[derive(Debug, Default)]
struct Report {
    kills: u64,
    early_kills: u64,
    verifications: u64,
    flushes: u64,
    merged_segments: u64,
    dropped_segments: u64,
    longest_start: Duration,
}

/// Runs the rounds.
pub(crate) fn run(arguments: &CrashArguments) -> Result<()> {
    let binary = arguments.binary.clone();
    let binary = binary.unwrap_or_else(|| shell::target_dir().join("release/nephoscope"));
    let folder = shell::target_dir()
        .join("crash")
        .join(std::process::id().to_string());
    let begun = Instant::now();
    let mut truth = Truth::default();
    let mut report = Report::default();
    let mut random = Random::new(arguments.seed);
    let result = rounds(
        &binary,
        &folder,
        arguments.rounds,
        &mut random,
        &mut truth,
        &mut report,
    );
    println!(
        "{} kills ({} while starting), {} verifications, in {:.0} s, seed {}\n\
         {} batches sent, {} acknowledged with {} events; of {} batches under way at a kill {} were there, wholly\n\
         {} flushes, {} segments merged, {} dropped by retention were counted before kills; longest start {:.2} s",
        report.kills,
        report.early_kills,
        report.verifications,
        begun.elapsed().as_secs_f64(),
        arguments.seed,
        truth.sent(),
        truth.acknowledged(),
        truth.events(),
        truth.under_way(),
        truth.under_way_and_there(),
        report.flushes,
        report.merged_segments,
        report.dropped_segments,
        report.longest_start.as_secs_f64(),
    );
    if result.is_err() || arguments.keep {
        println!("the node's folder is {}", folder.display());
    } else {
        std::fs::remove_dir_all(&folder)?;
    }
    result?;
    if report.merged_segments == 0 || report.dropped_segments == 0 {
        bail!("nothing was merged or nothing dropped: the run proves too little");
    }
    println!("exactly the acknowledged events were there, every time");
    Ok(())
}

/// The step of the test run.
pub(crate) fn smoke() -> Result<Count> {
    run(&CrashArguments {
        rounds: SMOKE_ROUNDS,
        seed: 7,
        keep: false,
        binary: None,
    })?;
    Ok(Count::default())
}

fn rounds(
    binary: &std::path::Path,
    folder: &std::path::Path,
    rounds: u64,
    random: &mut Random,
    truth: &mut Truth,
    report: &mut Report,
) -> Result<()> {
    let home = node::Home::make(binary, folder)?;
    for round in 1..=rounds {
        if round % EARLY_KILL_EVERY == 0 {
            home.kill_while_starting(Duration::from_millis(random.below(EARLY_KILL_MS_MAX)))?;
            report.early_kills += 1;
            report.kills += 1;
        }
        let begun = Instant::now();
        let node = Arc::new(home.start()?);
        report.longest_start = report.longest_start.max(begun.elapsed());
        truth.check_last(&node)?;
        if round % FULL_CHECK_EVERY == 0 {
            truth.check_all(&node)?;
        }
        let load = Load::start(&node, round, random);
        std::thread::sleep(Duration::from_millis(
            random.between(KILL_MS_MIN, KILL_MS_MAX),
        ));
        count(&node, report);
        node.kill()?;
        report.kills += 1;
        truth.remember(load.end()?);
        drop(node);
        if round % PEACE_EVERY == 0 {
            println!(
                "round {round}: {} events acknowledged, in {} batches",
                truth.events(),
                truth.acknowledged()
            );
            verify(&home, truth, report)?;
        }
    }
    let node = home.start()?;
    truth.check_last(&node)?;
    truth.check_all(&node)?;
    node.wait_until_nothing_is_old()?;
    node.stop()?;
    home.verify()
}

/// Lets the node do what it has to do, stops it in peace, and looks at its files.
fn verify(home: &node::Home, truth: &mut Truth, report: &mut Report) -> Result<()> {
    let node = home.start()?;
    truth.check_last(&node)?;
    node.wait_until_quiet()?;
    node.stop()?;
    report.verifications += 1;
    home.verify()
}

/// What the node has done in this life, as far as it can still tell.
fn count(node: &Node, report: &mut Report) {
    let Ok(metrics) = node.metrics() else { return };
    let sum = |name: &str| {
        let values = metrics.lines().filter(|line| line.starts_with(name));
        let values = values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum::<f64>() as u64
    };
    report.flushes += sum("nephoscope_ingest_flushes_total");
    report.merged_segments += sum("nephoscope_storage_compacted_segments_total");
    report.dropped_segments += sum("nephoscope_storage_dropped_segments_total");
}
