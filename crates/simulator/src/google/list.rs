//! `entries:list`: pages of entries that a filter lets through, in the order of time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::GoogleError;
use super::filter::Filter;
use super::service::{Context, State};
use super::store::{Entry, EntryKey, Store};
use crate::random::mix_text;

const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 1000;
/// How many entries one call looks at; where fewer match, its page is shorter or even empty.
const SCANNED_MAX: usize = 200_000;
/// At most so many empty pages come in a row.
const EMPTY_PAGES_MAX: u32 = 3;

/// What a page token says.
#[derive(Debug, Deserialize, Serialize)]
struct Token {
    nanos: i64,
    insert_id: String,
    number: u64,
    issued_ms: i64,
    /// What the request asked for; the token fits no other.
    scope: u64,
    empty_pages: u32,
}

/// Answers `entries:list`.
pub(super) fn entries(
    state: &mut State,
    context: Context<'_>,
    body: &Value,
) -> Result<Value, GoogleError> {
    let names = body["resourceNames"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if names.is_empty() {
        return Err(GoogleError::invalid("resource_names is required"));
    }
    let filter_text = body["filter"].as_str().unwrap_or_default();
    let filter = Filter::parse(filter_text)?;
    let order = body["orderBy"].as_str().unwrap_or_default();
    let is_backward = match order {
        "" | "timestamp" | "timestamp asc" => false,
        "timestamp desc" => true,
        _ => return Err(GoogleError::invalid("order_by is invalid")),
    };
    let scope = mix_text(
        mix_text(mix_text(1, filter_text), order),
        &body["resourceNames"].to_string(),
    );
    let token = body["pageToken"].as_str().filter(|token| !token.is_empty());
    let token = token.map(|token| open(token, scope, context)).transpose()?;
    let empty_pages = token.as_ref().map_or(0, |token| token.empty_pages);
    let after = token.map(|token| EntryKey {
        time: Timestamp::from_nanos(token.nanos),
        insert_id: token.insert_id.into(),
        number: token.number,
    });
    let seal = |key: &EntryKey, empty_pages| {
        seal(&Token {
            nanos: key.time.nanos(),
            insert_id: key.insert_id.to_string(),
            number: key.number,
            issued_ms: context.now.millis(),
            scope,
            empty_pages,
        })
    };
    let is_empty =
        empty_pages < EMPTY_PAGES_MAX && state.random.chance(context.nuisances.empty_pages);
    if is_empty {
        let start = match is_backward {
            false => EntryKey::before(Timestamp::from_nanos(i64::MIN)),
            true => EntryKey::before(Timestamp::MAX),
        };
        let key = after.unwrap_or(start);
        return Ok(json!({"nextPageToken": seal(&key, empty_pages + 1)}));
    }
    let size = body["pageSize"].as_u64().filter(|size| *size > 0);
    let size = size.map_or(PAGE_SIZE, |size| PAGE_SIZE_MAX.min(size as usize));
    let capacity = (size, context.nuisances.page_bytes_max.saturating_mul(10));
    let selection = Selection {
        filter: &filter,
        is_backward,
        after,
        now: context.now,
    };
    let (page, next) = read(&state.store, &selection, capacity);
    let mut answer = json!({});
    if !page.is_empty() {
        answer["entries"] = json!(page);
    }
    if let Some(key) = next {
        answer["nextPageToken"] = json!(seal(key, 0));
    }
    Ok(answer)
}

/// Which entries a request reads, and in which direction.
struct Selection<'a> {
    filter: &'a Filter,
    is_backward: bool,
    /// The entry that the page before ended with.
    after: Option<EntryKey>,
    now: Timestamp,
}

/// Reads one page of what the selection lets through.
fn read<'a>(
    store: &'a Store,
    selection: &Selection<'_>,
    capacity: (usize, usize),
) -> (Vec<&'a Value>, Option<&'a EntryKey>) {
    let is_wanted =
        |entry: &Entry| entry.visible <= selection.now && selection.filter.matches(&entry.value);
    let (low, high) = selection.filter.time_bounds();
    let range = store
        .entries
        .range(EntryKey::before(low)..EntryKey::before(high));
    let after = selection.after.as_ref();
    match selection.is_backward {
        false => {
            let rest = range.skip_while(|(key, _)| after.is_some_and(|after| *key <= after));
            collect(rest, is_wanted, capacity)
        }
        true => {
            let rest = range.rev();
            let rest = rest.skip_while(|(key, _)| after.is_some_and(|after| *key >= after));
            collect(rest, is_wanted, capacity)
        }
    }
}

/// Reads one page; also says which entry it ended with, if there is more.
fn collect<'a>(
    range: impl Iterator<Item = (&'a EntryKey, &'a Entry)>,
    is_wanted: impl Fn(&Entry) -> bool,
    (size, bytes_max): (usize, usize),
) -> (Vec<&'a Value>, Option<&'a EntryKey>) {
    let mut page = Vec::new();
    let mut bytes = 0;
    let mut last: Option<&EntryKey> = None;
    let mut last_listed: Option<&EntryKey> = None;
    for (scanned, (key, entry)) in range.enumerate() {
        if scanned >= SCANNED_MAX {
            return (page, last);
        }
        // Of entries with equal times and ids, one answer shows one.
        let is_repeated = last_listed
            .is_some_and(|last| last.time == key.time && last.insert_id == key.insert_id);
        if !is_repeated && is_wanted(entry) {
            if page.len() >= size || bytes > bytes_max {
                return (page, last);
            }
            bytes += 1024;
            page.push(&entry.value);
            last_listed = Some(key);
        }
        last = Some(key);
    }
    (page, None)
}

fn seal(token: &Token) -> String {
    let text = serde_json::to_string(token).unwrap_or_default();
    let sum = mix_text(0x600d, &text);
    URL_SAFE_NO_PAD.encode(format!("{sum:016x}{text}"))
}

fn open(text: &str, scope: u64, context: Context<'_>) -> Result<Token, GoogleError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let lifetime_ms = context.nuisances.token_lifetime_ms;
    text.split_at_checked(16)
        .filter(|(sum, text)| *sum == format!("{:016x}", mix_text(0x600d, text)))
        .and_then(|(_, text)| serde_json::from_str::<Token>(text).ok())
        .filter(|token| token.scope == scope)
        .filter(|token| context.now.millis().abs_diff(token.issued_ms) <= lifetime_ms)
        .ok_or_else(GoogleError::bad_token)
}
