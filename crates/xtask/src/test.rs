//! `cargo xtask test`: every check of the repository, step by step, each with its time, and one count at the end.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::count::Count;
use crate::steps::STEPS;

/// The arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    /// Run only the steps whose name contains one of these words
    steps: Vec<String>,
}

/// Runs the chosen steps and reports each one's time; fails if one failed.
pub(crate) fn run(arguments: &TestArguments) -> Result<()> {
    let begin = Instant::now();
    let mut total = Count::default();
    let mut report = Vec::new();
    let mut failures = Vec::new();
    for step in STEPS
        .iter()
        .filter(|step| is_chosen(step.name, &arguments.steps))
    {
        println!("\n==> {}", step.name);
        let step_begin = Instant::now();
        let result = (step.run)();
        let seconds = step_begin.elapsed().as_secs_f64();
        let line = match &result {
            Ok(count) => {
                total.passed += count.passed;
                total.failed += count.failed;
                match (count.passed, count.failed) {
                    (0, 0) => "ok".to_owned(),
                    (passed, 0) => format!("ok, {passed} passed"),
                    (passed, failed) => format!("FAILED, {passed} passed, {failed} failed"),
                }
            }
            Err(error) => format!("FAILED: {error:#}"),
        };
        println!("<== {}: {line} ({seconds:.1} s)", step.name);
        report.push(format!("{:<20} {seconds:>7.1} s  {line}", step.name));
        if !result.is_ok_and(|count| count.failed == 0) {
            failures.push(step.name);
            if step.is_ground {
                report.push("the steps after this one need it and were not run".to_owned());
                break;
            }
        }
    }
    println!("\n{}", report.join("\n"));
    println!(
        "in {:.0} s: {} tests passed, {} failed, steps failed: {}",
        begin.elapsed().as_secs_f64(),
        total.passed,
        total.failed,
        failures.len()
    );
    if !failures.is_empty() {
        bail!("failed: {}", failures.join(", "));
    }
    Ok(())
}

fn is_chosen(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()))
}
