//! `aws_firehose`: is sent what Amazon Data Firehose delivers to an HTTP endpoint: the events of
//! log groups with a subscription filter, metric streams, and anything else that was put into the
//! stream.
//!
//! `receive` answers deliveries, `records` takes them apart, `subscription` and `metric_stream`
//! (pure) say what AWS's records look like. Events of log groups are made by the code of
//! `aws_cloudwatch_logs`: pushed or pulled, an event is the same and has the same id.

mod fuzz;
mod metric_stream;
mod receive;
mod records;
mod subscription;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::Source;
use crate::sources::{Context, Starting, pulled_by};
use crate::support::secret::Secret;

pub(crate) use fuzz::fuzz;
pub(crate) use receive::{Receivers, router};

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "aws_firehose",
    kind: CollectorKind::Pushed,
    summary: "Receives CloudWatch logs and metrics that Amazon Data Firehose delivers on POST /receiver/v1/firehose.",
    example: r#"
[[sources]]
name = "firehose"
collector = "aws_firehose"
access_key = "t0ken"
category = "aws/lambda"
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector: one or more Firehose streams with the same access key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources.
    pub name: String,
    /// The access key of the Firehose destination.
    pub access_key: Secret,
    /// `_sourceCategory` of events and samples.
    #[serde(default)]
    pub category: String,
    /// Fields of every event and dimensions of every sample; `account` replaces the account's
    /// number.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The name of a source that pulls the same log groups: an event that comes both ways is
    /// stored once, as if that source had pulled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_pulled_by: Option<String>,
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn token(&self) -> Option<(&'static str, &Secret)> {
        Some(("access_key", &self.access_key))
    }

    fn address(&self) -> Option<&'static str> {
        Some("/receiver/v1/firehose")
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let pulled_by = pulled_by(&self, starting.pullers)?;
        let inbox = context.inbox(&self.name);
        starting.receivers.aws_firehose.add(self, pulled_by, inbox);
        Ok(())
    }
}
