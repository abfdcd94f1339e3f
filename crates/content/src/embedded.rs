//! The apps that come with the program: a line for each file under `dashboards/`.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../dashboards/", $path)))),*]
    };
}

/// Files by their path under `dashboards/`.
pub(crate) const FILES: &[(&str, &str)] = files![
    "aws-lambda/app.toml",
    "aws-lambda/cost.dashboard.toml",
    "aws-lambda/errors.dashboard.toml",
    "aws-lambda/metrics.dashboard.toml",
    "aws-lambda/overview.dashboard.toml",
    "aws-lambda/performance.dashboard.toml",
    "aws-lambda/usage.dashboard.toml",
    "azure-cosmos-db/app.toml",
    "azure-cosmos-db/overview.dashboard.toml",
    "azure-event-grid/app.toml",
    "azure-event-grid/overview.dashboard.toml",
    "azure-functions/app.toml",
    "azure-functions/errors.dashboard.toml",
    "azure-functions/executions.dashboard.toml",
    "azure-functions/metrics.dashboard.toml",
    "azure-functions/overview.dashboard.toml",
    "azure-functions/performance.dashboard.toml",
    "azure-kubernetes-service/app.toml",
    "azure-kubernetes-service/overview.dashboard.toml",
    "azure-service-bus/app.toml",
    "azure-service-bus/overview.dashboard.toml",
    "azure-storage/app.toml",
    "azure-storage/overview.dashboard.toml",
    "google-bigquery/app.toml",
    "google-bigquery/overview.dashboard.toml",
    "google-cloud-functions/app.toml",
    "google-cloud-functions/audit.dashboard.toml",
    "google-cloud-functions/errors.dashboard.toml",
    "google-cloud-functions/executions.dashboard.toml",
    "google-cloud-functions/metrics.dashboard.toml",
    "google-cloud-functions/overview.dashboard.toml",
    "google-cloud-functions/performance.dashboard.toml",
    "google-cloud-storage/app.toml",
    "google-cloud-storage/overview.dashboard.toml",
    "google-dataflow/app.toml",
    "google-dataflow/overview.dashboard.toml",
    "google-firestore/app.toml",
    "google-firestore/overview.dashboard.toml",
    "google-pubsub/app.toml",
    "google-pubsub/overview.dashboard.toml",
    "nephoscope/app.toml",
    "nephoscope/ingest.dashboard.toml",
    "nephoscope/node.dashboard.toml",
    "serverless-overview/app.toml",
    "serverless-overview/overview.dashboard.toml",
];
