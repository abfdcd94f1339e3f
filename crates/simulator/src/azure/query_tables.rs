//! Query Tables, Query Entities and Get Entity
//! (<https://learn.microsoft.com/rest/api/storageservices/query-entities>).

use std::collections::BTreeMap;
use std::ops::Bound;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::error::AzureError;
use super::filter::{self, Filter};
use super::request::{Answer, Request};
use super::service::State;
use super::tables::{Entity, Key};
use super::times;
use crate::config::Nuisances;

/// How many rows an answer has at most.
const RESULTS_MAX: usize = 1_000;
/// How many entities one request looks at, in place of the five seconds that a real one may take;
/// where fewer match, its page is shorter or even empty.
const SCANNED_MAX: usize = 20_000;
const NEXT_PARTITION: &str = "x-ms-continuation-NextPartitionKey";
const NEXT_ROW: &str = "x-ms-continuation-NextRowKey";
const NEXT_TABLE: &str = "x-ms-continuation-NextTableName";

/// How much an answer says besides the properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metadata {
    None,
    Minimal,
    Full,
}

impl Metadata {
    fn of(request: &Request<'_>) -> Result<Metadata, AzureError> {
        let accept = request.header("accept").replace(' ', "");
        let accept = request.parameter("$format").unwrap_or(&accept);
        if !accept.contains("json") {
            return Err(AzureError::media_type());
        }
        Ok(match accept {
            text if text.contains("odata=nometadata") => Metadata::None,
            text if text.contains("odata=fullmetadata") => Metadata::Full,
            _ => Metadata::Minimal,
        })
    }

    fn answer(self, body: &Value, more: Vec<(&'static str, String)>) -> Answer {
        let name = match self {
            Metadata::None => "nometadata",
            Metadata::Minimal => "minimalmetadata",
            Metadata::Full => "fullmetadata",
        };
        let mut headers = more;
        headers.push((
            "content-type",
            format!("application/json;odata={name};streaming=true;charset=utf-8"),
        ));
        headers.push(("x-content-type-options", "nosniff".to_owned()));
        headers.push(("cache-control", "no-cache".to_owned()));
        Answer {
            status: StatusCode::OK,
            headers,
            body: body.to_string().into_bytes(),
        }
    }
}

/// Answers Query Tables.
pub(super) fn tables(state: &State, request: &Request<'_>) -> Result<Answer, AzureError> {
    let metadata = Metadata::of(request)?;
    let filter = Filter::parse(request.parameter("$filter").unwrap_or_default())?;
    let top = top(request)?;
    let first = token(request, "NextTableName")?.unwrap_or_default();
    let names = state.tables.tables.range(first..);
    let mut rows = Vec::new();
    let mut headers = Vec::new();
    for (name, _) in names.filter(|(name, _)| filter.matches_table(name)) {
        if rows.len() >= top {
            headers.push((NEXT_TABLE, seal(name)));
            break;
        }
        let mut row = json!({"TableName": name});
        if metadata == Metadata::Full {
            let account = account(request);
            row["odata.type"] = json!(format!("{}.Tables", account.1));
            row["odata.id"] = json!(format!("{}/Tables('{name}')", account.0));
            row["odata.editLink"] = json!(format!("Tables('{name}')"));
        }
        rows.push(row);
    }
    let body = with_metadata(request, metadata, "Tables", json!({"value": rows}));
    Ok(metadata.answer(&body, headers))
}

/// Answers Query Entities, `Table()`, and Get Entity,
/// `Table(PartitionKey='…',RowKey='…')`.
pub(super) fn entities(
    state: &mut State,
    request: &Request<'_>,
    nuisances: &Nuisances,
) -> Result<Answer, AzureError> {
    let metadata = Metadata::of(request)?;
    let (table, key) = addressed(&request.path)?;
    if !state.tables.tables.contains_key(table) {
        return Err(AzureError::no_table());
    }
    let columns = columns(request);
    let row = |key: &Key, entity: &Entity| row(request, table, metadata, (key, entity), &columns);
    if let Some(key) = key {
        let entities = state.tables.tables.get(table);
        let entity = entities.and_then(|entities| entities.get(&key));
        let entity = entity.ok_or_else(AzureError::no_resource)?;
        let subject = format!("{table}/@Element");
        let body = with_metadata(request, metadata, &subject, row(&key, entity));
        return Ok(metadata.answer(&body, vec![("etag", etag(entity))]));
    }
    let filter = Filter::parse(request.parameter("$filter").unwrap_or_default())?;
    let top = top(request)?;
    let partition = token(request, "NextPartitionKey")?;
    let after = match partition {
        Some(partition) => Some((partition, token(request, "NextRowKey")?.unwrap_or_default())),
        None => None,
    };
    // An empty page is followed by a full one.
    let is_empty = after.is_none() && state.random.chance(nuisances.empty_pages);
    let top = if is_empty { 0 } else { top };
    let entities = state.tables.tables.get(table);
    let (page, next) = entities.map_or_else(Default::default, |entities| {
        read(entities, &filter, after, top)
    });
    let rows: Vec<Value> = page.iter().map(|(key, entity)| row(key, entity)).collect();
    let mut headers = Vec::new();
    if let Some((partition, row)) = next {
        headers.push((NEXT_PARTITION, seal(partition)));
        headers.push((NEXT_ROW, seal(row)));
    }
    let body = with_metadata(request, metadata, table, json!({"value": rows}));
    Ok(metadata.answer(&body, headers))
}

/// The entities of one page, and the key that the next begins with.
type Page<'a> = (Vec<(&'a Key, &'a Entity)>, Option<&'a Key>);

