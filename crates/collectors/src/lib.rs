//! Where data comes from: one folder per origin, pulled or pushed, and the supervision of the
//! configured sources.
//!
//! A collector decodes a foreign payload with a pure function into [`model::LogEvent`]s and
//! hands them, with its checkpoint, to a [`model::EventSink`]. Nothing here writes to disk.
//! To add one: a folder with `mod.rs`, `decode.rs` and `fuzz.rs`, and its line in [`registry`].

mod error;
mod metrics;
mod registry;
mod source;
mod sources;
mod status;

mod aws_cloudwatch_logs;
mod aws_cloudwatch_metrics;
mod aws_firehose;
mod aws_lambda_telemetry;
mod azure_blob_storage;
mod azure_monitor_metrics;
mod azure_table_storage;
mod gcp_cloud_logging;
mod gcp_cloud_monitoring;
mod gcp_pubsub_push;
mod otlp;
mod sumo_http;

mod support;
#[cfg(test)]
mod testing;

pub use aws_cloudwatch_logs::Config as AwsCloudwatchLogsConfig;
pub use aws_cloudwatch_metrics::Config as AwsCloudwatchMetricsConfig;
pub use aws_firehose::Config as AwsFirehoseConfig;
pub use aws_lambda_telemetry::Config as AwsLambdaTelemetryConfig;
pub use azure_blob_storage::Config as AzureBlobStorageConfig;
pub use azure_monitor_metrics::Config as AzureMonitorMetricsConfig;
pub use azure_table_storage::Config as AzureTableStorageConfig;
pub use error::{CollectorsError, Result};
pub use gcp_cloud_logging::Config as GcpCloudLoggingConfig;
pub use gcp_cloud_monitoring::Config as GcpCloudMonitoringConfig;
pub use gcp_pubsub_push::{Config as GcpPubsubPushConfig, IdentityConfig as GcpPubsubPushIdentity};
pub use otlp::Config as OtlpConfig;
pub use registry::{
    CollectorDescriptor, CollectorKind, FuzzTarget, SourceConfig, fuzz_targets, registry,
};
pub use sources::{KeptSource, Sent, SourceBook, SourceDetails, Sources, Trial};
pub use status::{OriginStatus, SourceState, SourceStatus};
pub use sumo_http::{Config as SumoHttpConfig, Format as SumoHttpFormat, prometheus_samples};
pub use support::azure_storage::AzureCredentials;
pub use support::secret::Secret;
