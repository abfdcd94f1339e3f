//! The client side of the search-job API, as any Sumo Logic client would use it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The state of a search is asked for at once, then less and less often, up to this.
const POLL_INTERVAL_MAX: Duration = Duration::from_millis(100);
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(2);
/// Rows fetched at once.
const PAGE_ROWS: usize = 10_000;

/// Where the node is and who asks. Flags or environment variables.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    /// Base URL of the node.
    #[arg(long, env = "NEPHOSCOPE_URL", default_value = "http://127.0.0.1:8470")]
    url: String,
    /// Access id, if the node asks for one.
    #[arg(long, env = "NEPHOSCOPE_ACCESS_ID", default_value = "")]
    access_id: String,
    /// Access key, if the node asks for one.
    #[arg(
        long,
        env = "NEPHOSCOPE_ACCESS_KEY",
        default_value = "",
        hide_env_values = true
    )]
    access_key: String,
}

/// A column of a result.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Vec<Map<String, Value>>,
    /// Whether the rows are records (of an aggregate) or messages.
    pub(crate) are_records: bool,
    /// What the node says about the result besides the rows.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    state: String,
    message_count: usize,
    record_count: usize,
    pending_errors: Vec<String>,
    pending_warnings: Vec<String>,
}

/// A question with its range, in milliseconds since the epoch.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) query: &'a str,
    pub(crate) language: query::Language,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) time_zone: &'a str,
    /// At most so many rows.
    pub(crate) limit: usize,
}

impl Question<'_> {
    fn body(&self) -> Value {
        json!({
            "query": self.query,
            "from": self.from_ms,
            "to": self.to_ms,
            "timeZone": self.time_zone,
            "language": self.language,
        })
    }
}

/// Asks how a search would be run, and returns the answer as text for people.
pub(crate) async fn explain(connection: &Connection, question: &Question<'_>) -> Result<String> {
    let body = question.body();
    let api = Api::new(connection)?;
    let answer = api
        .send(reqwest::Method::POST, "queries/explain", Some(&body))
        .await?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    for scan in list(&answer["scans"]) {
        let (table, asked) = (shown(&scan["table"]), shown(&scan["asked"]));
        text.push_str(&format!(
            "scan of {table}; indexes are asked for: {asked}\n"
        ));
        for segment in list(&scan["segments"]) {
            text.push_str(&format!(
                "  {}: reads {} of {} pages: {}\n",
                shown(&segment["id"]),
                segment["pagesRead"],
                segment["pages"],
                shown(&segment["why"]),
            ));
        }
        text.push_str(&format!("  in memory: {} rows\n", scan["memoryRows"]));
    }
    text.push_str(&shown(&answer["plan"]));
    Ok(text)
}

/// A query in SQL.
#[derive(Debug, Deserialize)]
pub(crate) struct SqlText {
    /// Empty, if nothing of the query can be said in SQL.
    pub(crate) sql: String,
    /// What it does not say, and why.
    pub(crate) notes: Vec<String>,
}

/// Asks for a query in SQL.
pub(crate) async fn sql(connection: &Connection, question: &Question<'_>) -> Result<SqlText> {
    let answer = Api::new(connection)?
        .send(reqwest::Method::POST, "queries/sql", Some(&question.body()))
        .await?;
    serde_json::from_value(answer).context("the node's answer is not understood")
}

fn shown(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Runs a search to its end and returns its rows. `progress` hears how many there are so far.
pub(crate) async fn search(
    connection: &Connection,
    question: &Question<'_>,
    progress: impl Fn(&str),
) -> Result<Found> {
    let api = Api::new(connection)?;
    let body = question.body();
    let created = api
        .send(reqwest::Method::POST, "search/jobs", Some(&body))
        .await?;
    let id = created["id"]
        .as_str()
        .context("the node answered without a search id")?
        .to_owned();
    let found = api.collect(&id, question.limit, progress).await;
    // The node forgets it after a while anyway.
    drop(
        api.send(reqwest::Method::DELETE, &format!("search/jobs/{id}"), None)
            .await,
    );
    found
}

/// The node's API.
pub(crate) struct Api<'a> {
    http: reqwest::Client,
    connection: &'a Connection,
}

