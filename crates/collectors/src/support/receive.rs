//! What all receivers share: finding the source that a token names, reading a body under a cap,
//! and handing over what was sent. A request is acknowledged when its events are durable.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use model::limits::REQUEST_BYTES_MAX;
use model::{Checkpoint, Clock, EventBatch, EventSink, Receipt, SinkError, Timestamp};
use tokio_util::sync::CancellationToken;

use super::dead_letters::{self, DeadLetter};
use super::decompress::{DecompressError, decompress};
use super::secret::Secret;
use crate::status::{Monitor, SourceState};

/// A body that is too large is read and thrown away up to here, so that senders that do not
/// listen while they send still get the answer.
const DRAIN_BYTES_MAX: usize = 8 * REQUEST_BYTES_MAX;
/// Bodies from this size on are decoded beside the threads that serve the network.
const BLOCKING_FROM_BYTES: usize = 64 << 10;
/// Seconds after which a sender may try again that was asked to wait.
const RETRY_AFTER_SECONDS: u64 = 1;
/// The same for one whose source is paused.
const PAUSED_RETRY_AFTER_SECONDS: u64 = 30;

/// Why a request was refused, and what its sender is told.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) problem: String,
    /// Seconds after which the sender may try again, if that may help.
    pub(crate) retry_after: Option<u64>,
    /// What could not be read, if it is that.
    pub(crate) letter: Option<Box<DeadLetter>>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, problem: impl Into<String>) -> Self {
        let may_try_again = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        Refused {
            status,
            problem: problem.into(),
            retry_after: may_try_again
                .contains(&status)
                .then_some(RETRY_AFTER_SECONDS),
            letter: None,
        }
    }

    /// The same because of what is in `payload`.
    pub(crate) fn because_of(self, payload: &[u8]) -> Self {
        let letter = DeadLetter::new(self.problem.as_str(), payload);
        Refused {
            letter: Some(Box::new(letter)),
            ..self
        }
    }

    /// The source is paused; its senders keep what they have.
    fn paused(source: &str) -> Self {
        let problem = format!("source `{source}` is paused; nothing of the request was stored");
        Refused {
            retry_after: Some(PAUSED_RETRY_AFTER_SECONDS),
            ..Refused::new(StatusCode::SERVICE_UNAVAILABLE, problem)
        }
    }

    /// The request cannot be understood; sending it again does not help.
    pub(crate) fn bad(problem: impl Into<String>) -> Self {
        Refused::new(StatusCode::BAD_REQUEST, problem)
    }
}

/// The largest body, after decompression, and the limit's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
}

impl BodyLimit {
    /// The limit of receivers that have none of their own.
    pub(crate) const USUAL: BodyLimit = BodyLimit {
        name: "REQUEST_BYTES_MAX",
        bytes: REQUEST_BYTES_MAX,
    };

    fn refusal(self, error: &DecompressError) -> Refused {
        match error {
            DecompressError::TooLarge(_) => Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!(
                    "the body is larger than {}, {} bytes ({} MiB) uncompressed; nothing of it \
                     was stored; send smaller requests",
                    self.name,
                    self.bytes,
                    self.bytes >> 20
                ),
            ),
            DecompressError::Broken { .. } => {
                Refused::bad(format!("{error}; nothing of it was stored"))
            }
            DecompressError::Unknown(_) => {
                Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string())
            }
        }
    }
}

/// Sources by the token that their senders give. They come and go while requests are answered.
pub(crate) struct Tokens<R>(RwLock<Vec<Known<R>>>);

struct Known<R> {
    token: Digest,
    /// Cancelled when the source is not there any more.
    stop: CancellationToken,
    source: Arc<R>,
}

impl<R> Default for Tokens<R> {
    fn default() -> Self {
        Tokens(RwLock::default())
    }
}

impl<R> Tokens<R> {
    /// Adds a source, which is found until `stop`. It takes the place of one with its token.
    pub(crate) fn add(&self, token: &Secret, stop: &CancellationToken, source: R) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| !known.stop.is_cancelled());
        known.push(Known {
            token: digest(&SHA256, token.expose().as_bytes()),
            stop: stop.clone(),
            source: Arc::new(source),
        });
    }

    /// The source of this token. How long it takes says nothing about any token.
    pub(crate) fn find(&self, token: &str) -> Option<Arc<R>> {
        let given = digest(&SHA256, token.as_bytes());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for known in known.iter() {
            let token = known.token.as_ref();
            let compared = constant_time::verify_slices_are_equal(token, given.as_ref());
            if compared.is_ok() && !known.stop.is_cancelled() {
                found = Some(&known.source);
            }
        }
        found.map(Arc::clone)
    }
}

/// Where one source puts what it was sent, and notes how it is doing.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub(crate) source: String,
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) monitor: Arc<Monitor>,
    /// Cancelled when the source is not there any more.
    pub(crate) stop: CancellationToken,
}

impl Inbox {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Stores a batch. `key` is the sender's own for it: a repeated one is acknowledged and not
    /// stored again.
    pub(crate) async fn store(
        &self,
        mut batch: EventBatch,
        key: Option<String>,
    ) -> Result<Receipt, Refused> {
        if self.monitor.is_paused() {
            return Err(Refused::paused(&self.source));
        }
        if batch.events.is_empty() && batch.samples.is_empty() {
            return Ok(Receipt {
                stored: 0,
                repeated: 0,
            });
        }
        batch.idempotency_key = key.map(|key| format!("{}\u{0}{key}", self.source));
        let (state, status, problem) = match self.sink.append(batch).await {
            Ok(receipt) => {
                self.monitor.received(None, receipt);
                self.monitor.set_state(SourceState::Running);
                return Ok(receipt);
            }
            Err(busy @ SinkError::Busy(_)) => (
                SourceState::Waiting,
                StatusCode::TOO_MANY_REQUESTS,
                busy.to_string(),
            ),
            Err(failed @ SinkError::Failed(_)) => (
                SourceState::Retrying,
                StatusCode::SERVICE_UNAVAILABLE,
                failed.to_string(),
            ),
        };
        self.monitor.set_state(state);
        Err(Refused::new(status, problem))
    }

