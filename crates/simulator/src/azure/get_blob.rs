//! Get Blob, all of it or a range, and Get Blob Properties, with conditions
//! (<https://learn.microsoft.com/rest/api/storageservices/get-blob>,
//! <https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations>).

use axum::http::{Method, StatusCode};

use super::blobs::Blob;
use super::error::AzureError;
use super::request::{Answer, Request};
use super::service::State;
use super::times;

/// Answers GET and HEAD of a blob.
pub(super) fn blob(state: &State, request: &Request<'_>) -> Result<Answer, AzureError> {
    let (container, name) = request
        .path
        .split_once('/')
        .ok_or_else(AzureError::no_resource)?;
    let blobs = state.blobs.containers.get(container);
    let blobs = blobs.ok_or_else(AzureError::no_container)?;
    let blob = blobs.get(name).ok_or_else(AzureError::no_blob)?;
    check_conditions(request, blob)?;
    let length = blob.bytes.len();
    if *request.method == Method::HEAD {
        return Ok(Answer {
            status: StatusCode::OK,
            headers: headers(blob, length),
            body: Vec::new(),
        });
    }
    let Some((first, end)) = range(request, length)? else {
        return Ok(Answer {
            status: StatusCode::OK,
            headers: headers(blob, length),
            body: blob.bytes.clone(),
        });
    };
    let part = blob.bytes.get(first..end).unwrap_or_default();
    let mut headers = headers(blob, part.len());
    let range = format!("bytes {first}-{}/{length}", end - 1);
    headers.push(("content-range", range));
    Ok(Answer {
        status: StatusCode::PARTIAL_CONTENT,
        headers,
        body: part.to_vec(),
    })
}

/// Answers Get Container Properties.
pub(super) fn container(state: &State, request: &Request<'_>) -> Result<Answer, AzureError> {
    let blobs = state.blobs.containers.get(&request.path);
    let blobs = blobs.ok_or_else(AzureError::no_container)?;
    let mut headers = vec![("content-length", "0".to_owned())];
    if let Some(created) = blobs.values().map(|blob| blob.created).min() {
        headers.push(("last-modified", times::header(created)));
        headers.push(("etag", format!("\"0x{:X}\"", times::ticks(created))));
    }
    Ok(Answer {
        status: StatusCode::OK,
        headers,
        body: Vec::new(),
    })
}

fn check_conditions(request: &Request<'_>, blob: &Blob) -> Result<(), AzureError> {
    let etag = blob.etag();
    let is_named = |value: &str| {
        let mut tags = value.split(',').map(|tag| tag.trim().trim_matches('"'));
        tags.any(|tag| tag == "*" || tag == etag)
    };
    // Headers have seconds only.
    let second = blob.modified.millis().div_euclid(1_000);
    let seconds = |name| {
        let time = times::parse_header(request.header(name));
        time.map(|time| time.millis().div_euclid(1_000))
    };
    let if_match = request.header("if-match");
    if !if_match.is_empty() && !is_named(if_match) {
        return Err(AzureError::condition_not_met());
    }
    if seconds("if-unmodified-since").is_some_and(|limit| second > limit) {
        return Err(AzureError::condition_not_met());
    }
    let if_none_match = request.header("if-none-match");
    if !if_none_match.is_empty() && is_named(if_none_match) {
        return Err(AzureError::not_modified());
    }
    if seconds("if-modified-since").is_some_and(|limit| second <= limit) {
        return Err(AzureError::not_modified());
    }
    Ok(())
}

/// The first byte that is asked for, and the one behind the last: `bytes=5-9` or `bytes=5-`.
fn range(request: &Request<'_>, length: usize) -> Result<Option<(usize, usize)>, AzureError> {
    let text = match request.header("x-ms-range") {
        "" => request.header("range"),
        text => text,
    };
    if text.is_empty() {
        return Ok(None);
    }
    let (first, last) = text
        .strip_prefix("bytes=")
        .and_then(|text| text.split_once('-'))
        .ok_or_else(AzureError::invalid_header)?;
    let first: usize = first.parse().map_err(|_| AzureError::invalid_header())?;
    let end = match last {
        "" => length,
        last => {
            let last: usize = last.parse().map_err(|_| AzureError::invalid_header())?;
            if last < first {
                return Err(AzureError::invalid_header());
            }
            length.min(last.saturating_add(1))
        }
    };
    match first < length {
        true => Ok(Some((first, end))),
        false => Err(AzureError::invalid_range()),
    }
}

fn headers(blob: &Blob, length: usize) -> Vec<(&'static str, String)> {
    [
        ("content-length", length.to_string()),
        ("content-type", "application/octet-stream".to_owned()),
        ("last-modified", times::header(blob.modified)),
        ("accept-ranges", "bytes".to_owned()),
        ("etag", format!("\"{}\"", blob.etag())),
        ("x-ms-creation-time", times::header(blob.created)),
        ("x-ms-lease-status", "unlocked".to_owned()),
        ("x-ms-lease-state", "available".to_owned()),
        ("x-ms-blob-type", "AppendBlob".to_owned()),
        ("x-ms-blob-committed-block-count", blob.blocks.to_string()),
        ("x-ms-server-encrypted", "true".to_owned()),
    ]
    .into()
}
