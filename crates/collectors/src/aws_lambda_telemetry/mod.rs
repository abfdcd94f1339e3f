//! `aws_lambda_telemetry`: is sent the batches of the Lambda Telemetry API by an extension that
//! forwards them as they are, past CloudWatch Logs and what that costs.
//!
//! `receive` answers requests, `decode` (pure) makes events.

mod decode;
mod receive;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{CollectorsError, Result};
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::support::receive::check_token;
use crate::support::secret::Secret;

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

impl Config {
    pub(crate) fn validate(&self) -> Result<()> {
        if self.name.is_empty() {
            return Err(CollectorsError::Setting {
                source_name: self.name.clone(),
                setting: "name",
                problem: "is empty; the status needs one".to_owned(),
            });
        }
        check_token(&self.name, "token", &self.token)
    }
}
