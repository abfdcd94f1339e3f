//! Sends a mail: the part of SMTP (RFC 5321) that a client of one's own mail server needs, with
//! STARTTLS or TLS from the first byte, and PLAIN login.
//!
//! A library would have changed how the TLS that everything else uses is built.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Secret, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Attempt;

/// Longest line of an answer, and longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 10;
/// Characters of a base64 line (RFC 2045 allows 76).
const LINE_CHARS: usize = 76;

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// It begins in the clear and must be encrypted before anything is said.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all.
    None,
}

impl Encryption {
    /// The usual port.
    pub(crate) const fn port(self) -> u16 {
        match self {
            Encryption::Starttls => 587,
            Encryption::Tls => 465,
            Encryption::None => 25,
        }
    }
}

/// A mail server, and how it is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    /// Certificates that are trusted instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) login: Option<(String, Secret)>,
}

/// A mail.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mail {
    pub(crate) server: Server,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The same for the same mail sent again.
    pub(crate) key: String,
    /// The same for all mails of a thread.
    pub(crate) thread: String,
    pub(crate) date: Timestamp,
}

/// Whether a text can be an address, and cannot be anything else in a command or header.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_plain = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|sign| sign.is_ascii_graphic() && !"<>(),;:\\\"[]@".contains(sign))
    };
    is_plain(name) && is_plain(domain)
}

/// What went wrong: the server's answer, or the connection.
enum Trouble {
    /// The server said a code; 4xx may pass, 5xx will not.
    Answer(u16, String),
    /// The connection failed.
    Connection(String),
    /// It can never work.
    Impossible(String),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Trouble::Connection(error.to_string())
    }
}

/// Sends once.
pub(super) async fn send(mail: &Mail) -> Attempt {
    match deliver(mail).await {
        Ok(answer) => Attempt::Sent(answer),
        Err(Trouble::Answer(code, text)) if code >= 500 => Attempt::Refused(text),
        Err(Trouble::Answer(_, text) | Trouble::Connection(text)) => Attempt::Failed(text, None),
        Err(Trouble::Impossible(text)) => Attempt::Refused(text),
    }
}

async fn deliver(mail: &Mail) -> Result<String, Trouble> {
    let server = &mail.server;
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    match server.encryption {
        Encryption::None => {
            let mut talk = Talk(BufReader::new(stream));
            talk.expect(220).await?;
            talk.hello().await?;
            talk.mail(mail).await
        }
        Encryption::Starttls => {
            let mut talk = Talk(BufReader::new(stream));
            talk.expect(220).await?;
            talk.hello().await?;
            talk.say("STARTTLS").await?;
            talk.expect(220).await?;
            if !talk.0.buffer().is_empty() {
                // Whatever came in the clear behind the answer was not said by the server.
                return Err(Trouble::Connection(
                    "the server spoke out of turn".to_owned(),
                ));
            }
            let stream = encrypt(server, talk.0.into_inner()).await?;
            let mut talk = Talk(BufReader::new(stream));
            talk.hello().await?;
            talk.login_and_mail(mail).await
        }
        Encryption::Tls => {
            let stream = encrypt(server, stream).await?;
            let mut talk = Talk(BufReader::new(stream));
            talk.expect(220).await?;
            talk.hello().await?;
            talk.login_and_mail(mail).await
        }
    }
}