fn read<'a>(
    entities: &'a BTreeMap<Key, Entity>,
    filter: &Filter,
    first: Option<Key>,
    top: usize,
) -> Page<'a> {
    let (partition, row_from, row_to) = filter.bounds();
    let low = partition.map(|partition| (partition.to_owned(), row_from.to_owned()));
    let low = low.max(first).unwrap_or_default();
    let mut page = Vec::new();
    let range = entities.range((Bound::Included(low), Bound::Unbounded));
    for (scanned, (key, entity)) in range.enumerate() {
        let is_behind = partition.is_some_and(|partition| {
            key.0 != partition || row_to.is_some_and(|end| key.1.as_str() > end)
        });
        if is_behind {
            break;
        }
        if page.len() >= top || scanned >= SCANNED_MAX {
            return (page, Some(key));
        }
        if filter.matches(key, entity) {
            page.push((key, entity));
        }
    }
    (page, None)
}

/// The table of a path, and the key, if it has one.
fn addressed(path: &str) -> Result<(&str, Option<Key>), AzureError> {
    let Some((table, key)) = path.split_once('(') else {
        return Ok((path, None));
    };
    let key = key
        .strip_suffix(')')
        .ok_or_else(AzureError::invalid_input)?;
    if key.is_empty() {
        return Ok((table, None));
    }
    let read = || {
        let (partition, rest) = filter::quoted(key.strip_prefix("PartitionKey=")?)?;
        let (row, rest) = filter::quoted(
            rest.trim_start_matches([',', ' '])
                .strip_prefix("RowKey=")?,
        )?;
        rest.is_empty().then_some((partition, row))
    };
    let key = read().ok_or_else(AzureError::invalid_input)?;
    Ok((table, Some(key)))
}

fn top(request: &Request<'_>) -> Result<usize, AzureError> {
    match request.parameter("$top") {
        None => Ok(RESULTS_MAX),
        Some(top) => match top.parse::<usize>() {
            Ok(top @ 1..=RESULTS_MAX) => Ok(top),
            _ => Err(AzureError::invalid_input()),
        },
    }
}

/// The names of `$select`; none means all.
fn columns(request: &Request<'_>) -> Vec<String> {
    let select = request.parameter("$select").unwrap_or_default();
    let names = select.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty() && *name != "*")
        .map(str::to_owned)
        .collect()
}

fn row(
    request: &Request<'_>,
    table: &str,
    metadata: Metadata,
    ((partition, row_key), entity): (&Key, &Entity),
    columns: &[String],
) -> Value {
    let mut row = Map::new();
    if metadata == Metadata::Full {
        let (address, account) = account(request);
        let link = format!("{table}(PartitionKey='{partition}',RowKey='{row_key}')");
        row.insert("odata.type".to_owned(), json!(format!("{account}.{table}")));
        row.insert("odata.id".to_owned(), json!(format!("{address}/{link}")));
        row.insert("odata.editLink".to_owned(), json!(link));
    }
    if metadata != Metadata::None {
        row.insert("odata.etag".to_owned(), json!(etag(entity)));
    }
    let is_chosen = |name: &str| columns.is_empty() || columns.iter().any(|one| one == name);
    let mut add = |name: &str, (value, kind): (Value, Option<&str>)| {
        let is_typed = match metadata {
            Metadata::None => false,
            // Everybody knows the type of this one.
            Metadata::Minimal => name != "Timestamp",
            Metadata::Full => true,
        };
        if let Some(kind) = kind.filter(|_| is_typed) {
            row.insert(format!("{name}@odata.type"), json!(kind));
        }
        row.insert(name.to_owned(), value);
    };
    let timestamp = json!(times::with_ticks(entity.timestamp));
    for (name, value) in [
        ("PartitionKey", (json!(partition), None)),
        ("RowKey", (json!(row_key), None)),
        ("Timestamp", (timestamp, Some("Edm.DateTime"))),
    ] {
        if is_chosen(name) {
            add(name, value);
        }
    }
    for (name, value) in &entity.properties {
        if is_chosen(name) {
            add(name, value.json());
        }
    }
    // What is selected and not there is null.
    for name in columns
        .iter()
        .filter(|name| !row.contains_key(*name))
        .cloned()
        .collect::<Vec<_>>()
    {
        row.insert(name, Value::Null);
    }
    Value::Object(row)
}

fn with_metadata(request: &Request<'_>, metadata: Metadata, subject: &str, body: Value) -> Value {
    if metadata == Metadata::None {
        return body;
    }
    let (address, _) = account(request);
    let mut whole = json!({"odata.metadata": format!("{address}/$metadata#{subject}")});
    if let (Value::Object(whole), Value::Object(body)) = (&mut whole, body) {
        whole.extend(body);
    }
    whole
}

/// The address of the account, and its name.
fn account<'a>(request: &Request<'a>) -> (String, &'a str) {
    let account = request.raw_path.split('/').nth(1).unwrap_or_default();
    (
        format!("http://{}/{account}", request.header("host")),
        account,
    )
}

/// `W/"datetime'2026-11-23T14%3A00%3A00.0000000Z'"`
fn etag(entity: &Entity) -> String {
    let time = times::with_ticks(entity.timestamp).replace(':', "%3A");
    format!("W/\"datetime'{time}'\"")
}

/// A continuation token of the form that the service's have.
fn seal(text: &str) -> String {
    let text = STANDARD.encode(text).replace('=', "-");
    format!("1!{}!{text}", text.len())
}

fn token(request: &Request<'_>, name: &str) -> Result<Option<String>, AzureError> {
    let Some(token) = request.parameter(name).filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let open = || {
        let (_, text) = token.strip_prefix("1!")?.split_once('!')?;
        let text = STANDARD.decode(text.replace('-', "=")).ok()?;
        String::from_utf8(text).ok()
    };
    open().map(Some).ok_or_else(AzureError::invalid_query)
}
