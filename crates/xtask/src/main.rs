//! The repository's chores: `cargo xtask test` runs every check there is.
#![allow(clippy::print_stdout, reason = "a chore talks to the terminal")]

mod count;
mod install;
mod shell;
mod steps;
mod test;

use clap::{Parser, Subcommand};

/// The command line of `cargo xtask`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The repository's chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

/// One chore.
#[derive(Debug, Subcommand)]
enum Chore {
    /// Install what the tests need, then run all of them
    Test(test::TestArguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
    }
}
