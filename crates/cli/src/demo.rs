//! `nephoscope demo`: simulated clouds, and a real node whose real collectors read them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use model::Clock;
use server::{Config, Server, SystemClock};
use simulator::{Simulator, SimulatorConfig};

use crate::serve::run_to_the_end;
use crate::simulate::print_addresses;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8470")]
    listen: SocketAddr,
    /// Where to keep the data; made if it is missing.
    #[arg(long, default_value = "nephoscope-demo-data")]
    data_dir: PathBuf,
    /// After how many minutes the bad version of `checkout-api` goes live, and is rolled back.
    #[arg(
        long,
        hide = true,
        value_delimiter = ',',
        num_args = 1,
        default_value = "4,20"
    )]
    bad_deployment: Vec<u32>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    server::init_logging();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let [deployed, rolled_back] = arguments.bad_deployment[..] else {
        bail!("--bad-deployment takes two numbers of minutes, such as 4,20");
    };
    let clouds = SimulatorConfig {
        bad_deployment_minutes: Some((deployed, rolled_back)),
        ..SimulatorConfig::new(Arc::clone(&clock))
    };
    let simulator = Simulator::start(clouds)
        .await
        .context("cannot start the simulated clouds")?;
    let config = demo_config(&arguments, &simulator)?;
    let server = Server::start(config, clock).await?;
    print_addresses(&simulator);
    println!("data in {}", arguments.data_dir.display());
    println!("open {}", server.url());
    let ended = run_to_the_end(server).await;
    simulator.shutdown().await;
    ended
}

/// The configuration that a user would write for these clouds.
fn demo_config(arguments: &Arguments, simulator: &Simulator) -> Result<Config> {
    let (aws_endpoint, google_endpoint) = (simulator.aws_endpoint(), simulator.google_endpoint());
    let (blob_endpoint, table_endpoint) = (
        simulator.azure_blob_endpoint(),
        simulator.azure_table_endpoint(),
    );
    let metrics = metric_sources(simulator);
    let text = format!(
        r#"
        [server]
        own_metrics_interval = "15s"

        [alerting]
        apps = ["aws-lambda", "azure-functions", "google-cloud-functions"]

        [[sources]]
        name = "demo-lambda"
        collector = "aws_cloudwatch_logs"
        region = "eu-west-1"
        endpoint_url = "{aws_endpoint}"
        log_group_prefixes = ["/aws/lambda/"]
        category = "prod/lambda"
        poll_interval = "2s"
        fields = {{ account = "prod" }}

        [[sources]]
        name = "demo-lambda-metrics"
        collector = "aws_cloudwatch_metrics"
        region = "eu-west-1"
        endpoint_url = "{aws_endpoint}"
        namespaces = ["AWS/Lambda"]
        dimensions = ["FunctionName"]
        category = "prod/lambda"
        poll_interval = "60s"
        fields = {{ account = "prod" }}

        [[sources]]
        name = "demo-google"
        collector = "gcp_cloud_logging"
        project = "shop-prod"
        endpoint_url = "{google_endpoint}"
        category = "prod/google"
        poll_interval = "4s"
        fields = {{ account = "prod" }}

        [[sources]]
        name = "demo-azure"
        collector = "azure_blob_storage"
        account = "shoplogs"
        endpoint_url = "{blob_endpoint}"
        category = "prod/azure"
        poll_interval = "3s"

        [[sources]]
        name = "demo-azure-tables"
        collector = "azure_table_storage"
        account = "shoplogs"
        endpoint_url = "{table_endpoint}"
        category = "prod/azure"
        poll_interval = "10s"
        fields = {{ account = "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11", region = "westeurope" }}

        [[sources]]
        name = "push"
        collector = "sumo_http"
        token = "demo"
        {metrics}
        "#
    );
    let mut config = Config::parse(&text).map_err(anyhow::Error::msg)?;
    config.server.listen = arguments.listen;
    config.storage.data_dir = arguments.data_dir.clone();
    Ok(config)
}

/// The sources that read metrics.
fn metric_sources(simulator: &Simulator) -> String {
    let (google, azure) = (
        simulator.google_endpoint(),
        simulator.azure_management_endpoint(),
    );
    format!(
        r#"
        [[sources]]
        name = "demo-google-metrics"
        collector = "gcp_cloud_monitoring"
        project = "shop-prod"
        endpoint_url = "{google}"
        category = "prod/google"
        poll_interval = "60s"
        fields = {{ account = "prod" }}

        [[sources]]
        name = "demo-azure-metrics"
        collector = "azure_monitor_metrics"
        subscription = "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11"
        endpoint_url = "{azure}"
        category = "prod/azure"
        poll_interval = "60s"
        credentials = {{ tenant_id = "demo", client_id = "demo", client_secret = "demo", authority_url = "{azure}" }}
        "#
    )
}
