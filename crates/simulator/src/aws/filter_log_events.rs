//! FilterLogEvents: the events of a group across its streams, a page at a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{AwsError, page_size};
use super::event_id::event_id;
use super::page::{Capacity, Page, Selection, Streams, read};
use super::pattern::Pattern;
use super::service::{Context, State, group_name, to_json};
use super::store::{EventKey, Group};
use super::token::Token;
use crate::random::{mix, mix_text};

const EVENTS_MAX: i64 = 10_000;
const STREAM_NAMES_MAX: usize = 100;
/// No more than so many pages in a row come back empty by way of a nuisance.
const EMPTY_PAGES_MAX: u32 = 3;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    events: Vec<FilteredEvent<'a>>,
    searched_log_streams: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredEvent<'a> {
    log_stream_name: &'a str,
    timestamp: i64,
    message: &'a str,
    ingestion_time: i64,
    event_id: String,
}

/// Answers one call.
pub(crate) fn filter_log_events(
    state: &mut State,
    context: Context<'_>,
    request: &Request,
) -> Result<Vec<u8>, AwsError> {
    let limit = page_size(request.limit, EVENTS_MAX)?;
    let name = group_name(
        request.log_group_name.as_deref(),
        request.log_group_identifier.as_deref(),
    )?;
    context.check_access(name, "FilterLogEvents")?;
    let group = state.store.group(name)?;
    let scope = scope(name, request);
    let token = request
        .next_token
        .as_deref()
        .map(|text| {
            let lifetime_ms = context.nuisances.token_lifetime_ms;
            Token::open(text, scope, (context.now_ms, lifetime_ms))
        })
        .transpose()?;
    let selection = selection(group, context, request, token)?;
    let empty_before = token.map_or(0, |token| token.empty_pages);
    let is_cut = state.random.chance(context.nuisances.empty_pages);
    let page = match is_cut && empty_before < EMPTY_PAGES_MAX {
        true if state.random.chance(0.5) => empty_page(&selection),
        is_cut => {
            let share = if is_cut {
                1 + state.random.below(16) as usize
            } else {
                16
            };
            let capacity = Capacity {
                events: (limit * share / 16).max(1),
                bytes: context.nuisances.page_bytes_max,
            };
            read(group, &selection, capacity)
        }
    };
    let empty_pages = if page.events.is_empty() {
        empty_before + 1
    } else {
        0
    };
    let next_token = page.next.map(|key| {
        let issued_ms = context.now_ms;
        Token {
            key,
            issued_ms,
            scope,
            empty_pages,
        }
        .seal()
    });
    to_json(&Answer {
        events: page
            .events
            .iter()
            .map(|(key, event)| FilteredEvent {
                log_stream_name: &event.stream,
                timestamp: key.time_ms,
                message: &event.message,
                ingestion_time: key.ingestion_ms,
                event_id: event_id(key),
            })
            .collect(),
        searched_log_streams: [],
        next_token,
    })
}

fn selection(
    group: &Group,
    context: Context<'_>,
    request: &Request,
    token: Option<Token>,
) -> Result<Selection, AwsError> {
    Ok(Selection {
        times_ms: (
            request.start_time.unwrap_or(i64::MIN),
            request.end_time.unwrap_or(i64::MAX),
        ),
        streams: streams(group, request)?,
        pattern: Pattern::parse(request.filter_pattern.as_deref().unwrap_or_default())?,
        is_backward: request.start_from_head == Some(false),
        after: token.map(|token| token.key),
        now_ms: context.now_ms,
    })
}

/// A page without events, whose token goes on where this one began.
fn empty_page<'a>(selection: &Selection) -> Page<'a> {
    let next = selection.after.unwrap_or(match selection.is_backward {
        false => EventKey::before(selection.times_ms.0),
        true => EventKey::behind(selection.times_ms.1),
    });
    Page {
        events: Vec::new(),
        next: Some(next),
    }
}

fn streams(group: &Group, request: &Request) -> Result<Streams, AwsError> {
    match (&request.log_stream_names, &request.log_stream_name_prefix) {
        (Some(_), Some(_)) => Err(AwsError::invalid_parameter(
            "LogStream name and LogStream name prefix are mutually exclusive parameters.",
        )),
        (Some(names), None) if names.len() > STREAM_NAMES_MAX => {
            Err(AwsError::invalid_parameter(format!(
                "1 validation error detected: Value at 'logStreamNames' failed to satisfy constraint: \
                 Member must have length less than or equal to {STREAM_NAMES_MAX}"
            )))
        }
        (Some(names), None) => names
            .iter()
            .map(|name| {
                group
                    .streams
                    .get(name.as_str())
                    .map(|stream| Arc::clone(&stream.name))
            })
            .collect::<Option<_>>()
            .map(Streams::Named)
            .ok_or_else(AwsError::no_stream),
        (None, Some(prefix)) => Ok(Streams::Prefix(prefix.clone())),
        (None, None) => Ok(Streams::All),
    }
}

/// What a token is bound to.
fn scope(group: &str, request: &Request) -> u64 {
    let text = |seed: u64, text: &Option<String>| mix_text(seed, text.as_deref().unwrap_or("\0"));
    let mut scope = text(mix_text(1, group), &request.filter_pattern);
    scope = text(scope, &request.log_stream_name_prefix);
    for name in request.log_stream_names.iter().flatten() {
        scope = mix_text(scope, name);
    }
    mix(scope, request.start_time.unwrap_or(i64::MIN) as u64)
}
