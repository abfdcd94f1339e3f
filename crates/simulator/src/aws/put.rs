//! Operations that change something: PutLogEvents, and creating and deleting groups and streams.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::AwsError;
use super::service::{Context, State, group_name};
use super::store::{Event, EventKey};

const BATCH_BYTES_MAX: usize = 1_048_576;
const BATCH_EVENTS_MAX: usize = 10_000;
const EVENT_BYTES: usize = 26;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const NAME_LENGTH_MAX: usize = 512;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutRequest {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
}

#[derive(Debug, Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutAnswer {
    next_sequence_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_log_events_info: Option<Rejected>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rejected {
    #[serde(skip_serializing_if = "Option::is_none")]
    too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    too_old_log_event_end_index: Option<usize>,
}

/// Answers PutLogEvents.
pub(crate) fn log_events(
    state: &mut State,
    context: Context<'_>,
    request: PutRequest,
) -> Result<PutAnswer, AwsError> {
    check_batch(&request.log_events)?;
    let group = state.store.group_mut(&request.log_group_name)?;
    let stream = group
        .streams
        .get(request.log_stream_name.as_str())
        .ok_or_else(AwsError::no_stream)?;
    let stream = Arc::clone(&stream.name);
    state.put_requests += 1;
    let oldest_ms = context.now_ms - 14 * DAY_MS;
    let newest_ms = context.now_ms + 2 * HOUR_MS;
    let events = &request.log_events;
    let begin = events.partition_point(|event| event.timestamp < oldest_ms);
    let end = events.partition_point(|event| event.timestamp <= newest_ms);
    let rejected = Rejected {
        too_new_log_event_start_index: (end < events.len()).then_some(end),
        too_old_log_event_end_index: (begin > 0).then_some(begin),
    };
    let is_all_accepted = begin == 0 && end == events.len();
    let visible_ms = context.now_ms + i64::from(context.nuisances.ingestion_delay_ms);
    let accepted = request.log_events.into_iter().take(end).skip(begin);
    for (index, event) in accepted.enumerate() {
        let key = EventKey {
            time_ms: event.timestamp,
            ingestion_ms: context.now_ms,
            request: state.put_requests,
            index: index as u32,
        };
        let stream = Arc::clone(&stream);
        group.append(
            key,
            Event {
                stream,
                message: event.message,
                visible_ms,
            },
        );
    }
    Ok(PutAnswer {
        next_sequence_token: format!("{:056}", 49_039_859_u64 + state.put_requests),
        rejected_log_events_info: (!is_all_accepted).then_some(rejected),
    })
}

fn check_batch(events: &[InputEvent]) -> Result<(), AwsError> {
    if events.is_empty() || events.len() > BATCH_EVENTS_MAX {
        return Err(AwsError::invalid_parameter(format!(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: \
             Member must have length between 1 and {BATCH_EVENTS_MAX}"
        )));
    }
    let bytes: usize = events
        .iter()
        .map(|event| event.message.len() + EVENT_BYTES)
        .sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(AwsError::invalid_parameter(format!(
            "Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"
        )));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(AwsError::invalid_parameter(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let times = events.first().zip(events.last());
    if times.is_some_and(|(first, last)| last.timestamp - first.timestamp > DAY_MS) {
        return Err(AwsError::invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamRequest {
    log_group_name: String,
    log_stream_name: String,
}

/// Answers CreateLogGroup.
pub(crate) fn create_log_group(
    state: &mut State,
    context: Context<'_>,
    request: GroupRequest,
) -> Result<(), AwsError> {
    let name = request.log_group_name.unwrap_or_default();
    check_name("logGroupName", &name, |c| {
        c.is_ascii_alphanumeric() || "_-/.#".contains(c)
    })?;
    state.store.create_group(&name, context.now_ms, false)
}

/// Answers CreateLogStream.
pub(crate) fn create_log_stream(
    state: &mut State,
    context: Context<'_>,
    request: StreamRequest,
) -> Result<(), AwsError> {
    check_name("logStreamName", &request.log_stream_name, |c| {
        c != ':' && c != '*'
    })?;
    let group = state.store.group_mut(&request.log_group_name)?;
    if group.streams.contains_key(request.log_stream_name.as_str()) {
        return Err(AwsError::stream_exists());
    }
    group.stream_mut(&request.log_stream_name.into(), context.now_ms);
    Ok(())
}

/// Answers DeleteLogGroup.
pub(crate) fn delete_log_group(state: &mut State, request: &GroupRequest) -> Result<(), AwsError> {
    let name = group_name(
        request.log_group_name.as_deref(),
        request.log_group_identifier.as_deref(),
    )?;
    let removed = state.store.groups.remove(name);
    removed.map(drop).ok_or_else(AwsError::no_group)
}

/// Answers DeleteLogStream, which takes the stream's events with it.
pub(crate) fn delete_log_stream(
    state: &mut State,
    request: &StreamRequest,
) -> Result<(), AwsError> {
    let group = state.store.group_mut(&request.log_group_name)?;
    let name = request.log_stream_name.as_str();
    group.streams.remove(name).ok_or_else(AwsError::no_stream)?;
    group.events.retain(|_, event| &*event.stream != name);
    Ok(())
}

fn check_name(
    parameter: &str,
    name: &str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), AwsError> {
    if name.chars().count() > NAME_LENGTH_MAX {
        return Err(AwsError::invalid_parameter(
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        ));
    }
    if name.is_empty() || !name.chars().all(is_allowed) {
        return Err(AwsError::invalid_parameter(format!(
            "1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy \
             constraint: Member must satisfy regular expression pattern"
        )));
    }
    Ok(())
}
