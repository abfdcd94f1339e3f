//! Asks AWS: the two calls that are needed, and what its refusals mean.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::LogGroupClass;

use super::Config;
use super::decode::RawEvent;
use crate::metrics;
use crate::support::refusal::Refusal;
use crate::support::reread::Page;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
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
        let given = |setting: &Option<String>| setting.clone().filter(|text| !text.is_empty());
        let region = Region::new(config.region.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            // Waits and turns are decided here, where all sources share them.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .build(),
            );
        if let Some(profile) = given(&config.profile) {
            loader = loader.profile_name(profile);
        } else if is_emulator(config) && given(&config.role_arn).is_none() {
            loader = loader.credentials_provider(emulator_credentials());
        }
        let shared = loader.load().await;
        let mut settings = aws_sdk_cloudwatchlogs::config::Builder::from(&shared);
        if let Some(role_arn) = given(&config.role_arn) {
            let mut role = aws_config::sts::AssumeRoleProvider::builder(role_arn)
                .session_name("nephoscope")
                .region(region)
                .configure(&shared);
            if let Some(external_id) = given(&config.external_id) {
                role = role.external_id(external_id);
            }
            settings =
                settings.credentials_provider(SharedCredentialsProvider::new(role.build().await));
        }
        if let Some(endpoint_url) = given(&config.endpoint_url) {
            settings = settings.endpoint_url(endpoint_url);
        }
        LogsClient(Client::from_conf(settings.build()))
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

/// Whether the source reads an emulator: AWS itself is never asked without TLS.
fn is_emulator(config: &Config) -> bool {
    config
        .endpoint_url
        .as_deref()
        .is_some_and(|url| url.starts_with("http://"))
}

/// The environment's keys, or any: emulators want a signature but do not check it.
fn emulator_credentials() -> Credentials {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
    ) {
        (Some(id), Some(secret)) => Credentials::new(
            id,
            secret,
            variable("AWS_SESSION_TOKEN"),
            None,
            "environment",
        ),
        _ => Credentials::new("emulator", "emulator", None, None, "emulator"),
    }
}

fn refusal<E, R>(error: &SdkError<E, R>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    let text = if code.is_empty() {
        DisplayErrorContext(error).to_string()
    } else {
        format!("{code}: {message}")
    };
    match code {
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "LimitExceededException" => Refusal::Throttled { text, wait: None },
        "InvalidParameterException" if message.contains("nextToken") => Refusal::BadToken(text),
        "ResourceNotFoundException" => Refusal::Missing(text),
        _ => Refusal::Other(text),
    }
}
