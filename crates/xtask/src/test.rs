//! `cargo xtask test`: every check of the repository, step by step, each with its time, and one count at the end.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::shell::{self, words};

/// The arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    /// Run only the steps whose name contains one of these words
    steps: Vec<String>,
}

/// How many tests a step ran; a step that is no test counts none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    passed: u32,
    failed: u32,
}

/// One step: its name, whether the steps after it make sense without it, and what it does.
struct Step {
    name: &'static str,
    is_ground: bool,
    run: fn() -> Result<Count>,
}

/// All steps in their order.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        is_ground: false,
        run: || plain("cargo fmt --all --check"),
    },
    Step {
        name: "lint",
        is_ground: true,
        run: || plain("cargo clippy --release --workspace --all-targets -- -D warnings"),
    },
    Step {
        name: "build",
        is_ground: true,
        run: || plain("cargo build --release --workspace"),
    },
    Step {
        name: "rust tests",
        is_ground: false,
        run: rust_tests,
    },
];

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

/// Runs a step that passes or fails as a whole.
fn plain(line: &str) -> Result<Count> {
    shell::run(words(line))?;
    Ok(Count::default())
}

/// Runs all Rust tests: with nextest where it is installed, with `cargo test` otherwise.
fn rust_tests() -> Result<Count> {
    let has_nextest = shell::succeeds(words("cargo nextest --version"));
    let line = if has_nextest {
        "cargo nextest run --release --workspace --no-fail-fast --status-level fail --final-status-level fail"
    } else {
        "cargo test --release --workspace --no-fail-fast"
    };
    counted(
        words(line),
        if has_nextest {
            nextest_count
        } else {
            libtest_count
        },
    )
}

/// Runs a command that prints how many tests passed; its exit status must agree with the count.
fn counted(command: std::process::Command, count_of: fn(&str) -> Option<Count>) -> Result<Count> {
    let mut total: Option<Count> = None;
    let succeeded = shell::run_seeing(command, |line| {
        if let Some(count) = count_of(line) {
            let total = total.get_or_insert_default();
            total.passed += count.passed;
            total.failed += count.failed;
        }
    })?;
    match total {
        None if succeeded => bail!("no test was run"),
        Some(count) if succeeded == (count.failed == 0) => Ok(count),
        _ => bail!("the command failed without a failed test"),
    }
}

/// Reads nextest's `Summary [ 0.1s] 14 tests run: 13 passed, 1 failed, 0 skipped`.
fn nextest_count(line: &str) -> Option<Count> {
    let (_, counts) = line
        .trim_start()
        .strip_prefix("Summary")?
        .split_once("run:")?;
    Some(Count {
        passed: number_before(counts, "passed"),
        failed: number_before(counts, "failed") + number_before(counts, "timed out"),
    })
}

/// Reads cargo's `test result: ok. 3 passed; 0 failed; …`.
fn libtest_count(line: &str) -> Option<Count> {
    let counts = line.trim_start().strip_prefix("test result:")?;
    Some(Count {
        passed: number_before(counts, "passed"),
        failed: number_before(counts, "failed"),
    })
}

/// Returns the number that stands before the word, 0 if there is none.
fn number_before(text: &str, word: &str) -> u32 {
    let before = text
        .split_once(&format!(" {word}"))
        .map_or("", |(before, _)| before);
    before
        .split_whitespace()
        .next_back()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_summary_is_read() {
        let line = "     Summary [   0.120s] 14 tests run: 12 passed (1 slow), 2 failed, 3 skipped";
        assert_eq!(
            nextest_count(line),
            Some(Count {
                passed: 12,
                failed: 2
            })
        );
        assert_eq!(nextest_count("        PASS [   0.005s] model::time"), None);
    }

    #[test]
    fn libtest_result_is_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            libtest_count(line),
            Some(Count {
                passed: 3,
                failed: 1
            })
        );
    }

    #[test]
    fn a_command_that_succeeds_without_running_a_test_is_an_error() {
        assert!(counted(words("true"), libtest_count).is_err());
    }
}
