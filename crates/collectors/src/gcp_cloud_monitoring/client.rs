//! Asks Cloud Monitoring for metric descriptors and time series.

use std::sync::Arc;

use bytes::Bytes;
use model::{Clock, Timestamp};
use reqwest::{Client, StatusCode};

use super::decode::{Decoder, Descriptor, descriptors};
use super::{Config, DESCRIPTOR};
use crate::metrics;
use crate::support::google_credentials::{GoogleCredentials, Origin};
use crate::support::google_refusal::{Refused, refusal};
use crate::support::minutes::{Samples, Span};
use crate::support::refusal::Refusal;
use crate::support::rest::{self, form};

/// Points in one page at most; Google gives up to 100,000, and a histogram is a kilobyte.
const PAGE_POINTS_MAX: &str = "20000";
/// Descriptors in one page at most; Google gives up to 10,000.
const PAGE_DESCRIPTORS_MAX: &str = "1000";

/// The calls of one project, with the source's credentials.
#[derive(Debug)]
pub(super) struct MonitoringClient {
    client: Client,
    credentials: GoogleCredentials,
    clock: Arc<dyn Clock>,
    endpoint_url: String,
    /// `projects/shop-prod`
    resource: String,
    decoder: Decoder,
}

impl MonitoringClient {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let client = rest::client()?;
        let origin = Origin {
            access_token: config.access_token.as_ref(),
            file: config.credentials_file.as_deref(),
            is_emulator: config.is_emulator(),
        };
        Ok(MonitoringClient {
            credentials: GoogleCredentials::find(origin, client.clone())?,
            client,
            clock,
            endpoint_url: config.endpoint_url().to_owned(),
            resource: format!("projects/{}", config.project),
            decoder: Decoder::new(config),
        })
    }

    /// One page of the metrics that a service has in the project.
    pub(super) async fn descriptors(
        &self,
        service: &str,
        token: Option<&str>,
    ) -> Result<(Vec<Descriptor>, Option<String>), Refusal> {
        let filter = format!("metric.type = starts_with(\"{service}/\")");
        let query = [
            ("filter", filter.as_str()),
            ("pageSize", PAGE_DESCRIPTORS_MAX),
        ];
        let answer = self.get("metricDescriptors", &query, token).await?;
        descriptors(&answer).map_err(Refusal::Other)
    }

    /// One page of the points of a metric whose periods end behind the start of `span`, and not
    /// behind its end.
    pub(super) async fn series(
        &self,
        metric_type: &str,
        span: Span,
        token: Option<&str>,
    ) -> Result<Samples, Refusal> {
        let filter = format!("metric.type = \"{metric_type}\"");
        let moment = |ms| Timestamp::from_millis(ms).to_string();
        let (start, end) = (moment(span.start_ms), moment(span.end_ms));
        let query = [
            ("filter", filter.as_str()),
            ("interval.startTime", &start),
            ("interval.endTime", &end),
            ("pageSize", PAGE_POINTS_MAX),
        ];
        let answer = self.get("timeSeries", &query, token).await?;
        self.decoder.page(&answer).map_err(Refusal::Other)
    }

    async fn get(
        &self,
        list: &str,
        query: &[(&str, &str)],
        token: Option<&str>,
    ) -> Result<Bytes, Refusal> {
        metrics::request(DESCRIPTOR.name);
        let mut query = query.to_vec();
        query.extend(token.map(|token| ("pageToken", token)));
        let url = format!(
            "{}/v3/{}/{list}?{}",
            self.endpoint_url,
            self.resource,
            form(&query)
        );
        let mut request = self.client.get(url);
        if let Some(token) = self.credentials.token(self.clock.now()).await? {
            request = request.bearer_auth(token.expose());
        }
        let answer = rest::send(request).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            self.credentials.forget();
        }
        let right = format!(
            "the permission monitoring.{list}.list on {} (role roles/monitoring.viewer)",
            self.resource
        );
        let call = Refused {
            is_later_page: token.is_some(),
            right: &right,
            now: self.clock.now(),
        };
        Err(refusal(call, &answer))
    }
}
