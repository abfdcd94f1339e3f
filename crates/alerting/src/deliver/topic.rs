//! Publishes to a topic of Amazon SNS
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;

use super::Attempt;
use crate::notification::cut;

/// How long AWS may take, and how long finding credentials.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a refusal is kept, in characters.
const ANSWER_CHARS_MAX: usize = 300;

/// A message of a topic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Publication {
    pub(crate) topic_arn: String,
    pub(crate) region: String,
    pub(crate) profile: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) subject: String,
    pub(crate) message: String,
    /// Messages of one group come in order; only topics that keep order have groups.
    pub(crate) group: Option<String>,
    /// What subscriptions can filter by.
    pub(crate) attributes: Vec<(String, String)>,
}

/// Publishes once. A topic that keeps order drops a message whose `key` it had within five minutes.
pub(super) async fn publish(publication: &Publication, key: &str) -> Attempt {
    match tokio::time::timeout(2 * TIMEOUT, send(publication, key)).await {
        Ok(attempt) => attempt,
        Err(_) => Attempt::Failed(
            "AWS, or finding credentials for it, takes too long".to_owned(),
            None,
        ),
    }
}

async fn send(publication: &Publication, key: &str) -> Attempt {
    let mut publish = connect(publication)
        .await
        .publish()
        .topic_arn(&publication.topic_arn)
        .subject(&publication.subject)
        .message(&publication.message);
    for (name, value) in &publication.attributes {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build();
        match value {
            Ok(value) => publish = publish.message_attributes(name, value),
            Err(error) => return Attempt::Refused(error.to_string()),
        }
    }
    if let Some(group) = &publication.group {
        publish = publish
            .message_group_id(group)
            .message_deduplication_id(key);
    }
    match publish.send().await {
        Ok(sent) => Attempt::Sent(format!("message {}", sent.message_id().unwrap_or_default())),
        Err(error) => judge(&error),
    }
}

async fn connect(publication: &Publication) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(publication.region.clone()))
        // The outbox decides when to try again.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Some(profile) = &publication.profile {
        loader = loader.profile_name(profile);
    }
    let shared = loader.load().await;
    let mut settings = aws_sdk_sns::config::Builder::from(&shared);
    if let Some(endpoint_url) = &publication.endpoint_url {
        settings = settings.endpoint_url(endpoint_url);
    }
    Client::from_conf(settings.build())
}

/// What AWS's side may heal is tried again; a wrong topic and a missing right it cannot heal.
fn judge(error: &SdkError<PublishError>) -> Attempt {
    let Some(service) = error.as_service_error() else {
        let text = DisplayErrorContext(error).to_string();
        return Attempt::Failed(cut(&text, ANSWER_CHARS_MAX), None);
    };
    let code = service.code().unwrap_or("no code");
    let text = cut(
        &format!("{code}: {}", service.message().unwrap_or_default()),
        ANSWER_CHARS_MAX,
    );
    match code {
        "AuthorizationError" | "AuthorizationErrorException" | "AccessDenied" => {
            Attempt::Refused(format!("{text}; allow sns:Publish on the topic"))
        }
        "InvalidParameter"
        | "InvalidParameterException"
        | "ParameterValueInvalid"
        | "NotFound"
        | "NotFoundException"
        | "ValidationError"
        | "InvalidSecurity"
        | "EndpointDisabled" => Attempt::Refused(text),
        _ => Attempt::Failed(text, None),
    }
}
