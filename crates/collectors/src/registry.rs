//! The one list of collectors, and the configuration of a source that uses one.

use model::EventBatch;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::source::{self, Source, Wrong};
use crate::sources::{Context, Sent, Starting};
use crate::support::secret::Secret;

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
    /// The least that the cloud must allow, as text to paste; of a pushed source, what its senders
    /// need. Words in capitals are to be replaced.
    pub policy: &'static str,
}

impl CollectorDescriptor {
    /// The settings of the example, as [`crate::Sources::create`] takes them.
    pub fn settings(&self) -> Sent {
        #[derive(Deserialize)]
        struct Example {
            sources: Vec<Sent>,
        }
        let example = toml::from_str::<Example>(self.example);
        let sources = example.map(|example| example.sources).unwrap_or_default();
        sources.into_iter().next().unwrap_or_default()
    }
}

type Decode = Box<dyn Fn(&[u8]) -> EventBatch>;

/// The pure decoders of one collector, as a function of bytes that decodes whatever may be in them
/// and never panics.
pub struct FuzzTarget {
    /// The collector.
    pub collector: &'static str,
    decode: Decode,
}

impl std::fmt::Debug for FuzzTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FuzzTarget").field(&self.collector).finish()
    }
}

impl FuzzTarget {
    /// With the source of the collector's example; `None` if that is none.
    fn new<C>(
        descriptor: &CollectorDescriptor,
        decode: fn(&C, &[u8]) -> EventBatch,
    ) -> Option<FuzzTarget>
    where
        C: DeserializeOwned + 'static,
    {
        let mut settings = descriptor.settings();
        settings.remove("collector");
        let config: C = serde_json::from_value(Value::Object(settings)).ok()?;
        Some(FuzzTarget {
            collector: descriptor.name,
            decode: Box::new(move |payload| decode(&config, payload)),
        })
    }

    /// What the collector would hand over; nothing of what it would refuse.
    pub fn decode(&self, payload: &[u8]) -> EventBatch {
        (self.decode)(payload)
    }
}

macro_rules! collectors {
    ($($(#[$doc:meta])* $variant:ident => $module:ident,)*) => {
        /// Every collector, sorted by name.
        const COLLECTORS: &[CollectorDescriptor] = &[$(crate::$module::DESCRIPTOR,)*];

        /// The pure decoders of every collector, for the fuzzer.
        pub fn fuzz_targets() -> Vec<FuzzTarget> {
            let targets = [$(FuzzTarget::new(&crate::$module::DESCRIPTOR, crate::$module::fuzz),)*];
            targets.into_iter().flatten().collect()
        }

        /// One `[[sources]]` table of the configuration.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "collector", rename_all = "snake_case")]
        pub enum SourceConfig {
            $($(#[$doc])* $variant(crate::$module::Config),)*
        }

        impl SourceConfig {
            /// The collector's name.
            pub fn collector(&self) -> &'static str {
                match self {
                    $(SourceConfig::$variant(_) => crate::$module::DESCRIPTOR.name,)*
                }
            }

            fn source(&self) -> &dyn Source {
                match self {
                    $(SourceConfig::$variant(config) => config,)*
                }
            }

            /// Starts the source in its surroundings.
            pub(crate) fn start(
                self,
                context: Context,
                starting: &mut Starting<'_>,
            ) -> crate::Result<()> {
                match self {
                    $(SourceConfig::$variant(config) => config.start(context, starting),)*
                }
            }
        }
    };
}

collectors! {
    /// Pulls the logs of AWS log groups.
    AwsCloudwatchLogs => aws_cloudwatch_logs,
    /// Pulls the metrics of AWS.
    AwsCloudwatchMetrics => aws_cloudwatch_metrics,
    /// Is sent logs and metrics by Amazon Data Firehose.
    AwsFirehose => aws_firehose,
    /// Is sent the batches of the Lambda Telemetry API.
    AwsLambdaTelemetry => aws_lambda_telemetry,
    /// Pulls the resource logs in blobs of an Azure storage account.
    AzureBlobStorage => azure_blob_storage,
    /// Pulls metrics of the resources of an Azure subscription.
    AzureMonitorMetrics => azure_monitor_metrics,
    /// Pulls the invocations in the log tables of an Azure storage account.
    AzureTableStorage => azure_table_storage,
    /// Pulls the log entries of a Google Cloud project.
    GcpCloudLogging => gcp_cloud_logging,
    /// Pulls metrics of a Google Cloud project.
    GcpCloudMonitoring => gcp_cloud_monitoring,
    /// Is sent the log entries of a Google Cloud log sink.
    GcpPubsubPush => gcp_pubsub_push,
    /// Is sent logs and metrics by OpenTelemetry's exporters.
    Otlp => otlp,
    /// Is sent logs the way Sumo Logic's HTTP source is.
    SumoHttp => sumo_http,
}

/// Returns every collector, sorted by name.
pub fn registry() -> &'static [CollectorDescriptor] {
    COLLECTORS
}

/// The collector of this name.
pub(crate) fn descriptor(collector: &str) -> Option<&'static CollectorDescriptor> {
    COLLECTORS.iter().find(|known| known.name == collector)
}

/// How data reaches the collector of this name, which must be one of the list.
pub(crate) fn kind_of(collector: &str) -> CollectorKind {
    descriptor(collector).map_or(CollectorKind::Pushed, |known| known.kind)
}

impl SourceConfig {
    /// The source's name.
    pub fn name(&self) -> &str {
        self.source().name()
    }

    /// Where a pushed source is sent its data, with `<token>` for the token.
    pub(crate) fn address(&self) -> Option<&'static str> {
        self.source().address()
    }

    /// How data reaches it.
    pub(crate) fn kind(&self) -> CollectorKind {
        kind_of(self.collector())
    }

    /// What senders identify a pushed source by.
    pub(crate) fn token(&self) -> Option<&Secret> {
        self.source().token().map(|(_, token)| token)
    }

    /// Checks what the types cannot: empty names, patterns, limits.
    ///
    /// # Errors
    /// [`crate::CollectorsError::Setting`] names the setting and what to do.
    pub fn validate(&self) -> crate::Result<()> {
        let Wrong { setting, problem } = match source::check(self.source()) {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        };
        Err(crate::CollectorsError::Setting {
            source_name: self.name().to_owned(),
            setting,
            problem,
        })
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
            assert_eq!(descriptor.settings()["name"], source.name());
            source.validate().unwrap();
            let is_pushed = descriptor.kind == CollectorKind::Pushed;
            assert_eq!(source.address().is_some(), is_pushed);
            assert!(descriptor.policy.ends_with('\n'), "{}", descriptor.name);
        }
    }

    #[test]
    fn the_policies_of_aws_are_json() {
        let descriptor = descriptor("aws_cloudwatch_logs").unwrap();
        let policy: Value = serde_json::from_str(descriptor.policy).unwrap();
        assert_eq!(policy["Statement"][0]["Action"], "logs:DescribeLogGroups");
    }

    #[test]
    fn every_collector_has_a_fuzz_target() {
        let targets = fuzz_targets().into_iter().map(|target| target.collector);
        assert!(targets.eq(registry().iter().map(|descriptor| descriptor.name)));
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
