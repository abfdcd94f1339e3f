//! The one list of collectors, and the configuration of a source that uses one.

use serde::{Deserialize, Serialize};

use crate::support::secret::Secret;
use crate::{
    aws_cloudwatch_logs, aws_firehose, aws_lambda_telemetry, azure_blob_storage,
    azure_table_storage, gcp_cloud_logging, gcp_pubsub_push, otlp, sumo_http,
};

/// Whether a collector fetches or is sent its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CollectorKind {
    /// It asks the cloud.
    Pulled,
    /// It answers senders.
    Pushed,
}

/// What a collector says about itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CollectorDescriptor {
    /// The value of `collector` in the configuration.
    pub name: &'static str,
    /// How data reaches it.
    pub kind: CollectorKind,
    /// One sentence.
    pub summary: &'static str,
    /// A `[[sources]]` table that works.
    pub example: &'static str,
}

/// Every collector, sorted by name.
const COLLECTORS: &[CollectorDescriptor] = &[
    aws_cloudwatch_logs::DESCRIPTOR,
    aws_firehose::DESCRIPTOR,
    aws_lambda_telemetry::DESCRIPTOR,
    azure_blob_storage::DESCRIPTOR,
    azure_table_storage::DESCRIPTOR,
    gcp_cloud_logging::DESCRIPTOR,
    gcp_pubsub_push::DESCRIPTOR,
    otlp::DESCRIPTOR,
    sumo_http::DESCRIPTOR,
];

/// Returns every collector, sorted by name.
pub fn registry() -> &'static [CollectorDescriptor] {
    COLLECTORS
}

/// How data reaches the collector of this name, which must be one of the list.
pub(crate) fn kind_of(collector: &str) -> CollectorKind {
    let found = COLLECTORS.iter().find(|known| known.name == collector);
    found.map_or(CollectorKind::Pushed, |known| known.kind)
}

/// One `[[sources]]` table of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "collector", rename_all = "snake_case")]
pub enum SourceConfig {
    /// Pulls the logs of AWS log groups.
    AwsCloudwatchLogs(aws_cloudwatch_logs::Config),
    /// Is sent logs and metrics by Amazon Data Firehose.
    AwsFirehose(aws_firehose::Config),
    /// Is sent the batches of the Lambda Telemetry API.
    AwsLambdaTelemetry(aws_lambda_telemetry::Config),
    /// Pulls the resource logs in blobs of an Azure storage account.
    AzureBlobStorage(azure_blob_storage::Config),
    /// Pulls the invocations in the log tables of an Azure storage account.
    AzureTableStorage(azure_table_storage::Config),
    /// Pulls the log entries of a Google Cloud project.
    GcpCloudLogging(gcp_cloud_logging::Config),
    /// Is sent the log entries of a Google Cloud log sink.
    GcpPubsubPush(gcp_pubsub_push::Config),
    /// Is sent logs and metrics by OpenTelemetry's exporters.
    Otlp(otlp::Config),
    /// Is sent logs the way Sumo Logic's HTTP source is.
    SumoHttp(sumo_http::Config),
}

impl SourceConfig {
    /// The source's name.
    pub fn name(&self) -> &str {
        match self {
            SourceConfig::AwsCloudwatchLogs(config) => &config.name,
            SourceConfig::AwsFirehose(config) => &config.name,
            SourceConfig::AwsLambdaTelemetry(config) => &config.name,
            SourceConfig::AzureBlobStorage(config) => &config.name,
            SourceConfig::AzureTableStorage(config) => &config.name,
            SourceConfig::GcpCloudLogging(config) => &config.name,
            SourceConfig::GcpPubsubPush(config) => &config.name,
            SourceConfig::Otlp(config) => &config.name,
            SourceConfig::SumoHttp(config) => &config.name,
        }
    }

