//! `cargo xtask fuzz`: asks the query language what nobody would ask and gives decoders what no cloud
//! would send, and keeps what they cannot answer.
//!
//! The work is done by examples of the crates `query` and `collectors`, each in a process of its own:
//! what overflows the stack kills that process, and its input is on disk. The same seed makes the same
//! inputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};

use crate::count::Count;
use crate::shell;

/// What is tried: reading queries, planning and running them, decoding payloads.
const MODES: [&str; 3] = ["read", "plan", DECODE];
/// The mode that is not the query language's.
const DECODE: &str = "decode";
const WORKBENCH: &str = "workbench";
const DECODERS: &str = "fuzz_decoders";
/// The input that was being asked when the process ended.
const AT_HAND: &str = "at-hand.txt";
/// CPU seconds of each mode in the test run.
const SMOKE_CPU_SECONDS: f64 = 30.0;

/// The arguments of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArguments {
    /// Minutes of CPU time, for each of the three ways to try
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Decides every input
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only `read` queries, only `plan` and run them, or only `decode` payloads
    #[arg(long, value_parser = MODES)]
    only: Option<String>,
}

/// Builds the example and runs it.
pub(crate) fn run(arguments: &FuzzArguments) -> Result<()> {
    workbench()?;
    build(DECODERS)?;
    let modes = MODES.iter().filter(|mode| {
        let only = arguments.only.as_deref();
        only.is_none_or(|only| only == **mode)
    });
    let mut failed = Vec::new();
    for mode in modes {
        if !ask(mode, arguments.seed, arguments.minutes * 60.0)? {
            failed.push(*mode);
        }
    }
    if !failed.is_empty() {
        bail!("there are answers that must not be: {}", failed.join(", "));
    }
    Ok(())
}

/// Half a minute of CPU time for each, with the examples that the tests have built.
pub(crate) fn smoke() -> Result<Count> {
    let mut count = Count::default();
    for mode in MODES {
        match ask(mode, 1, SMOKE_CPU_SECONDS)? {
            true => count.passed += 1,
            false => count.failed += 1,
        }
    }
    Ok(count)
}

/// Builds the example that tries the query language; returns its program.
pub(crate) fn workbench() -> Result<PathBuf> {
    build(WORKBENCH)?;
    built(WORKBENCH)
}

fn build(example: &str) -> Result<()> {
    // The whole workspace, as for the binary: a part would ask dependencies for other features.
    let mut build = shell::words("cargo build --release --workspace --example");
    build.arg(example);
    build.env_remove("CARGO_PROFILE_RELEASE_OPT_LEVEL");
    shell::run(build)
}

/// The example's program, if it is built.
fn built(example: &str) -> Result<PathBuf> {
    let program = shell::target_dir().join("release/examples").join(example);
    program
        .canonicalize()
        .with_context(|| format!("{} is not built", program.display()))
}

/// Runs one mode; returns whether all answers were as they must be.
fn ask(mode: &str, seed: u64, cpu_seconds: f64) -> Result<bool> {
    let folder = shell::target_dir().join("fuzz").join(mode);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = if mode == DECODE {
        shell::command(built(DECODERS)?)
    } else {
        let mut command = shell::command(built(WORKBENCH)?);
        command.args(["fuzz", mode]);
        command
    };
    command.args([seed.to_string(), cpu_seconds.to_string()]);
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
    let text = fs::read(&at_hand).with_context(|| format!("cannot read {}", at_hand.display()))?;
    fs::copy(&at_hand, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
    let shown = String::from_utf8_lossy(&text);
    println!("{}: the process died, {status}\n{shown:?}", kept.display());
    Ok(())
}
