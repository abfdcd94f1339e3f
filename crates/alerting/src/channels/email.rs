//! `email`: a mail for each notification. All mails about one monitor's alert form a thread.

use model::Secret;
use serde::Deserialize;

use super::{ChannelDescriptor, Outgoing};
use crate::deliver::smtp::{self, Encryption, Mail};
use crate::notification::Notification;

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "email",
    summary: "Writes mail, through an SMTP server.",
    example: "[[channels]]\nname = \"mail\"\nkind = \"email\"\nserver = \"smtp.example.com\"\nfrom = \"nephoscope@example.com\"\nto = [\"oncall@example.com\"]\n",
};

/// Recipients of one channel (Sumo Logic's own limit).
const RECIPIENTS_MAX: usize = 100;

/// A `[[channels]]` table of kind `email`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// The SMTP server's name or address.
    pub server: String,
    /// Its port; 587, or 465 with `encryption = "tls"`, or 25 without encryption, if not said.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub encryption: Encryption,
    /// A file with the certificates (PEM) that are trusted instead of the system's.
    #[serde(default)]
    pub ca_file: Option<std::path::PathBuf>,
    /// Who logs in; nobody if not said.
    #[serde(default)]
    pub username: Option<String>,
    /// With which password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.to.is_empty() || self.to.len() > RECIPIENTS_MAX {
            return Err(format!(
                "`to` must name between 1 and {RECIPIENTS_MAX} recipients"
            ));
        }
        let mut addresses = self.to.iter().chain([&self.from]);
        if let Some(wrong) = addresses.find(|address| !smtp::is_address(address)) {
            return Err(format!(
                "`{wrong}` is not a mail address; write `name@example.com`"
            ));
        }
        if self.username.is_some() != self.password.is_some() {
            return Err("`username` and `password` belong together".to_owned());
        }
        if self.username.is_some() && self.encryption == Encryption::None {
            return Err("a password is not sent without encryption".to_owned());
        }
        Ok(())
    }

    pub(super) fn target(&self) -> String {
        self.to.join(", ")
    }

    pub(super) fn compose(&self, notification: &Notification, key: &str) -> Outgoing {
        Outgoing::Mail(Mail {
            server: smtp::Server {
                host: self.server.clone(),
                port: self.port.unwrap_or(self.encryption.port()),
                encryption: self.encryption,
                ca_file: self.ca_file.clone(),
                login: self.username.clone().zip(self.password.clone()),
            },
            from: self.from.clone(),
            to: self.to.clone(),
            subject: notification.title(),
            text: notification.text(),
            html: html(notification),
            key: key.to_owned(),
            thread: thread(notification),
            date: notification.at,
        })
    }
}

/// Mails about the same alert, or else about the same monitor, are of one thread.
fn thread(notification: &Notification) -> String {
    match notification.alerts.as_slice() {
        [alert] => alert.id.clone(),
        _ => notification.monitor.id.clone(),
    }
}

fn html(notification: &Notification) -> String {
    let monitor = &notification.monitor;
    let mut html = format!(
        "<html><body style=\"font-family:sans-serif\"><h2>{}</h2><p>{}</p>",
        escaped(&notification.title()),
        escaped(&monitor.description)
    );
    for alert in &notification.alerts {
        html.push_str(&format!("<h3>{}: {}</h3><p>since {}<br><a href=\"{}\">Alert</a> · <a href=\"{}\">Exact search</a></p>",
            alert.word(),
            escaped(&alert.sentence()),
            alert.began_at,
            escaped(&alert.alert_url),
            escaped(&alert.search_url)));
        if !alert.samples.is_empty() {
            let lines = alert.samples.iter().map(|line| escaped(&line.text));
            html.push_str(&format!(
                "<pre>{}</pre>",
                lines.collect::<Vec<_>>().join("\n")
            ));
        }
    }
    html.push_str(&format!(
        "<h3>Query</h3><pre>{}</pre>",
        escaped(&monitor.query)
    ));
    if !monitor.runbook.is_empty() {
        html.push_str(&format!(
            "<h3>Runbook</h3><pre>{}</pre>",
            escaped(&monitor.runbook)
        ));
    }
    html.push_str("</body></html>");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
