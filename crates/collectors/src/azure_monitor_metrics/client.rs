//! Asks Azure Resource Manager for resources, and Azure Monitor for their metrics.

use std::sync::Arc;

use bytes::Bytes;
use model::{Clock, Timestamp};
use reqwest::{Client, StatusCode, Url};

use super::decode::{Described, definitions, resources};
use super::refusal::refusal;
use super::{Config, DESCRIPTOR, ENDPOINT_URL};
use crate::metrics;
use crate::support::azure_storage::Entra;
use crate::support::minutes::Span;
use crate::support::refusal::Refusal;
use crate::support::rest::{self, form};

const RESOURCES_VERSION: &str = "2021-04-01";
const METRICS_VERSION: &str = "2023-10-01";
/// All that Azure can say of a minute; of a metric that has no such number it says none.
const AGGREGATIONS: &str = "Total,Average,Minimum,Maximum,Count";

/// The calls of one subscription, with the source's credentials.
#[derive(Debug)]
pub(super) struct ManagementClient {
    client: Client,
    /// None for an emulator that is not given any.
    identity: Option<Entra>,
    clock: Arc<dyn Clock>,
    endpoint_url: String,
    subscription: String,
}

impl ManagementClient {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let client = rest::client()?;
        // Each of Azure's clouds gives tokens for its own address.
        let resource = match config.is_emulator() {
            true => ENDPOINT_URL,
            false => config.endpoint_url(),
        };
        let resource = format!("{resource}/");
        let given = &config.credentials;
        let application = Entra::application(given, &resource, client.clone());
        let identity = application.or_else(|| {
            (!config.is_emulator()).then(|| Entra::machine(given, &resource, client.clone()))
        });
        Ok(ManagementClient {
            identity,
            client,
            clock,
            endpoint_url: config.endpoint_url().to_owned(),
            subscription: config.subscription.clone(),
        })
    }

    /// One page of the resources of these types; `link` is what the page before gave.
    pub(super) async fn resources(
        &self,
        types: &[String],
        link: Option<&str>,
    ) -> Result<(Vec<Described>, Option<String>), Refusal> {
        let path = match link {
            Some(link) => path_of(link)?,
            None => {
                let types = types.iter().map(|name| format!("resourceType eq '{name}'"));
                let filter = types.collect::<Vec<_>>().join(" or ");
                let query = [
                    ("$filter", filter.as_str()),
                    ("api-version", RESOURCES_VERSION),
                ];
                format!(
                    "/subscriptions/{}/resources?{}",
                    self.subscription,
                    form(&query)
                )
            }
        };
        let answer = self.get(&path).await?;
        resources(&answer).map_err(Refusal::Other)
    }

    /// The names of the metrics that a resource has for each minute.
    pub(super) async fn definitions(&self, resource: &str) -> Result<Vec<String>, Refusal> {
        let query = form(&[("api-version", METRICS_VERSION)]);
        let path = format!("{resource}/providers/Microsoft.Insights/metricDefinitions?{query}");
        let answer = self.get(&path).await?;
        definitions(&answer).map_err(Refusal::Other)
    }

    /// The minutes of `span` of some metrics of a resource.
    pub(super) async fn metrics(
        &self,
        resource: &str,
        names: &str,
        span: Span,
    ) -> Result<Bytes, Refusal> {
        let moment = |ms| Timestamp::from_millis(ms).to_string();
        let timespan = format!("{}/{}", moment(span.start_ms), moment(span.end_ms));
        let query = form(&[
            ("api-version", METRICS_VERSION),
            ("metricnames", names),
            ("timespan", &timespan),
            ("interval", "PT1M"),
            ("aggregation", AGGREGATIONS),
        ]);
        self.get(&format!(
            "{resource}/providers/Microsoft.Insights/metrics?{query}"
        ))
        .await
    }

    async fn get(&self, path: &str) -> Result<Bytes, Refusal> {
        metrics::request(DESCRIPTOR.name);
        let mut request = self.client.get(format!("{}{path}", self.endpoint_url));
        if let Some(identity) = &self.identity {
            let token = identity.token(self.clock.now()).await?;
            request = request.bearer_auth(token.expose());
        }
        let answer = rest::send(request).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        if let (Some(identity), StatusCode::UNAUTHORIZED) = (&self.identity, answer.status) {
            identity.forget();
        }
        Err(refusal(&answer, &self.subscription))
    }
}

/// The path and the query of a link: the token is sent to no other address than ours.
fn path_of(link: &str) -> Result<String, Refusal> {
    let url = Url::parse(link)
        .map_err(|error| Refusal::Other(format!("Azure's nextLink is no address: {error}")))?;
    let query = url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    Ok(format!("{}{query}", url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_at_our_own_address_only() {
        let link = "https://elsewhere.example/subscriptions/s/resources?$skiptoken=a%20b";
        assert_eq!(
            path_of(link).unwrap(),
            "/subscriptions/s/resources?$skiptoken=a%20b"
        );
        assert!(path_of("/subscriptions").is_err());
    }
}
