//! `/api/v1/search/jobs/{id}/export`: the kept rows of a search as a file, streamed.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::{StreamExt as _, stream};
use model::Timestamp;
use query::{Page, ResultKind, Row, SearchId, Searches};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Shared;
use crate::error::{ApiError, Result};

/// Rows that are made into text at a time.
const PART_ROWS: usize = 2_000;
/// Columns of messages in CSV, if none are asked for.
const COLUMNS: &str = "_messagetime,level,function,version,request_id,_sourcehost,_sourcename,_raw";
/// Times, which are written for people.
const TIMES: [&str; 2] = ["_messagetime", "_receipttime"];

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/search/jobs/{id}/export", get(export))
}

/// How the rows are written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Ndjson,
    Csv,
}

/// What to write.
#[derive(Deserialize, utoipa::IntoParams)]
pub(crate) struct Options {
    /// `ndjson` (the default) or `csv`.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    format: Format,
    /// Columns of the CSV, separated by commas; a dotted name may lead into a JSON message.
    columns: Option<String>,
}

struct Writer {
    searches: Searches,
    id: SearchId,
    kind: ResultKind,
    format: Format,
    columns: Vec<String>,
    next: usize,
    is_over: bool,
}

/// The rows that a search keeps, in its order.
#[utoipa::path(
    get, path = "/api/v1/search/jobs/{id}/export", tag = "search", params(("id" = String, Path), Options),
    responses((status = 200, content_type = "application/x-ndjson", body = String), (status = 404, body = Object))
)]
pub(crate) async fn export(
    State(node): State<Shared>,
    Path(id): Path<String>,
    Query(options): Query<Options>,
) -> Result<Response> {
    let search = SearchId::new(&id);
    let status = node.searches.status(&search);
    let status = status.ok_or_else(|| ApiError::unknown_search(&id))?;
    let columns = match (&options.columns, status.kind) {
        (Some(columns), _) => split(columns),
        (None, ResultKind::Messages) => split(COLUMNS),
        (None, ResultKind::Records) => {
            let fields = status.fields.iter();
            fields.map(|field| field.name.clone()).collect()
        }
    };
    let writer = Writer {
        searches: node.searches.clone(),
        id: search,
        kind: status.kind,
        format: options.format,
        columns,
        next: 0,
        is_over: false,
    };
    let (content_type, name) = match options.format {
        Format::Ndjson => ("application/x-ndjson", "search.ndjson"),
        Format::Csv => ("text/csv; charset=utf-8", "search.csv"),
    };
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            CONTENT_DISPOSITION,
            disposition.unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    // Fused, because a compressor asks again after the end.
    let parts = stream::unfold(writer, async |writer| writer.part()).fuse();
    Ok((headers, Body::from_stream(parts)).into_response())
}

fn split(columns: &str) -> Vec<String> {
    let names = columns.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Writer {
    fn part(mut self) -> Option<(std::result::Result<Bytes, Infallible>, Writer)> {
        if self.is_over {
            return None;
        }
        let mut text = String::new();
        if self.next == 0 && matches!(self.format, Format::Csv) {
            csv_line(&mut text, self.columns.iter().map(String::as_str));
        }
        // A search that was forgotten meanwhile has no more rows.
        let rows = self.page().map(|page| page.rows).unwrap_or_default();
        self.is_over = rows.len() < PART_ROWS;
        self.next += rows.len();
        for row in &rows {
            match self.format {
                Format::Ndjson => json_line(&mut text, row),
                Format::Csv => {
                    let values: Vec<String> =
                        self.columns.iter().map(|name| value(row, name)).collect();
                    csv_line(&mut text, values.iter().map(String::as_str));
                }
            }
        }
        Some((Ok(Bytes::from(text)), self))
    }

    fn page(&self) -> query::Result<Page> {
        match self.kind {
            ResultKind::Messages => self.searches.messages(&self.id, self.next, PART_ROWS),
            ResultKind::Records => self.searches.records(&self.id, self.next, PART_ROWS),
        }
    }
}

fn json_line(text: &mut String, row: &Row) {
    let map: Map<String, Value> = row
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_str().into()))
        .collect();
    text.push_str(&Value::Object(map).to_string());
    text.push('\n');
}

/// A value of a row; a name that the row does not have leads into its message.
fn value(row: &Row, name: &str) -> String {
    let named = |name: &str| {
        let mut same = row
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.next().map(|(_, value)| value.as_str())
    };
    match named(name) {
        Some(millis) if TIMES.contains(&name) => {
            let moment = millis.parse().map(Timestamp::from_millis);
            moment.map_or_else(|_| millis.to_owned(), |moment| moment.to_string())
        }
        Some(value) => value.to_owned(),
        None => named("_raw")
            .filter(|message| message.trim_start().starts_with('{'))
            .and_then(|message| serde_json::from_str::<Value>(message).ok())
            .and_then(|message| {
                let mut path = name.split('.');
                path.try_fold(&message, |inner, key| inner.get(key))
                    .cloned()
            })
            .map(|found| match found {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            })
            .unwrap_or_default(),
    }
}

/// One line as RFC 4180 writes it.
fn csv_line<'a>(text: &mut String, values: impl Iterator<Item = &'a str>) {
    for (place, value) in values.enumerate() {
        if place > 0 {
            text.push(',');
        }
        if value.contains([',', '"', '\n', '\r']) {
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(value);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_would_break_a_line() {
        let mut text = String::new();
        csv_line(&mut text, ["a", "b,c", "d\"e", "f\ng"].into_iter());
        assert_eq!(text, "a,\"b,c\",\"d\"\"e\",\"f\ng\"\r\n");
    }

    #[test]
    fn a_dotted_name_leads_into_the_message() {
        let row: Row = vec![
            ("_messagetime".into(), "1000".to_owned()),
            (
                "_raw".into(),
                r#"{"customer":{"type":"guest"},"n":3}"#.to_owned(),
            ),
        ];
        assert_eq!(value(&row, "customer.type"), "guest");
        assert_eq!(value(&row, "n"), "3");
        assert_eq!(value(&row, "nothing"), "");
        assert_eq!(value(&row, "_messagetime"), "1970-01-01T00:00:01Z");
    }
}
