//! How AWS is asked: the region, the credentials and the waits that all collectors of AWS share, and
//! what its refusals mean.

use std::fmt::Debug;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatchlogs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::refusal::Refusal;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Which account and region are asked, and as whom. An empty setting is as good as none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) region: &'a str,
    /// Another address than AWS's own, for emulators.
    pub(crate) endpoint_url: Option<&'a str>,
    pub(crate) profile: Option<&'a str>,
    pub(crate) role_arn: Option<&'a str>,
    pub(crate) external_id: Option<&'a str>,
}

impl Access<'_> {
    /// What a client needs of it; the client neither repeats calls nor waits for a turn.
    pub(crate) async fn connect(&self) -> SdkConfig {
        let given =
            |setting: Option<&str>| Some(setting?.to_owned()).filter(|text| !text.is_empty());
        let region = Region::new(self.region.to_owned());
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
        if let Some(profile) = given(self.profile) {
            loader = loader.profile_name(profile);
        } else if self.is_emulator() && given(self.role_arn).is_none() {
            loader = loader.credentials_provider(emulator_credentials());
        }
        let shared = loader.load().await;
        let mut settings = shared.to_builder();
        if let Some(role_arn) = given(self.role_arn) {
            let mut role = aws_config::sts::AssumeRoleProvider::builder(role_arn)
                .session_name("nephoscope")
                .region(region)
                .configure(&shared);
            if let Some(external_id) = given(self.external_id) {
                role = role.external_id(external_id);
            }
            let provider = SharedCredentialsProvider::new(role.build().await);
            settings = settings.credentials_provider(provider);
        }
        if let Some(endpoint_url) = given(self.endpoint_url) {
            settings = settings.endpoint_url(endpoint_url);
        }
        settings.build()
    }

    /// What tells one account and region from another without asking AWS.
    pub(crate) fn quota(&self) -> [Option<&str>; 4] {
        [
            Some(self.region),
            self.endpoint_url,
            self.profile,
            self.role_arn,
        ]
    }

    /// Whether an emulator is asked: AWS itself is never asked without TLS.
    fn is_emulator(&self) -> bool {
        self.endpoint_url
            .is_some_and(|url| url.starts_with("http://"))
    }
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

/// What AWS said no with.
#[derive(Debug)]
pub(crate) struct Said {
    /// Empty if AWS did not answer.
    pub(crate) code: String,
    /// The whole of it, for people.
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn by<E, R>(error: &SdkError<E, R>) -> Said
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug,
    {
        let code = error.code().unwrap_or_default();
        let text = match code {
            "" => DisplayErrorContext(error).to_string(),
            code => format!("{code}: {}", error.message().unwrap_or_default()),
        };
        Said {
            code: code.to_owned(),
            text,
        }
    }

    /// What it means, as far as all services of AWS agree.
    pub(crate) fn refusal(self) -> Refusal {
        match self.code.as_str() {
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "LimitExceededException" => Refusal::Throttled {
                text: self.text,
                wait: None,
            },
            _ => Refusal::Other(self.text),
        }
    }
}
