//! `nephoscope simulate`: the simulated clouds without a node, for the tests; and their fleet's
//! events as a file, for the benchmark. Not shown in the help.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use server::SystemClock;
use simulator::{Nuisances, Simulator, SimulatorConfig, fleet};

use crate::serve::until_told_to_stop;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Arguments {
    /// Simulated clouds, until told to stop
    Clouds(CloudsArguments),
    /// The fleet's events as NDJSON
    Events(EventsArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CloudsArguments {
    /// Address of the simulated AWS; port 0 takes a free one, as the other clouds do.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Decides the fleet and every nuisance.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Log events per second of the whole fleet, about.
    #[arg(long, default_value_t = 60.0)]
    events_per_second: f64,
    /// Log entries per second of the functions at Google, about.
    #[arg(long, default_value_t = 20.0)]
    google_events_per_second: f64,
    /// Log lines per second of the function apps at Azure, about.
    #[arg(long, default_value_t = 20.0)]
    azure_events_per_second: f64,
    /// How many minutes of logs are there at the start.
    #[arg(long, default_value_t = 30)]
    history_minutes: u32,
    /// After how many seconds the fleet falls silent.
    #[arg(long)]
    silent_after_seconds: Option<u32>,
    /// How awkward the clouds are.
    #[arg(long, value_enum, default_value_t = Awkwardness::Usual)]
    nuisances: Awkwardness,
    /// A log group of CloudWatch whose events nobody may read.
    #[arg(long)]
    refused_log_group: Option<String>,
}

/// How awkward the clouds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Awkwardness {
    /// Only pages and their tokens.
    None,
    /// An ordinary day.
    Usual,
    /// Everything at once, and strong.
    All,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EventsArguments {
    /// At least so many bytes are written.
    #[arg(long)]
    bytes: u64,
    /// Decides every event.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The file; it is written anew.
    #[arg(long)]
    output: PathBuf,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments {
        Arguments::Clouds(arguments) => clouds(&arguments).await,
        Arguments::Events(arguments) => events(&arguments),
    }
}

async fn clouds(arguments: &CloudsArguments) -> Result<ExitCode> {
    server::init_logging();
    let nuisances = match arguments.nuisances {
        Awkwardness::None => Nuisances::none(),
        Awkwardness::Usual => Nuisances::default(),
        Awkwardness::All => Nuisances::all(),
    };
    let config = SimulatorConfig {
        seed: arguments.seed,
        events_per_second: arguments.events_per_second,
        google_events_per_second: arguments.google_events_per_second,
        azure_events_per_second: arguments.azure_events_per_second,
        history_minutes: arguments.history_minutes,
        silent_after_seconds: arguments.silent_after_seconds,
        listen: arguments.listen,
        nuisances: Nuisances {
            refused_group: arguments.refused_log_group.clone(),
            ..nuisances
        },
        ..SimulatorConfig::new(Arc::new(SystemClock))
    };
    let simulator = Simulator::start(config)
        .await
        .context("cannot start the simulated clouds")?;
    print_addresses(&simulator);
    until_told_to_stop().await?;
    simulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Tells where the clouds are.
pub(crate) fn print_addresses(simulator: &Simulator) {
    println!("simulated CloudWatch at {}", simulator.aws_endpoint());
    let google_endpoint = simulator.google_endpoint();
    println!("simulated Cloud Logging at {google_endpoint}");
    println!("simulated Cloud Monitoring at {google_endpoint}");
    println!(
        "simulated Blob Storage at {}",
        simulator.azure_blob_endpoint()
    );
    println!(
        "simulated Table Storage at {}",
        simulator.azure_table_endpoint()
    );
    println!(
        "simulated Resource Manager at {}",
        simulator.azure_management_endpoint()
    );
}

fn events(arguments: &EventsArguments) -> Result<ExitCode> {
    let path = &arguments.output;
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let written = fleet::write_ndjson(file, arguments.bytes, arguments.seed)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let about = json!({
        "events": written.events,
        "bytes": written.bytes,
        "message_bytes": written.message_bytes,
        "first_ms": written.first.millis(),
        "last_ms": written.last.millis(),
    });
    println!("{about}");
    Ok(ExitCode::SUCCESS)
}