async fn encrypt(
    server: &Server,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Trouble> {
    let impossible = |text: String| Trouble::Impossible(text);
    let roots = trusted(server.ca_file.as_deref()).map_err(impossible)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| impossible(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server.host.clone());
    let name = name.map_err(|_| impossible(format!("`{}` is no server name", server.host)))?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await;
    stream.map_err(|error| {
        Trouble::Connection(format!("the connection cannot be encrypted: {error}"))
    })
}

fn trusted(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable =
                |why: String| format!("cannot read certificates of `{}`: {why}", path.display());
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    match roots.is_empty() {
        true => Err("no certificates are trusted; name a `ca_file`".to_owned()),
        false => Ok(roots),
    }
}

/// A conversation with a mail server.
struct Talk<S: AsyncRead + AsyncWrite>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn say(&mut self, line: &str) -> Result<(), Trouble> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        Ok(self.0.flush().await?)
    }

    /// Reads an answer of one or more lines.
    async fn expect(&mut self, wanted: u16) -> Result<String, Trouble> {
        let mut answer = String::new();
        loop {
            let mut line = Vec::new();
            let mut limited = tokio::io::AsyncReadExt::take(&mut self.0, ANSWER_BYTES_MAX as u64);
            let read = limited.read_until(b'\n', &mut line).await?;
            if read == 0 || answer.len() + read > ANSWER_BYTES_MAX {
                return Err(Trouble::Connection(
                    "the mail server ended the conversation".to_owned(),
                ));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            answer = if answer.is_empty() {
                line
            } else {
                format!("{answer} {line}")
            };
            if is_last {
                break;
            }
        }
        let code = answer
            .get(..3)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        match code {
            code if code == wanted => Ok(answer),
            // An answer without a code is no answer: the server may be another one next time.
            0 => Err(Trouble::Connection(format!(
                "the mail server said `{answer}`"
            ))),
            code => Err(Trouble::Answer(
                code,
                format!("the mail server said `{answer}`"),
            )),
        }
    }

    async fn hello(&mut self) -> Result<(), Trouble> {
        self.say("EHLO nephoscope").await?;
        self.expect(250).await.map(drop)
    }

    async fn login_and_mail(&mut self, mail: &Mail) -> Result<String, Trouble> {
        if let Some((name, password)) = &mail.server.login {
            let secret = STANDARD.encode(format!("\0{name}\0{}", password.expose()));
            self.say(&format!("AUTH PLAIN {secret}")).await?;
            self.expect(235).await?;
        }
        self.mail(mail).await
    }

    async fn mail(&mut self, mail: &Mail) -> Result<String, Trouble> {
        self.say(&format!("MAIL FROM:<{}>", mail.from)).await?;
        self.expect(250).await?;
        for to in &mail.to {
            self.say(&format!("RCPT TO:<{to}>")).await?;
            self.expect(250).await?;
        }
        self.say("DATA").await?;
        self.expect(354).await?;
        self.0.write_all(mail.to_text().as_bytes()).await?;
        self.say(".").await?;
        let answer = self.expect(250).await?;
        // It is accepted; how the conversation ends changes nothing.
        drop(self.say("QUIT").await);
        Ok(answer)
    }
}

impl Mail {
    /// The mail as it goes over the wire. Bodies are base64, so no line begins with a point.
    fn to_text(&self) -> String {
        let domain = self.from.rsplit('@').next().unwrap_or("nephoscope");
        let boundary = format!("=_{}", sign(&self.key));
        let thread = format!("<{}@{domain}>", sign(&self.thread));
        let part = |kind: &str, text: &str| {
            format!(
                "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
                folded(&STANDARD.encode(text))
            )
        };
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{domain}>\r\n\
             In-Reply-To: {thread}\r\nReferences: {thread}\r\nAuto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n{}{}--{boundary}--\r\n",
            self.from,
            self.to.join(",\r\n "),
            header(&self.subject),
            date(self.date),
            sign(&self.key),
            part("plain", &self.text),
            part("html", &self.html),
        )
    }

    #[cfg(test)]
    pub(crate) fn to_bytes_for_test(&self) -> String {
        let text = self.to_text().replace("\r\n", "\n");
        format!("{text}\n--- text\n{}\n--- html\n{}\n", self.text, self.html)
    }
}

/// A short name for a key, safe in a header.
fn sign(key: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(key.as_bytes()))
}

/// Text in a header (RFC 2047): words of at most 75 characters, cut between characters.
fn header(text: &str) -> String {
    let is_plain = text.len() <= 60
        && text
            .chars()
            .all(|sign| sign.is_ascii_graphic() || sign == ' ');
    if is_plain && !text.starts_with("=?") {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for sign in text.chars() {
        if word.len() + sign.len_utf8() > 42 {
            words.push(std::mem::take(&mut word));
        }
        word.push(sign);
    }
    words.push(word);
    let words = words
        .iter()
        .map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

fn folded(base64: &str) -> String {
    let bytes = base64.as_bytes().chunks(LINE_CHARS);
    let lines = bytes.map(|line| format!("{}\r\n", String::from_utf8_lossy(line)));
    lines.collect()
}

/// As RFC 5322 writes it.
fn date(moment: Timestamp) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(moment.nanos())).unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_hold_any_text_and_no_second_header() {
        assert_eq!(header("[critical] a: b"), "[critical] a: b");
        let long = header(&format!("Größe\r\nBcc: x@y {}", "ü".repeat(60)));
        for line in long.split("\r\n ") {
            assert!(line.len() <= 75 && line.starts_with("=?UTF-8?B?"), "{line}");
        }
        assert!(!long.contains("Bcc"));
    }

    #[test]
    fn dates_are_written_as_mail_wants_them() {
        assert_eq!(
            date(Timestamp::from_millis(1_763_909_520_000)),
            "Sun, 23 Nov 2025 14:52:00 +0000"
        );
    }

    #[test]
    fn an_address_is_nothing_else() {
        assert!(is_address("on.call+x@example.com"));
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b>",
            "a@b\r\nRCPT TO:<x@y",
            "a@b@c",
            "ä@b",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