    /// Notes that a request was refused, and keeps what could not be read.
    pub(crate) async fn refused(&self, refused: &Refused) {
        self.note(&refused.problem);
        if let Some(letter) = &refused.letter
            && !self.monitor.is_paused()
        {
            dead_letters::keep(letter, &*self.sink, &self.monitor, self.now()).await;
        }
    }

    /// Notes what a sender is told that did not go as it should.
    pub(crate) fn note(&self, problem: &str) {
        if self.monitor.is_paused() {
            return;
        }
        self.monitor.failed(problem.to_owned(), self.now());
    }
}

/// How long ids of events are remembered that are sent and not pulled: senders try again for some
/// hours, and clouds send the same event again for up to a day.
const IDS_KEPT_NANOS: i64 = 24 * 3_600 * 1_000_000_000;

/// Lets the ids be forgotten that are older than senders repeat themselves. Nobody reads its
/// position.
pub(crate) fn forget_old_ids(source: &str, origin: &str, now: Timestamp) -> Checkpoint {
    Checkpoint {
        source: source.to_owned(),
        origin: origin.to_owned(),
        reread_from: now.saturating_add_nanos(-IDS_KEPT_NANOS),
        position: serde_json::Value::Null,
    }
}

/// A header's text; `None` if it is missing or empty.
pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = header(headers, AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim().to_owned())
}

/// Reads a body and gives it, decompressed, to `decode`; a large one beside the threads that
/// serve the network.
///
/// # Errors
/// If the body is broken or larger than the limit, and what `decode` refuses.
pub(crate) async fn decoded<T, F>(
    headers: &HeaderMap,
    body: Body,
    limit: BodyLimit,
    decode: F,
) -> Result<T, Refused>
where
    T: Send + 'static,
    F: FnOnce(Bytes) -> Result<T, Refused> + Send + 'static,
{
    let body = read(headers, body, limit).await?;
    let encoding = header(headers, CONTENT_ENCODING.as_str()).unwrap_or_default();
    let is_large = is_large(&body) || !encoding.is_empty();
    let work = move || {
        let opened = decompress(&encoding, body.clone(), limit.bytes);
        let opened = opened.map_err(|error| limit.refusal(&error).because_of(&body))?;
        decode(opened.clone()).map_err(|refused| refused.because_of(&opened))
    };
    beside_the_network(is_large, work).await
}

/// Whether a body is so large that others would wait while it is decoded.
pub(crate) fn is_large(body: &Bytes) -> bool {
    body.len() >= BLOCKING_FROM_BYTES
}

/// Decodes, if it takes long, beside the threads that serve the network.
///
/// # Errors
/// What `work` refuses.
pub(crate) async fn beside_the_network<T, F>(is_long: bool, work: F) -> Result<T, Refused>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Refused> + Send + 'static,
{
    if !is_long {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Refused::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("cannot decode the body: {error}"),
        )
    })?
}

async fn read(headers: &HeaderMap, body: Body, limit: BodyLimit) -> Result<Bytes, Refused> {
    let too_large = || limit.refusal(&DecompressError::TooLarge(limit.bytes));
    let announced = header(headers, CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse::<usize>().ok())
        .unwrap_or(0);
    if announced > limit.bytes && headers.contains_key(EXPECT) {
        return Err(too_large());
    }
    let mut stream = body.into_data_stream();
    let mut kept = BytesMut::with_capacity(announced.min(limit.bytes));
    let mut bytes_read = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk =
            chunk.map_err(|error| Refused::bad(format!("the body ended too early: {error}")))?;
        bytes_read = bytes_read.saturating_add(chunk.len());
        if bytes_read <= limit.bytes && announced <= limit.bytes {
            kept.extend_from_slice(&chunk);
        } else {
            kept = BytesMut::new();
        }
        if bytes_read > DRAIN_BYTES_MAX {
            break;
        }
    }
    if bytes_read > limit.bytes {
        return Err(too_large());
    }
    Ok(kept.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_finds_its_source_and_nothing_else_does() {
        let (tokens, stop) = (Tokens::default(), CancellationToken::new());
        tokens.add(&Secret::new("a"), &stop, 1);
        tokens.add(&Secret::new("b"), &stop, 2);
        assert_eq!(tokens.find("b").as_deref(), Some(&2));
        for other in ["", "c", "ab", "a "] {
            assert_eq!(tokens.find(other), None, "{other}");
        }
    }

    #[test]
    fn a_source_is_found_until_it_is_gone_or_another_takes_its_place() {
        let tokens = Tokens::default();
        let stops = [1, 2].map(|number| {
            let stop = CancellationToken::new();
            tokens.add(&Secret::new("a"), &stop, number);
            stop
        });
        assert_eq!(tokens.find("a").as_deref(), Some(&2));
        stops[0].cancel();
        assert_eq!(tokens.find("a").as_deref(), Some(&2));
        stops[1].cancel();
        assert_eq!(tokens.find("a"), None);
    }
}
