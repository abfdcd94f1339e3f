//! The one binary, `nephoscope`: starts a node (`serve`, `demo`), asks one (`query`), has it forget (`erase`),
//! changes where its data comes from (`sources`), and looks at files (`check`, `segments`). Thin: rules live in the crates below.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks through them"
)]

mod check;
mod client;
mod demo;
mod erase_command;
mod language_argument;
mod lookup_command;
mod metrics_client;
mod output;
mod query_command;
mod segments_command;
mod serve;
mod simulate;
mod sources_command;
mod time_argument;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use model::limits::THREAD_STACK_BYTES;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Logs and metrics of serverless functions on AWS, Google Cloud and Azure: collected, kept, searched.
#[derive(Debug, Parser)]
#[command(name = "nephoscope", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node.
    Serve(serve::Arguments),
    /// Start simulated clouds and a node that collects from them, to look around.
    Demo(demo::Arguments),
    /// Ask a node a question.
    Query(query_command::Arguments),
    /// Simulated clouds alone, for tests and measurements.
    #[command(subcommand, hide = true)]
    Simulate(simulate::Arguments),
    /// Erase events that a node keeps, for ever.
    Erase(erase_command::Arguments),
    /// Upload, list, download or delete the tables that `lookup` reads.
    #[command(subcommand)]
    Lookup(lookup_command::Command),
    /// List, add, change, pause, remove or try the sources of a node; print what they need.
    #[command(subcommand)]
    Sources(sources_command::Command),
    /// Check configuration and queries without running them.
    Check(check::Arguments),
    /// List, verify or export what is on disk.
    Segments(segments_command::Arguments),
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(THREAD_STACK_BYTES)
        .enable_all()
        .build();
    let command = Arguments::parse().command;
    let result = match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(run(command))),
        Err(error) => Err(anyhow::Error::new(error).context("cannot start threads")),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Query(arguments) => query_command::run(arguments).await,
        Command::Simulate(arguments) => simulate::run(arguments).await,
        Command::Erase(arguments) => erase_command::run(arguments).await,
        Command::Lookup(command) => lookup_command::run(command).await,
        Command::Sources(command) => sources_command::run(command).await,
        Command::Check(arguments) => check::run(&arguments),
        Command::Segments(arguments) => segments_command::run(arguments).await,
    }
}
