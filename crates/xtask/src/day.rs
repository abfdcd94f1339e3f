//! `cargo xtask day`: a day of the fleet on a fast clock, to see that segments stay few.

use anyhow::Result;

use crate::shell::{self, words};

/// The arguments of `cargo xtask day`.
#[derive(Debug, clap::Args)]
pub(crate) struct DayArguments {
    /// The share of the fleet's 2,000 events a second that is made
    #[arg(long, default_value_t = 0.1)]
    share: f64,
}

/// Builds and runs `tests/examples/day.rs`.
pub(crate) fn run(arguments: &DayArguments) -> Result<()> {
    shell::run(words("cargo build --release --workspace --example day"))?;
    let mut day = shell::command(shell::target_dir().join("release/examples/day"));
    day.arg(arguments.share.to_string());
    shell::run(day)
}
