//! One resource as something whose metrics are read.

use std::sync::Arc;

use model::Timestamp;

use super::client::ManagementClient;
use super::decode::{Decoder, Described};
use super::{Config, Quota, names};
use crate::sources::Context;
use crate::support::minutes::{Meter, Samples, Span};
use crate::support::refusal::Refusal;
use crate::support::token_bucket::TokenBucket;
use crate::support::turn::in_turn;

/// What all resources of a source share.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) config: Arc<Config>,
    pub(super) client: ManagementClient,
    pub(super) quota: Arc<Quota>,
}

/// A resource.
pub(super) struct Resource {
    subscription: Arc<Subscription>,
    context: Context,
    described: Described,
    key: String,
    decoder: Decoder,
    /// The metrics by calls, as far as they are known.
    calls: Option<Vec<String>>,
}

impl Resource {
    pub(super) fn new(
        subscription: Arc<Subscription>,
        described: Described,
        context: Context,
    ) -> Self {
        let config = &subscription.config;
        let calls = match config.metrics.is_empty() {
            true => names::known(&described.resource_type),
            // Not every type has them: it is asked which it has.
            false => None,
        };
        Resource {
            decoder: Decoder::new(config, &described),
            key: key_of(&described),
            calls,
            described,
            context,
            subscription,
        }
    }
}

/// What checkpoints are kept by: Azure writes ids in either case.
pub(super) fn key_of(described: &Described) -> String {
    described.id.to_ascii_lowercase()
}

impl Meter for Resource {
    fn key(&self) -> &str {
        &self.key
    }

    fn name(&self) -> &str {
        &self.described.name
    }

    fn budget(&self) -> &TokenBucket {
        &self.subscription.quota.calls
    }

    /// Asks once which metrics it has, if that is not known.
    async fn look(&mut self, _unread_from: Timestamp) -> Result<bool, Refusal> {
        if self.calls.is_some() {
            return Ok(false);
        }
        let Subscription {
            config,
            client,
            quota,
        } = &*self.subscription;
        let ask = || client.definitions(&self.described.id);
        let answered = in_turn(&self.context, &quota.definitions, ask).await?;
        let Some(answered) = answered else {
            return Ok(false);
        };
        let is_wanted = |name: &str| {
            config.metrics.is_empty() || config.metrics.iter().any(|wanted| wanted == name)
        };
        let found = answered.answer;
        let wanted = found.iter().map(String::as_str);
        self.calls = Some(names::calls(wanted.filter(|name| is_wanted(name))));
        Ok(false)
    }

    /// A page is what one call gives; the token is the next call's place.
    async fn page(&self, span: Span, token: Option<String>) -> Result<Samples, Refusal> {
        let place = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let calls = self.calls.as_deref().unwrap_or_default();
        let Some(names) = calls.get(place) else {
            return Ok(Samples::default());
        };
        let client = &self.subscription.client;
        let answer = client.metrics(&self.described.id, names, span).await?;
        let read = self.decoder.samples(&answer, span);
        Ok(Samples {
            next_token: (place + 1 < calls.len()).then(|| (place + 1).to_string()),
            ..read.map_err(Refusal::Other)?
        })
    }
}
