//! The repository's chores: `cargo xtask test` runs every check there is, `cargo xtask bench` measures, `cargo xtask fuzz` asks nonsense, `cargo xtask crash` kills, `cargo xtask day` counts segments.
#![allow(clippy::print_stdout, reason = "a chore talks to the terminal")]

mod bench;
mod count;
mod crash;
mod day;
mod fuzz;
mod install;
mod shell;
mod steps;
mod test;

use std::process::ExitCode;

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
    /// Measure ingest and ten questions, beside chDB
    Bench(bench::BenchArguments),
    /// Kill a node again and again, and check that nothing is lost or repeated
    Crash(crash::CrashArguments),
    /// Ask the query language what nobody would ask
    Fuzz(fuzz::FuzzArguments),
    /// Live a day of the fleet on a fast clock, and count segments
    Day(day::DayArguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Crash(arguments) => crash::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Day(arguments) => day::run(&arguments),
    };
    if let Err(error) = done {
        // Without the backtrace that `Debug` would add: the last line is the result.
        println!("{error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
