//! `cargo xtask test`: every check of the repository, step by step, each with its time, and one count at the end.

use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::count::Count;
use crate::shell;
use crate::steps::{Manner, STEPS, Step};

/// So many steps that mostly wait run at a time.
const LANES: usize = 3;

/// The arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    /// Run only the steps whose name contains one of these words
    steps: Vec<String>,
}

/// What came of a step.
struct Outcome {
    name: &'static str,
    count: Count,
    has_failed: bool,
    /// For the table at the end.
    line: String,
    /// What it printed last.
    last_lines: Vec<String>,
}

/// Runs the chosen steps and reports each one's time; fails if one failed.
pub(crate) fn run(arguments: &TestArguments) -> Result<()> {
    let begin = Instant::now();
    let chosen: Vec<&'static Step> = STEPS
        .iter()
        .filter(|step| is_chosen(step.name, &arguments.steps))
        .collect();
    let mut outcomes = Vec::new();
    let mut is_cut_short = false;
    for group in chosen.chunk_by(|one, next| both_beside(one, next)) {
        let done = run_group(group);
        is_cut_short = group[0].manner == Manner::Ground && done[0].has_failed;
        outcomes.extend(done);
        if is_cut_short {
            break;
        }
    }
    for failed in outcomes.iter().filter(|outcome| outcome.has_failed) {
        println!("\n{} printed last:", failed.name);
        for line in &failed.last_lines {
            println!("    {line}");
        }
    }
    println!();
    outcomes
        .iter()
        .for_each(|outcome| println!("{}", outcome.line));
    if is_cut_short {
        println!("the steps after this one need it and were not run");
    }
    let failed = outcomes.iter().filter(|outcome| outcome.has_failed);
    let failures: Vec<&str> = failed.map(|outcome| outcome.name).collect();
    println!(
        "in {:.0} s, steps failed: {}",
        begin.elapsed().as_secs_f64(),
        failures.len()
    );
    println!(
        "{} passed, {} failed",
        outcomes
            .iter()
            .map(|outcome| outcome.count.passed)
            .sum::<u32>(),
        outcomes
            .iter()
            .map(|outcome| outcome.count.failed)
            .sum::<u32>(),
    );
    if !failures.is_empty() {
        bail!("failed: {}", failures.join(", "));
    }
    Ok(())
}

fn both_beside(one: &Step, next: &Step) -> bool {
    one.manner == Manner::Beside && next.manner == Manner::Beside
}

/// Runs a step, or several side by side; the outcomes come in the order of the steps.
fn run_group(steps: &[&'static Step]) -> Vec<Outcome> {
    let waiting = Mutex::new(steps.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let lane = || {
        loop {
            let next = waiting.lock().ok().and_then(|mut steps| steps.next());
            let Some((place, step)) = next else { break };
            let outcome = run_step(step);
            if let Ok(mut done) = done.lock() {
                done.push((place, outcome));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..LANES.min(steps.len()) {
            scope.spawn(lane);
        }
        lane();
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn run_step(step: &'static Step) -> Outcome {
    println!("\n==> {}", step.name);
    let begin = Instant::now();
    let (result, last_lines) = match step.manner {
        Manner::Beside => in_a_thread_of_its_name(step),
        Manner::Ground | Manner::Alone => with_last_lines(step),
    };
    let seconds = begin.elapsed().as_secs_f64();
    let count = result.as_ref().copied().unwrap_or_default();
    let text = match &result {
        Ok(_) => match (count.passed, count.failed) {
            (0, 0) => "ok".to_owned(),
            (passed, 0) => format!("ok, {passed} passed"),
            (passed, failed) => format!("FAILED, {passed} passed, {failed} failed"),
        },
        Err(error) => format!("FAILED: {error:#}"),
    };
    println!("<== {}: {text} ({seconds:.1} s)", step.name);
    Outcome {
        name: step.name,
        count,
        has_failed: result.is_err() || count.failed > 0,
        line: format!("{:<20} {seconds:>7.1} s  {text}", step.name),
        last_lines,
    }
}

/// So that its lines, which bear the thread's name, can be told from its neighbours'.
fn in_a_thread_of_its_name(step: &'static Step) -> (Result<Count>, Vec<String>) {
    let thread = thread::Builder::new().name(step.name.to_owned());
    match thread.spawn(|| with_last_lines(step)) {
        Ok(running) => running
            .join()
            .unwrap_or_else(|_| (Err(anyhow!("it panicked")), Vec::new())),
        Err(error) => (Err(error.into()), Vec::new()),
    }
}

/// What came of the step, and what it printed last.
fn with_last_lines(step: &Step) -> (Result<Count>, Vec<String>) {
    shell::take_last_lines();
    let result = (step.run)();
    (result, shell::take_last_lines())
}

fn is_chosen(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()))
}
