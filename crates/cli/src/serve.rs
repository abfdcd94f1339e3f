//! `nephoscope serve`: one node, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use server::{Config, Server, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Configuration file; without it `nephoscope.toml` of the working directory, if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    server::init_logging();
    let config = Config::load(arguments.config.as_deref())?;
    let server = Server::start(config, Arc::new(SystemClock)).await?;
    println!("nephoscope listens on {}", server.url());
    run_to_the_end(server).await
}

/// Runs the node until it is told to stop, or until it must: a node that cannot make anything
/// durable ends with an error, so that whoever watches it notices and starts it again.
pub(crate) async fn run_to_the_end(server: Server) -> Result<ExitCode> {
    let failure = tokio::select! {
        told = until_told_to_stop() => told.map(|()| None)?,
        failure = server.failed() => Some(failure),
    };
    server.shutdown().await;
    match failure {
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => bail!(
            "the node has stopped, because it cannot make events durable: {failure}; \
             what was acknowledged is on disk and will be there after the next start"
        ),
    }
}

/// Returns at Ctrl-C or at the signal that service managers send.
pub(crate) async fn until_told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