impl<'a> Api<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Result<Api<'a>> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Api { http, connection })
    }

    async fn collect(&self, id: &str, limit: usize, progress: impl Fn(&str)) -> Result<Found> {
        let mut warnings = Vec::new();
        let mut wait = POLL_INTERVAL_MIN;
        let status = loop {
            let answer = self
                .send(reqwest::Method::GET, &format!("search/jobs/{id}"), None)
                .await?;
            let status: Status = serde_json::from_value(answer)?;
            warnings.extend(status.pending_warnings.iter().cloned());
            if let Some(error) = status.pending_errors.first() {
                bail!("{error}");
            }
            match status.state.as_str() {
                "DONE GATHERING RESULTS" | "FORCE PAUSED" => break status,
                "CANCELLED" => bail!("the search was cancelled"),
                _ => progress(&format!(
                    "{} messages, {} records",
                    status.message_count, status.record_count
                )),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(POLL_INTERVAL_MAX);
        };
        let kind = if status.record_count > 0 {
            "records"
        } else {
            "messages"
        };
        let mut found = self.pages(id, kind, limit).await?;
        found.warnings = warnings;
        Ok(found)
    }

    async fn pages(&self, id: &str, kind: &str, limit: usize) -> Result<Found> {
        let mut found = Found {
            fields: Vec::new(),
            rows: Vec::new(),
            are_records: kind == "records",
            warnings: Vec::new(),
        };
        while found.rows.len() < limit {
            let wanted = PAGE_ROWS.min(limit - found.rows.len());
            let path = format!(
                "search/jobs/{id}/{kind}?offset={}&limit={wanted}",
                found.rows.len()
            );
            let mut page = self.send(reqwest::Method::GET, &path, None).await?;
            found.fields = serde_json::from_value(page["fields"].take())?;
            let Value::Array(rows) = page[kind].take() else {
                bail!("the node answered without {kind}")
            };
            let count = rows.len();
            found.rows.extend(
                rows.into_iter()
                    .filter_map(|mut row| match row["map"].take() {
                        Value::Object(map) => Some(map),
                        _ => None,
                    }),
            );
            if count < wanted {
                break;
            }
        }
        Ok(found)
    }

    pub(crate) async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        let (status, text) = self.answer(request).await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(answer);
        }
        bail!("{}", complaint(status, &answer, &text))
    }

    /// Sends a CSV file.
    pub(crate) async fn send_csv(&self, path: &str, csv: Vec<u8>) -> Result<()> {
        let request = self.request(reqwest::Method::POST, path);
        let request = request.header(reqwest::header::CONTENT_TYPE, "text/csv");
        self.text(request.body(csv)).await.map(drop)
    }

    /// Asks for a text that is no JSON.
    pub(crate) async fn get_text(&self, path: &str) -> Result<String> {
        self.text(self.request(reqwest::Method::GET, path)).await
    }

    async fn text(&self, request: reqwest::RequestBuilder) -> Result<String> {
        let (status, text) = self.answer(request).await?;
        if status.is_success() {
            return Ok(text);
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        bail!("{}", complaint(status, &answer, &text))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<(StatusCode, String)> {
        let response = request.send().await.with_context(|| {
            format!("cannot reach {}; is the node running?", self.connection.url)
        })?;
        Ok((response.status(), response.text().await?))
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!(
            "{}/api/v1/{path}",
            self.connection.url.trim_end_matches('/')
        );
        let request = self.http.request(method, &url);
        match self.connection.access_id.is_empty() {
            true => request,
            false => request.basic_auth(
                &self.connection.access_id,
                Some(&self.connection.access_key),
            ),
        }
    }
}

/// The node's complaint in words, with every mistake of a query on its own line.
fn complaint(status: StatusCode, answer: &Value, text: &str) -> String {
    if let Some(diagnostics) = answer["diagnostics"]
        .as_array()
        .filter(|all| !all.is_empty())
    {
        let lines = diagnostics.iter().map(|diagnostic| {
            let place = format!("{}:{}", diagnostic["line"], diagnostic["column"]);
            let message = diagnostic["message"].as_str().unwrap_or_default();
            match diagnostic["suggestion"].as_str() {
                Some(suggestion) => format!("{place}: {message}; did you mean `{suggestion}`?"),
                None => format!("{place}: {message}"),
            }
        });
        return format!(
            "the query has mistakes\n{}",
            lines.collect::<Vec<_>>().join("\n")
        );
    }
    if status == StatusCode::UNAUTHORIZED {
        return "the node asks for credentials: give --access-id and --access-key, or set \
                NEPHOSCOPE_ACCESS_ID and NEPHOSCOPE_ACCESS_KEY"
            .to_owned();
    }
    let message = answer["message"]
        .as_str()
        .or_else(|| answer["errors"][0]["message"].as_str());
    format!("{status}: {}", message.unwrap_or(text))
}
