//! `cargo xtask fuzz`: asks the query language what nobody would ask, and keeps what it cannot answer.
//!
//! The work is done by an example of the crate `query`, in a process of its own: what overflows the
//! stack kills that process, and its input is on disk. The same seed asks the same questions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};

use crate::count::Count;
use crate::shell;

/// What the example calls its two ways to ask.
const MODES: [&str; 2] = ["read", "plan"];
/// The input that was being asked when the process ended.
const AT_HAND: &str = "at-hand.txt";
/// CPU seconds of each mode in the test run.
const SMOKE_CPU_SECONDS: f64 = 30.0;

/// The arguments of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArguments {
    /// Minutes of CPU time, for each of the two ways to ask
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Decides every input
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only `read` queries, or only `plan` and run them
    #[arg(long, value_parser = MODES)]
    only: Option<String>,
}

/// Builds the example and runs it.
pub(crate) fn run(arguments: &FuzzArguments) -> Result<()> {
    let program = workbench()?;
    let modes = MODES.iter().filter(|mode| {
        let only = arguments.only.as_deref();
        only.is_none_or(|only| only == **mode)
    });
    let mut failed = Vec::new();
    for mode in modes {
        if !ask(&program, mode, arguments.seed, arguments.minutes * 60.0)? {
            failed.push(*mode);
        }
    }
    if !failed.is_empty() {
        bail!("there are answers that must not be: {}", failed.join(", "));
    }
    Ok(())
}

/// A minute of CPU time, half of it for each, with the example that the tests have built.
pub(crate) fn smoke() -> Result<Count> {
    let program = built()?;
    let mut count = Count::default();
    for mode in MODES {
        match ask(&program, mode, 1, SMOKE_CPU_SECONDS)? {
            true => count.passed += 1,
            false => count.failed += 1,
        }
    }
    Ok(count)
}

/// Builds the example that tries the query language; returns its program.
pub(crate) fn workbench() -> Result<PathBuf> {
    // The whole workspace, as for the binary: a part would ask dependencies for other features.
    let mut build = shell::words("cargo build --release --workspace --example workbench");
    build.env_remove("CARGO_PROFILE_RELEASE_OPT_LEVEL");
    shell::run(build)?;
    built()
}

/// The example's program, if it is built.
fn built() -> Result<PathBuf> {
    let program = shell::target_dir().join("release/examples/workbench");
    program
        .canonicalize()
        .with_context(|| format!("{} is not built", program.display()))
}

/// Runs one mode; returns whether all answers were as they must be.
fn ask(program: &Path, mode: &str, seed: u64, cpu_seconds: f64) -> Result<bool> {
    let folder = shell::target_dir().join("fuzz").join(mode);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = shell::command(program);
    command.args(["fuzz", mode, &seed.to_string(), &cpu_seconds.to_string()]);
    command.arg(&folder);
    let status = shell::run_for_status(command, |_| {})?;
    if status.code().is_none() {
        died(&folder, mode, seed, status)?;
    }
    Ok(status.success())
}

/// Keeps and prints the input that killed the process.
#[allow(clippy::print_stdout, reason = "a chore talks to the terminal")]
fn died(folder: &Path, mode: &str, seed: u64, status: ExitStatus) -> Result<()> {
    let at_hand = folder.join(AT_HAND);
    let kept = folder.join(format!("{mode}-{seed}-died.txt"));
    let text = fs::read_to_string(&at_hand)
        .with_context(|| format!("cannot read {}", at_hand.display()))?;
    fs::copy(&at_hand, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
    println!("{}: the process died, {status}\n{text:?}", kept.display());
    Ok(())
}
