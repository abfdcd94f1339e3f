//! A log group as something that is read in windows of time.

use std::sync::Arc;

use model::LogEvent;

use super::client::{Group, LogsClient};
use super::decode::{Decoder, RawEvent};
use super::{Budget, Config};
use crate::support::refusal::Refusal;
use crate::support::reread::cursor::Window;
use crate::support::reread::{Origin, Page};
use crate::support::token_bucket::TokenBucket;

/// One log group.
#[derive(Debug)]
pub(super) struct LogGroup {
    client: LogsClient,
    budget: Arc<Budget>,
    decoder: Decoder,
    group: Group,
}

impl LogGroup {
    pub(super) fn new(
        client: LogsClient,
        budget: Arc<Budget>,
        config: &Config,
        group: Group,
    ) -> Self {
        LogGroup {
            client,
            budget,
            decoder: Decoder::new(config, &group),
            group,
        }
    }
}

impl Origin for LogGroup {
    type Raw = RawEvent;

    fn key(&self) -> &str {
        &self.group.arn
    }

    fn name(&self) -> &str {
        &self.group.name
    }

    fn budget(&self) -> &TokenBucket {
        &self.budget.filter_log_events
    }

    async fn page(
        &self,
        window: &Window,
        token: Option<String>,
    ) -> Result<Page<RawEvent>, Refusal> {
        let (start_ms, end_ms) = (window.start_ms, window.end_ms);
        self.client
            .events(&self.group.name, start_ms, end_ms, token)
            .await
    }

    fn lateness_ms(&self, raw: &RawEvent) -> Option<i64> {
        Some(raw.ingestion_time?.saturating_sub(raw.timestamp))
    }

    fn is_late(&self, raw: &RawEvent) -> bool {
        self.decoder.is_late(raw)
    }

    fn decode(&mut self, raw: RawEvent) -> LogEvent {
        self.decoder.decode(raw)
    }
}
