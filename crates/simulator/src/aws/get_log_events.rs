//! GetLogEvents: the events of one stream, forward or backward, with tokens that never end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{AwsError, page_size};
use super::page::{Capacity, Selection, Streams, read};
use super::pattern::Pattern;
use super::service::{Context, State, group_name, to_json};
use super::store::{EventKey, Stream};
use super::token::Token;
use crate::random::mix_text;

const EVENTS_MAX: i64 = 10_000;
const FORWARD: &str = "f/";
const BACKWARD: &str = "b/";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    events: Vec<OutputEvent<'a>>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputEvent<'a> {
    timestamp: i64,
    message: &'a str,
    ingestion_time: i64,
}

/// Answers one call.
pub(crate) fn get_log_events(
    state: &mut State,
    context: Context<'_>,
    request: &Request,
) -> Result<Vec<u8>, AwsError> {
    let limit = page_size(request.limit, EVENTS_MAX)?;
    let name = group_name(
        request.log_group_name.as_deref(),
        request.log_group_identifier.as_deref(),
    )?;
    context.check_access(name, "GetLogEvents")?;
    let group = state.store.group(name)?;
    let stream = group
        .streams
        .get(request.log_stream_name.as_str())
        .ok_or_else(AwsError::no_stream)?;
    let scope = mix_text(mix_text(2, name), &stream.name);
    let (is_backward, after) = position(context, request, scope)?;
    let mut selection = Selection {
        times_ms: times_ms(request, stream),
        streams: Streams::Named(vec![Arc::clone(&stream.name)]),
        pattern: Pattern::default(),
        is_backward,
        after,
        now_ms: context.now_ms,
    };
    selection.clamp_position();
    let capacity = Capacity {
        events: limit,
        bytes: context.nuisances.page_bytes_max,
    };
    let mut events = read(group, &selection, capacity).events;
    if is_backward {
        events.reverse();
    }
    let seal = |prefix: &str, key: EventKey| {
        let issued_ms = context.now_ms;
        format!(
            "{prefix}{}",
            Token {
                key,
                issued_ms,
                scope,
                empty_pages: 0
            }
            .seal()
        )
    };
    let here = after.unwrap_or(EventKey::before(request.start_time.unwrap_or(0)));
    let first = events.first().map_or(here, |(key, _)| **key);
    let last = events.last().map_or(here, |(key, _)| **key);
    let mut answer = Answer {
        events: events
            .iter()
            .map(|(key, event)| OutputEvent {
                timestamp: key.time_ms,
                message: &event.message,
                ingestion_time: key.ingestion_ms,
            })
            .collect(),
        next_forward_token: seal(FORWARD, last),
        next_backward_token: seal(BACKWARD, first),
    };
    // The end of a stream, at either side, is told by the token that was sent.
    if let (true, Some(token)) = (answer.events.is_empty(), &request.next_token) {
        match is_backward {
            true => answer.next_backward_token.clone_from(token),
            false => answer.next_forward_token.clone_from(token),
        }
    }
    to_json(&answer)
}

/// The first and the last millisecond to read. The end of the range is exclusive here, unlike in
/// FilterLogEvents; the stream's own times spare a walk over the whole group.
fn times_ms(request: &Request, stream: &Stream) -> (i64, i64) {
    let (first, last) = stream.times_ms.unwrap_or((0, -1));
    let end = request
        .end_time
        .map_or(i64::MAX, |end| end.saturating_sub(1));
    (
        request.start_time.unwrap_or(i64::MIN).max(first),
        end.min(last),
    )
}

/// The direction to read in and the event to begin behind.
fn position(
    context: Context<'_>,
    request: &Request,
    scope: u64,
) -> Result<(bool, Option<EventKey>), AwsError> {
    let Some(text) = request.next_token.as_deref() else {
        return Ok((request.start_from_head != Some(true), None));
    };
    let (is_backward, text) = match (text.strip_prefix(FORWARD), text.strip_prefix(BACKWARD)) {
        (Some(text), _) => (false, text),
        (_, Some(text)) => (true, text),
        _ => return Err(AwsError::invalid_token()),
    };
    let lifetime_ms = context.nuisances.token_lifetime_ms;
    let token = Token::open(text, scope, (context.now_ms, lifetime_ms))?;
    Ok((is_backward, Some(token.key)))
}
