//! Asks Google for entries, and says what its refusals mean.

use std::sync::Arc;
use std::time::Duration;

use model::{Clock, Timestamp};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Config;
use crate::metrics;
use crate::support::google_credentials::{GoogleCredentials, Origin};
use crate::support::google_refusal::{Refused, refusal};
use crate::support::refusal::Refusal;
use crate::support::reread::Page;
use crate::support::reread::cursor::Window;
use crate::support::rest::{self, Answer};

/// The most that Google gives in one page.
const PAGE_ENTRIES_MAX: usize = 1000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListAnswer {
    entries: Vec<Value>,
    next_page_token: Option<String>,
}

/// The call, with the source's credentials.
#[derive(Debug)]
pub(super) struct EntriesClient {
    client: Client,
    credentials: GoogleCredentials,
    clock: Arc<dyn Clock>,
    url: String,
    resource: String,
    filter: String,
    entry_age_max: Duration,
}

impl EntriesClient {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let client = rest::client()?;
        let origin = Origin {
            access_token: config.access_token.as_ref(),
            file: config.credentials_file.as_deref(),
            is_emulator: config.is_emulator(),
        };
        Ok(EntriesClient {
            credentials: GoogleCredentials::find(origin, client.clone())?,
            client,
            clock,
            url: format!("{}/v2/entries:list", config.endpoint_url()),
            resource: format!("projects/{}", config.project),
            filter: config.filter.clone(),
            entry_age_max: config.entry_age_max,
        })
    }

    /// One page of the entries received in `window`, oldest first.
    pub(super) async fn entries(
        &self,
        window: &Window,
        token: Option<String>,
    ) -> Result<Page<Value>, Refusal> {
        metrics::request(super::DESCRIPTOR.name);
        let mut body = json!({
            "resourceNames": [self.resource],
            "filter": filter(&self.filter, window, self.entry_age_max),
            "orderBy": "timestamp asc",
            "pageSize": PAGE_ENTRIES_MAX,
        });
        let is_later_page = token.is_some();
        if let Some(token) = token {
            body["pageToken"] = Value::String(token);
        }
        let mut request = self.client.post(&self.url).json(&body);
        if let Some(token) = self.credentials.token(self.clock.now()).await? {
            request = request.bearer_auth(token.expose());
        }
        let answer = rest::send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&answer, is_later_page));
        }
        let page: ListAnswer = serde_json::from_slice(&answer.body).map_err(|error| {
            Refusal::Other(format!("Google's answer is no page of entries: {error}"))
        })?;
        Ok(Page {
            events: page.entries,
            next_token: page.next_page_token.filter(|token| !token.is_empty()),
        })
    }

    fn refusal(&self, answer: &Answer, is_later_page: bool) -> Refusal {
        if answer.status == StatusCode::UNAUTHORIZED {
            self.credentials.forget();
        }
        let right = format!(
            "the permission logging.logEntries.list on {} (role roles/logging.viewer)",
            self.resource
        );
        let call = Refused {
            is_later_page,
            right: &right,
            now: self.clock.now(),
        };
        refusal(call, answer)
    }
}

/// What Google is asked for: the user's filter, and the window. Only `timestamp` is indexed, so
/// it is bounded, too.
fn filter(user: &str, window: &Window, entry_age_max: Duration) -> String {
    let start = Timestamp::from_millis(window.start_ms);
    let age = model::duration::nanos(entry_age_max);
    let mut filter = format!(
        "({user})\nAND receiveTimestamp>=\"{}\" AND timestamp>=\"{}\"",
        text(start),
        text(start.saturating_add_nanos(-age))
    );
    if let Some(end_ms) = window.end_ms {
        let end = Timestamp::from_millis(end_ms + 1);
        filter.push_str(&format!(" AND receiveTimestamp<\"{}\"", text(end)));
    }
    filter
}

fn text(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos())).map_or_else(
        |_| "1970-01-01T00:00:00Z".to_owned(),
        |time| time.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded_by_reception_and_by_the_oldest_time_that_can_be_received_in_it() {
        let window = |end_ms| Window {
            kind: crate::support::reread::cursor::Kind::History,
            start_ms: 1_763_909_520_000,
            end_ms,
            began_ms: 0,
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(
            filter("a OR b", &window(Some(1_763_909_579_999)), hour),
            "(a OR b)\nAND receiveTimestamp>=\"2025-11-23T14:52:00Z\" AND timestamp>=\"2025-11-23T13:52:00Z\" \
             AND receiveTimestamp<\"2025-11-23T14:53:00Z\""
        );
        assert!(!filter("a", &window(None), hour).contains('<'));
    }
}
