//! `aws_lambda_telemetry`: is sent the batches of the Lambda Telemetry API by an extension that
//! forwards them as they are, past CloudWatch Logs and what that costs.
//!
//! `receive` answers requests, `decode` (pure) makes events.

mod decode;
mod fuzz;
mod receive;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::Source;
use crate::sources::{Context, Starting};
use crate::support::secret::Secret;

pub(crate) use fuzz::fuzz;
pub(crate) use receive::{Receivers, router};

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "aws_lambda_telemetry",
    kind: CollectorKind::Pushed,
    summary: "Receives the batches of the Lambda Telemetry API on POST /receiver/v1/lambda/<token>.",
    example: r#"
[[sources]]
name = "extension"
collector = "aws_lambda_telemetry"
token = "t0ken"
category = "aws/lambda"
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources.
    pub name: String,
    /// The end of the address that extensions post to.
    pub token: Secret,
    /// `_sourceCategory` of the events.
    #[serde(default)]
    pub category: String,
    /// Fields that every event gets; `account` and its like replace what the extension says.
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
        Some("/receiver/v1/lambda/<token>")
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let inbox = context.inbox(&self.name);
        starting.receivers.aws_lambda_telemetry.add(self, inbox);
        Ok(())
    }
}
