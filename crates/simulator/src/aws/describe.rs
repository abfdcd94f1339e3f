//! DescribeLogGroups and DescribeLogStreams.

use serde::{Deserialize, Serialize};

use super::error::{AwsError, page_size};
use super::service::{Context, State, group_name};
use super::store::Stream;
use super::token::{open_name, seal_name};

const PAGE_MAX: i64 = 50;
/// The times that a stream shows are as old as this; they follow its events slowly.
const STREAM_TIMES_LAG_MS: i64 = 5 * 60_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupsRequest {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupsAnswer {
    log_groups: Vec<GroupAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupAnswer {
    log_group_name: String,
    creation_time: i64,
    metric_filter_count: u32,
    arn: String,
    stored_bytes: u64,
    log_group_class: &'static str,
    log_group_arn: String,
    deletion_protection_enabled: bool,
}

/// Answers DescribeLogGroups: by name, in ASCII order.
pub(crate) fn log_groups(
    state: &State,
    context: Context<'_>,
    request: GroupsRequest,
) -> Result<GroupsAnswer, AwsError> {
    let limit = page_size(request.limit, PAGE_MAX)?;
    if request.log_group_name_prefix.is_some() && request.log_group_name_pattern.is_some() {
        return Err(AwsError::invalid_parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let prefix = request.log_group_name_prefix.unwrap_or_default();
    let pattern = request.log_group_name_pattern.unwrap_or_default();
    let after = request.next_token.as_deref().map(open_name).transpose()?;
    let mut found = state.store.groups.iter().filter(|(name, _)| {
        name.starts_with(&prefix)
            && name.contains(&pattern)
            && after.as_ref().is_none_or(|after| *name > after)
    });
    let log_groups: Vec<GroupAnswer> = found
        .by_ref()
        .take(limit)
        .map(|(name, group)| GroupAnswer {
            log_group_name: name.clone(),
            creation_time: group.created_ms,
            metric_filter_count: 0,
            arn: format!("{}:*", context.group_arn(name)),
            stored_bytes: group.stored_bytes,
            log_group_class: "STANDARD",
            log_group_arn: context.group_arn(name),
            deletion_protection_enabled: false,
        })
        .collect();
    let has_more = found.next().is_some();
    let last = log_groups.last().filter(|_| has_more);
    Ok(GroupsAnswer {
        next_token: last.map(|group| seal_name(&group.log_group_name)),
        log_groups,
    })
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum OrderBy {
    #[default]
    LogStreamName,
    LastEventTime,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamsRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    #[serde(default)]
    order_by: OrderBy,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamsAnswer {
    log_streams: Vec<StreamAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamAnswer {
    log_stream_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<i64>,
    upload_sequence_token: &'static str,
    arn: String,
    stored_bytes: u64,
}

/// Answers DescribeLogStreams: by name or by the time of the last event.
pub(crate) fn log_streams(
    state: &State,
    context: Context<'_>,
    request: StreamsRequest,
) -> Result<StreamsAnswer, AwsError> {
    let limit = page_size(request.limit, PAGE_MAX)?;
    let name = group_name(
        request.log_group_name.as_deref(),
        request.log_group_identifier.as_deref(),
    )?;
    let group = state.store.group(name)?;
    if request.order_by == OrderBy::LastEventTime && request.log_stream_name_prefix.is_some() {
        return Err(AwsError::invalid_parameter(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let prefix = request.log_stream_name_prefix.unwrap_or_default();
    let mut streams: Vec<&Stream> = group
        .streams
        .values()
        .filter(|stream| stream.name.starts_with(&prefix))
        .collect();
    if request.order_by == OrderBy::LastEventTime {
        streams.sort_by_key(|stream| stream.times_ms.map_or(0, |(_, last)| last));
    }
    if request.descending {
        streams.reverse();
    }
    let begin = match request.next_token.as_deref().map(open_name).transpose()? {
        None => 0,
        Some(last) => streams
            .iter()
            .position(|stream| *stream.name == *last)
            .map_or(0, |at| at + 1),
    };
    let page = streams.iter().skip(begin).take(limit);
    let log_streams: Vec<StreamAnswer> = page
        .map(|stream| stream_answer(stream, context, name))
        .collect();
    let has_more = begin + log_streams.len() < streams.len();
    let last = log_streams.last().filter(|_| has_more);
    Ok(StreamsAnswer {
        next_token: last.map(|stream| seal_name(&stream.log_stream_name)),
        log_streams,
    })
}

fn stream_answer(stream: &Stream, context: Context<'_>, group: &str) -> StreamAnswer {
    let known_ms = context.now_ms - STREAM_TIMES_LAG_MS;
    let times = stream.times_ms.filter(|(first, _)| *first <= known_ms);
    StreamAnswer {
        log_stream_name: stream.name.to_string(),
        creation_time: stream.created_ms,
        first_event_timestamp: times.map(|(first, _)| first),
        last_event_timestamp: times.map(|(_, last)| last.min(known_ms)),
        last_ingestion_time: times.map(|_| stream.last_ingestion_ms.min(known_ms)),
        upload_sequence_token: "49039859627894829812392923421345678901234567890123456789",
        arn: format!("{}:log-stream:{}", context.group_arn(group), stream.name),
        stored_bytes: 0,
    }
}
