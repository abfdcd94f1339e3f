//! `otlp`: is sent logs and metrics by OpenTelemetry's exporters and collectors, over HTTP and gRPC.
//!
//! `receive` answers requests; `request` reads their bodies in both encodings (`messages`), `logs`
//! makes events and `metrics` samples; all but the first are pure.

mod buckets;
mod conventions;
mod fuzz;
mod logs;
pub(crate) mod messages;
mod metrics;
mod receive;
mod request;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{LogEvent, SourceMetadata};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::Source;
use crate::sources::{Context, Starting};
use crate::support::fields::{Interner, put};
use crate::support::secret::Secret;

pub(crate) use buckets::Distribution;
pub(crate) use fuzz::fuzz;
pub(crate) use metrics::percentile;
pub(crate) use receive::{Receivers, router};
pub(crate) use request::{Encoding, Visit, read};

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "otlp",
    kind: CollectorKind::Pushed,
    summary: "Receives OpenTelemetry's logs and metrics: OTLP over HTTP on POST /v1/logs and /v1/metrics, and over gRPC.",
    example: r#"
[[sources]]
name = "telemetry"
collector = "otlp"
token = "t0ken"
category = "prod/otel"
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources.
    pub name: String,
    /// What exporters send as `Authorization: Bearer <token>`, or in the address
    /// `/receiver/v1/otlp/<token>`.
    pub token: Secret,
    /// `_sourceCategory` of events and samples that do not say one.
    #[serde(default)]
    pub category: String,
    /// Fields of every event and dimensions of every sample, unless the sender says otherwise.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn token(&self) -> Option<(&'static str, &Secret)> {
        Some(("token", &self.token))
    }

    fn address(&self) -> Option<&'static str> {
        Some("/receiver/v1/otlp/<token>")
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        starting
            .receivers
            .otlp
            .add(&self, context.inbox(&self.name));
        Ok(())
    }
}

/// What the configuration says of events and samples.
#[derive(Debug)]
struct Template {
    event: LogEvent,
    dimensions: BTreeMap<String, String>,
}

impl Template {
    fn new(config: &Config) -> Self {
        let metadata = SourceMetadata {
            category: config.category.clone(),
            source: config.name.clone(),
            collector: DESCRIPTOR.name.to_owned(),
            ..SourceMetadata::default()
        };
        let mut dimensions = config.fields.clone();
        for (name, value) in [
            ("_sourceCategory", &metadata.category),
            ("_source", &metadata.source),
            ("_collector", &metadata.collector),
        ] {
            dimensions.insert(name.to_owned(), value.clone());
        }
        let mut event = LogEvent {
            metadata: Arc::new(metadata),
            ..LogEvent::default()
        };
        let mut interner = Interner::default();
        for (name, value) in &config.fields {
            put(&mut event, name, value, &mut interner);
        }
        Template { event, dimensions }
    }
}
