//! A function as something that is read in windows of time: those at which its invocations began.
//!
//! The rows by time say which invocations there are; the full row of each is fetched once, when
//! the invocation is over.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use model::LogEvent;
use serde::{Deserialize, Serialize};

use super::client::{Next, Row};
use super::decode::{Decoder, Invocation, State};
use super::discover::Account;
use super::tables;
use crate::metrics;
use crate::support::duration::millis;
use crate::support::refusal::Refusal;
use crate::support::reread::cursor::Window;
use crate::support::reread::{Origin, Page};
use crate::support::token_bucket::TokenBucket;

/// Full rows that are fetched at the same time.
const FETCHES_MAX: usize = 16;
/// Handed over invocations that are remembered, so that their full rows are not fetched again;
/// when there are more, memory starts again.
const DELIVERED_MAX: usize = 200_000;
/// Clocks differ: invocations can have begun so much later than now.
const AHEAD_MS: i64 = 10 * 60_000;
/// The row by time and the full one are not written together; so long after the end the full one
/// is not waited for any more.
const FULL_ROW_MS: i64 = 3 * 60_000;

/// A function, as its definition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// Its host's id and its name, as keys have them.
    pub(super) id: String,
    pub(super) name: String,
}

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    account: Arc<Account>,
    definition: Definition,
    decoder: Decoder,
    seen: Mutex<Seen>,
}

/// What is remembered of the invocations that were seen, by their ids.
#[derive(Debug, Default)]
struct Seen {
    /// Not over yet, with the times at which they began.
    held: HashMap<String, i64>,
    /// Those of them whose rows the present window has not shown again.
    missing: HashSet<String>,
    delivered: HashSet<String>,
}

/// Where a window's next page begins.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Token {
    /// How many of the window's tables have been read.
    tables: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

impl Function {
    pub(super) fn new(account: Arc<Account>, definition: Definition) -> Self {
        Function {
            decoder: Decoder::new(&account.config, &definition),
            account,
            definition,
            seen: Mutex::default(),
        }
    }

    /// Sorts out one row by time: an invocation to hand over, or `None`.
    async fn invocation(&self, row: Row, now_ms: i64) -> Result<Option<Invocation>, Refusal> {
        let mut invocation = Invocation::of(row);
        if self.seen().was_delivered(&invocation) {
            return Ok(None);
        }
        let abandoned_ms = millis(self.account.config.abandoned_after);
        if invocation.state(now_ms, abandoned_ms) != State::Running {
            self.account.budget.acquire().await;
            let table = tables::of_months(
                &self.account.config.table_prefix,
                invocation.start_ms,
                invocation.start_ms,
            );
            let table = table.first().map_or("", String::as_str);
            let full = self.account.client.row(table, "I", &invocation.id).await?;
            let had_end = invocation.has_end();
            let is_full = full.is_some();
            if let Some(full) = full {
                invocation.complete(full);
            }
            let is_late = now_ms - invocation.end_ms() > FULL_ROW_MS;
            let lacks_full = !(is_full && (invocation.full_has_end() || !had_end));
            if lacks_full && !is_late {
                self.seen().hold(&invocation);
                return Ok(None);
            }
        }
        if invocation.state(now_ms, abandoned_ms) == State::Running {
            self.seen().hold(&invocation);
            return Ok(None);
        }
        Ok(Some(invocation))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn was_delivered(&mut self, invocation: &Invocation) -> bool {
        self.missing.remove(&invocation.id);
        self.delivered.contains(&invocation.id)
    }

    fn hold(&mut self, invocation: &Invocation) {
        self.held.insert(invocation.id.clone(), invocation.start_ms);
    }

    /// A window begins: it will show the rows that are held in it, unless they were deleted.
    fn begin(&mut self, start_ms: i64, end_ms: i64) {
        let inside = self
            .held
            .iter()
            .filter(|(_, begun)| (start_ms..=end_ms).contains(*begun));
        self.missing = inside.map(|(id, _)| id.clone()).collect();
    }

    /// A window ends: nothing waits for rows that are not there any more.
    fn end(&mut self) {
        for id in self.missing.drain() {
            self.held.remove(&id);
        }
    }

    fn deliver(&mut self, id: &str) {
        self.held.remove(id);
        if self.delivered.len() >= DELIVERED_MAX {
            self.delivered.clear();
        }
        self.delivered.insert(id.to_owned());
    }
}

impl Origin for Function {
    type Raw = Invocation;

    fn key(&self) -> &str {
        &self.definition.id
    }

    fn name(&self) -> &str {
        &self.definition.name
    }

    fn budget(&self) -> &TokenBucket {
        &self.account.budget
    }

    async fn page(
        &self,
        window: &Window,
        token: Option<String>,
    ) -> Result<Page<Invocation>, Refusal> {
        let now_ms = self.account.clock.now().millis();
        let end_ms = window.end_ms.unwrap_or(now_ms + AHEAD_MS);
        let is_first = token.is_none();
        let token: Token = match token {
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| Refusal::BadToken(format!("no page token: {error}")))?,
            None => Token::default(),
        };
        let prefix = &self.account.config.table_prefix;
        let tables = tables::of_months(prefix, window.start_ms, end_ms);
        if is_first {
            self.seen().begin(window.start_ms, end_ms);
        }
        let Some(table) = tables.get(token.tables) else {
            return Ok(Page {
                events: Vec::new(),
                next_token: None,
            });
        };
        let filter = tables::filter(&self.definition.id, window.start_ms, window.end_ms);
        let page = self
            .account
            .client
            .rows(table, &filter, token.next.as_ref());
        let (rows, next) = match page.await {
            // A month in which nothing ran.
            Err(Refusal::Missing(_)) => (Vec::new(), None),
            other => other?,
        };
        let sorted = stream::iter(rows).map(|row| self.invocation(row, now_ms));
        let events: Vec<Option<Invocation>> = sorted.buffered(FETCHES_MAX).try_collect().await?;
        let next = match next {
            Some(next) => Some(Token {
                tables: token.tables,
                next: Some(next),
            }),
            None if token.tables + 1 < tables.len() => Some(Token {
                tables: token.tables + 1,
                next: None,
            }),
            None => None,
        };
        if next.is_none() {
            self.seen().end();
        }
        Ok(Page {
            events: events.into_iter().flatten().collect(),
            next_token: next.and_then(|next| serde_json::to_string(&next).ok()),
        })
    }

    fn lateness_ms(&self, _: &Invocation) -> Option<i64> {
        // How long an invocation ran says nothing about when its row appeared.
        None
    }

    /// There are no deep sweeps.
    fn is_late(&self, _: &Invocation) -> bool {
        false
    }

    fn hold_ms(&self) -> Option<i64> {
        self.seen().held.values().min().copied()
    }

    fn decode(&mut self, raw: Invocation) -> LogEvent {
        self.seen().deliver(&raw.id);
        if !raw.is_readable() {
            metrics::unreadable(super::DESCRIPTOR.name, 1);
        }
        self.decoder.decode(raw)
    }
}