    /// The collector's name.
    pub fn collector(&self) -> &'static str {
        match self {
            SourceConfig::AwsCloudwatchLogs(_) => aws_cloudwatch_logs::DESCRIPTOR.name,
            SourceConfig::AwsFirehose(_) => aws_firehose::DESCRIPTOR.name,
            SourceConfig::AwsLambdaTelemetry(_) => aws_lambda_telemetry::DESCRIPTOR.name,
            SourceConfig::AzureBlobStorage(_) => azure_blob_storage::DESCRIPTOR.name,
            SourceConfig::AzureTableStorage(_) => azure_table_storage::DESCRIPTOR.name,
            SourceConfig::GcpCloudLogging(_) => gcp_cloud_logging::DESCRIPTOR.name,
            SourceConfig::GcpPubsubPush(_) => gcp_pubsub_push::DESCRIPTOR.name,
            SourceConfig::Otlp(_) => otlp::DESCRIPTOR.name,
            SourceConfig::SumoHttp(_) => sumo_http::DESCRIPTOR.name,
        }
    }

    /// What senders identify a pushed source by.
    pub(crate) fn token(&self) -> Option<&Secret> {
        match self {
            SourceConfig::AwsCloudwatchLogs(_)
            | SourceConfig::AzureBlobStorage(_)
            | SourceConfig::AzureTableStorage(_)
            | SourceConfig::GcpCloudLogging(_) => None,
            SourceConfig::AwsFirehose(config) => Some(&config.access_key),
            SourceConfig::AwsLambdaTelemetry(config) => Some(&config.token),
            SourceConfig::GcpPubsubPush(config) => Some(&config.token),
            SourceConfig::Otlp(config) => Some(&config.token),
            SourceConfig::SumoHttp(config) => Some(&config.token),
        }
    }

    /// Checks what the types cannot: empty names, patterns, limits.
    ///
    /// # Errors
    /// [`crate::CollectorsError::Setting`] names the setting and what to do.
    pub fn validate(&self) -> crate::Result<()> {
        match self {
            SourceConfig::AwsCloudwatchLogs(config) => config.validate(),
            SourceConfig::AwsFirehose(config) => config.validate(),
            SourceConfig::AwsLambdaTelemetry(config) => config.validate(),
            SourceConfig::AzureBlobStorage(config) => config.validate(),
            SourceConfig::AzureTableStorage(config) => config.validate(),
            SourceConfig::GcpCloudLogging(config) => config.validate(),
            SourceConfig::GcpPubsubPush(config) => config.validate(),
            SourceConfig::Otlp(config) => config.validate(),
            SourceConfig::SumoHttp(config) => config.validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        sources: Vec<SourceConfig>,
    }

    #[test]
    fn every_example_is_a_valid_source_of_its_collector() {
        for descriptor in registry() {
            let file: File = toml::from_str(descriptor.example).unwrap();
            let [source] = file.sources.as_slice() else {
                panic!("one source in the example of {}", descriptor.name);
            };
            assert_eq!(source.collector(), descriptor.name);
            source.validate().unwrap();
        }
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(registry().is_sorted_by_key(|descriptor| descriptor.name));
    }

    #[test]
    fn unknown_keys_and_collectors_are_refused() {
        let unknown_key = "[[sources]]\nname='a'\ncollector='sumo_http'\ntoken='t'\ntokn='x'";
        let error = toml::from_str::<File>(unknown_key).err().unwrap();
        assert!(
            error.to_string().contains("unknown field `tokn`"),
            "{error}"
        );
        let unknown = "[[sources]]\nname='a'\ncollector='sumo'\ntoken='t'";
        let error = toml::from_str::<File>(unknown).err().unwrap();
        assert!(error.to_string().contains("`sumo_http`"), "{error}");
    }

    #[test]
    fn the_debug_form_hides_the_token() {
        let text = "[[sources]]\nname='a'\ncollector='sumo_http'\ntoken='hunter2'";
        let file: File = toml::from_str(text).unwrap();
        assert!(!format!("{:?}", file.sources).contains("hunter2"));
    }
}
