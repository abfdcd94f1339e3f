//! Counts tests by reading what their runners print.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// How many tests a step ran; a step that is no test counts none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

/// Runs a command that prints how many tests passed; its exit status must agree with the count.
pub(crate) fn counted(command: Command, count_of: fn(&str) -> Option<Count>) -> Result<Count> {
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
pub(crate) fn nextest(line: &str) -> Option<Count> {
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
pub(crate) fn libtest(line: &str) -> Option<Count> {
    let counts = line.trim_start().strip_prefix("test result:")?;
    Some(Count {
        passed: number_before(counts, "passed"),
        failed: number_before(counts, "failed"),
    })
}

/// Reads Vitest's `Tests  1 failed | 12 passed (13)`.
pub(crate) fn vitest(line: &str) -> Option<Count> {
    let counts = line.trim_start().strip_prefix("Tests ")?;
    Some(Count {
        passed: number_before(counts, "passed"),
        failed: number_before(counts, "failed"),
    })
}

/// Reads one check of a script of ours: `ok: …` or `FAILED: …`.
pub(crate) fn script(line: &str) -> Option<Count> {
    if line.starts_with("ok: ") {
        return Some(Count {
            passed: 1,
            failed: 0,
        });
    }
    line.starts_with("FAILED: ").then_some(Count {
        passed: 0,
        failed: 1,
    })
}

/// Returns the number that stands before the word, 0 if there is none.
fn number_before(text: &str, word: &str) -> u32 {
    let before = text
        .split_once(&format!(" {word}"))
        .map_or("", |(before, _)| before);
    let number = before.split_whitespace().next_back();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_summary_is_read() {
        let line = "     Summary [   0.120s] 14 tests run: 12 passed (1 slow), 2 failed, 3 skipped";
        assert_eq!(
            nextest(line),
            Some(Count {
                passed: 12,
                failed: 2
            })
        );
        assert_eq!(nextest("        PASS [   0.005s] model::time"), None);
    }

    #[test]
    fn libtest_result_is_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            libtest(line),
            Some(Count {
                passed: 3,
                failed: 1
            })
        );
    }

    #[test]
    fn vitest_result_is_read() {
        assert_eq!(
            vitest("      Tests  1 failed | 12 passed (13)"),
            Some(Count {
                passed: 12,
                failed: 1
            })
        );
        assert_eq!(vitest(" Test Files  2 passed (2)"), None);
    }

    #[test]
    fn a_command_that_succeeds_without_running_a_test_is_an_error() {
        assert!(counted(shell::words("true"), libtest).is_err());
    }
}
