//! `sns`: publishes to a topic of Amazon SNS, which hands it on to queues, functions, mail and
//! telephones.

use serde::Deserialize;

use super::{ChannelDescriptor, Outgoing};
use crate::deliver::topic::Publication;
use crate::notification::{Notification, cut};

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "sns",
    summary: "Publishes to a topic of Amazon SNS.",
    example: "[[channels]]\nname = \"topic\"\nkind = \"sns\"\ntopic_arn = \"arn:aws:sns:eu-west-1:123456789012:oncall\"\n",
};

/// Longest subject, in characters: it must be shorter than 100.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_CHARS_MAX: usize = 99;
/// Longest message, in bytes; SNS allows 262,144 with the attributes.
const MESSAGE_BYTES_MAX: usize = 250_000;
const FIFO_ENDING: &str = ".fifo";

/// A `[[channels]]` table of kind `sns`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// The topic. One that ends in `.fifo` keeps order, and drops what comes twice.
    pub topic_arn: String,
    /// A profile of the AWS configuration instead of the default credentials.
    #[serde(default)]
    pub profile: Option<String>,
    /// Another address than AWS's own, for emulators.
    #[serde(default)]
    pub endpoint_url: Option<String>,
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), String> {
        let parts: Vec<&str> = self.topic_arn.split(':').collect();
        let is_topic = matches!(
            parts[..],
            ["arn", _, "sns", region, account, topic]
                if ![region, account, topic].contains(&"")
        );
        if !is_topic {
            return Err(format!(
                "`topic_arn` is `{}`; write the ARN of a topic, such as \
                 `arn:aws:sns:eu-west-1:123456789012:oncall`",
                self.topic_arn
            ));
        }
        let is_address = |url: &String| {
            let url = reqwest::Url::parse(url);
            url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        match &self.endpoint_url {
            Some(url) if !is_address(url) => {
                Err("`endpoint_url` is not an http or https address".to_owned())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn target(&self) -> String {
        self.topic_arn.clone()
    }

    pub(super) fn compose(&self, notification: &Notification, key: &str) -> Outgoing {
        let attributes = [
            ("status", notification.status()),
            ("severity", notification.severity().name()),
            ("monitor", &notification.monitor.name),
            ("idempotency_key", key),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Outgoing::Topic(Publication {
            topic_arn: self.topic_arn.clone(),
            region: self
                .topic_arn
                .split(':')
                .nth(3)
                .unwrap_or_default()
                .to_owned(),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            subject: subject(&notification.title()),
            message: message(notification.text()),
            group: self
                .topic_arn
                .ends_with(FIFO_ENDING)
                .then(|| notification.monitor.id.clone()),
            attributes: attributes.into(),
        })
    }
}

/// A subject is one line of ASCII that begins with a letter, a number or a sign.
fn subject(title: &str) -> String {
    let letters = title.chars().map(|letter| match letter {
        '—' | '–' | '·' => '-',
        '…' => '.',
        letter if letter.is_ascii() && !letter.is_ascii_control() => letter,
        letter if letter.is_whitespace() => ' ',
        _ => '?',
    });
    let subject: String = letters.take(SUBJECT_CHARS_MAX).collect();
    subject.trim().to_owned()
}

fn message(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        text = cut(&text, MESSAGE_BYTES_MAX / char::MAX.len_utf8());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_short_line_of_ascii() {
        assert_eq!(subject("critical — größer\n"), "critical - gr??er");
        assert_eq!(subject(&"x".repeat(500)).len(), SUBJECT_CHARS_MAX);
    }

    #[test]
    fn a_message_is_cut_between_letters() {
        let cut = message("ß".repeat(MESSAGE_BYTES_MAX));
        assert!(cut.len() <= MESSAGE_BYTES_MAX, "{}", cut.len());
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for wrong in [
            "",
            "oncall",
            "arn:aws:sqs:eu-west-1:1:q",
            "arn:aws:sns::1:t",
        ] {
            let config = Config {
                name: "a".to_owned(),
                topic_arn: wrong.to_owned(),
                profile: None,
                endpoint_url: None,
            };
            assert!(
                config.validate().unwrap_err().contains("topic_arn"),
                "{wrong}"
            );
        }
    }
}
