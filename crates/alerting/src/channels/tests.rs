//! What every channel sends, as golden files; and that no secret is shown.

use expect_test::expect_file;

use super::*;
use crate::notification::testing::{firing, mixed, resolved};

#[derive(Deserialize)]
struct File {
    channels: Vec<ChannelConfig>,
}

fn channel(text: &str) -> ChannelConfig {
    let mut file: File = toml::from_str(text).unwrap();
    file.channels.remove(0)
}

/// What is sent, as text.
fn written(outgoing: Outgoing) -> String {
    match outgoing {
        Outgoing::Http(message) => {
            let body = serde_json::to_string_pretty(&message.body).unwrap();
            format!("POST {}\n\n{body}\n", message.url)
        }
        Outgoing::Mail(mail) => mail.to_bytes_for_test(),
        Outgoing::Topic(publication) => format!("{publication:#?}\n"),
    }
}

#[test]
fn every_channel_writes_what_its_receiver_reads() {
    for descriptor in channel_kinds() {
        let channel = channel(descriptor.example);
        for (name, notification) in [
            ("firing", firing()),
            ("resolved", resolved()),
            ("mixed", mixed()),
        ] {
            if channel.is_per_alert() && notification.alerts.len() > 1 {
                continue;
            }
            let written = written(channel.compose(&notification, "the-key"));
            let path = format!("golden/{}-{name}.txt", descriptor.kind);
            expect_file![path].assert_eq(&written);
        }
    }
}

#[test]
fn every_example_is_a_valid_channel_of_its_kind() {
    for descriptor in channel_kinds() {
        let channel = channel(descriptor.example);
        assert_eq!(channel.kind(), descriptor.kind);
        channel.validate().unwrap();
    }
    assert!(channel_kinds().is_sorted_by_key(|descriptor| descriptor.kind));
}

#[test]
fn secrets_are_not_shown() {
    let texts = [
        "[[channels]]\nname='a'\nkind='slack'\nurl='https://hooks.slack.com/services/hunter2'",
        "[[channels]]\nname='a'\nkind='teams'\nurl='https://x.example/hunter2'",
        "[[channels]]\nname='a'\nkind='pagerduty'\nrouting_key='hunter2'",
        "[[channels]]\nname='a'\nkind='webhook'\nurl='https://x.example/'\nheaders={Authorization='hunter2'}",
        "[[channels]]\nname='a'\nkind='email'\nserver='s'\nfrom='a@b'\nto=['a@b']\nusername='u'\npassword='hunter2'",
    ];
    for text in texts {
        let channel = channel(text);
        assert!(
            !format!("{channel:?} {}", channel.target()).contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn what_cannot_work_is_refused() {
    let texts = [
        ("kind='webhook'\nurl='ftp://x'", "http or https"),
        ("kind='email'\nserver='s'\nfrom='a@b'\nto=[]", "recipients"),
        (
            "kind='email'\nserver='s'\nfrom='ab'\nto=['a@b']",
            "not a mail address",
        ),
        (
            "kind='email'\nserver='s'\nfrom='a@b'\nto=['a@b\\r\\nX: y']",
            "not a mail address",
        ),
        (
            "kind='email'\nserver='s'\nfrom='a@b'\nto=['a@b']\nusername='u'",
            "belong together",
        ),
        (
            "kind='email'\nserver='s'\nfrom='a@b'\nto=['a@b']\nusername='u'\npassword='p'\nencryption='none'",
            "without encryption",
        ),
    ];
    for (text, expected) in texts {
        let text = text
            .replace("\\r\\n", "\\u000d\\u000a")
            .replace("'a@b\\u", "\"a@b\\u")
            .replace("y']", "y\"]");
        let said = channel(&format!("[[channels]]\nname='a'\n{text}"))
            .validate()
            .unwrap_err();
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let mut many = firing();
    many.alerts = vec![many.alerts[0].clone(); 30];
    let slack = channel(channel_kinds()[3].example);
    assert!(written(slack.compose(&many, "k")).contains("and 20 more"));
}
