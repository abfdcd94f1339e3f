//! Asks AWS: the two calls that are needed, and what its refusals mean.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::LogGroupClass;

use super::Config;
use super::decode::RawEvent;
use crate::metrics;
use crate::support::aws::Said;
use crate::support::refusal::Refusal;
use crate::support::reread::Page;

/// The most that AWS gives in one page.
const PAGE_EVENTS_MAX: i32 = 10_000;

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) created_ms: i64,
}

/// The calls, with the source's credentials.
#[derive(Clone, Debug)]
pub(crate) struct LogsClient(Client);

impl LogsClient {
    pub(crate) async fn connect(config: &Config) -> LogsClient {
        LogsClient(Client::new(&config.access().connect().await))
    }

    /// One page of the log groups whose names begin with `prefix`.
    pub(crate) async fn groups(
        &self,
        prefix: &str,
        token: Option<String>,
    ) -> Result<(Vec<Group>, Option<String>), Refusal> {
        metrics::request(super::DESCRIPTOR.name);
        let page = self
            .0
            .describe_log_groups()
            .set_log_group_name_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_next_token(token)
            .limit(50)
            .send()
            .await
            .map_err(|error| refusal(&error))?;
        let next_token = page.next_token;
        let groups = page
            .log_groups
            .unwrap_or_default()
            .into_iter()
            .filter_map(|group| {
                // A group for delivery holds nothing that can be read.
                let is_readable = group.log_group_class() != Some(&LogGroupClass::Delivery);
                let name = group.log_group_name().filter(|_| is_readable)?.to_owned();
                let arn = group
                    .log_group_arn()
                    .or(group.arn())
                    .map_or_else(|| name.clone(), |arn| arn.trim_end_matches(":*").to_owned());
                let created_ms = group.creation_time().unwrap_or(0);
                Some(Group {
                    arn,
                    name,
                    created_ms,
                })
            });
        Ok((groups.collect(), next_token))
    }

    /// One page of the events of `group` from `start_ms` to `end_ms`, both inclusive.
    pub(crate) async fn events(
        &self,
        group: &str,
        start_ms: i64,
        end_ms: Option<i64>,
        token: Option<String>,
    ) -> Result<Page<RawEvent>, Refusal> {
        metrics::request(super::DESCRIPTOR.name);
        let page = self
            .0
            .filter_log_events()
            .log_group_name(group)
            .start_time(start_ms)
            .set_end_time(end_ms)
            .set_next_token(token)
            .limit(PAGE_EVENTS_MAX)
            .send()
            .await
            .map_err(|error| refusal(&error))?;
        Ok(Page {
            next_token: page.next_token.filter(|token| !token.is_empty()),
            events: page
                .events
                .unwrap_or_default()
                .into_iter()
                .map(RawEvent::from)
                .collect(),
        })
    }
}

fn refusal<E, R>(error: &SdkError<E, R>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let said = Said::by(error);
    let message = error.message().unwrap_or_default();
    match said.code.as_str() {
        "InvalidParameterException" if message.contains("nextToken") => {
            Refusal::BadToken(said.text)
        }
        "ResourceNotFoundException" => Refusal::Missing(said.text),
        _ => said.refusal(),
    }
}
