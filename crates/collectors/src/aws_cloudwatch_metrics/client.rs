//! Asks AWS: the two calls that are needed, and what its refusals mean.

use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    self, Dimension, MetricDataQuery, MetricDataResult, MetricStat, RecentlyActive, ScanBy,
};

use super::Config;
use super::plan::{Metric, Query, id_of};
use crate::metrics;
use crate::support::aws::Said;
use crate::support::minutes::Span;
use crate::support::refusal::Refusal;

/// The most samples that AWS gives in one page, which is also its default.
const PAGE_SAMPLES_MAX: i32 = 100_800;

/// The calls, with the source's credentials.
#[derive(Clone, Debug)]
pub(super) struct MetricsClient(Client);

impl MetricsClient {
    pub(super) async fn connect(config: &Config) -> MetricsClient {
        MetricsClient(Client::new(&config.access().connect().await))
    }

    /// One page of the metrics of a namespace: those of the last two weeks, or those of the last
    /// three hours.
    pub(super) async fn metrics(
        &self,
        namespace: &str,
        is_recent: bool,
        token: Option<String>,
    ) -> Result<(Vec<Metric>, Option<String>), Refusal> {
        metrics::request(super::DESCRIPTOR.name);
        let page = self
            .0
            .list_metrics()
            .namespace(namespace)
            .set_recently_active(is_recent.then_some(RecentlyActive::Pt3H))
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| refusal(&error, "cloudwatch:ListMetrics"))?;
        let metrics = page.metrics.unwrap_or_default().into_iter();
        let metrics = metrics.filter_map(|metric| {
            let dimensions = metric.dimensions.unwrap_or_default().into_iter();
            Some(Metric {
                name: metric.metric_name?,
                dimensions: dimensions
                    .filter_map(|dimension| Some((dimension.name?, dimension.value?)))
                    .collect(),
            })
        });
        Ok((metrics.collect(), page.next_token.filter(|t| !t.is_empty())))
    }

    /// One page of what a call's queries are answered with.
    pub(super) async fn samples(
        &self,
        namespace: &str,
        period: Duration,
        call: &[Query],
        span: Span,
        token: Option<String>,
    ) -> Result<(Vec<MetricDataResult>, Option<String>), Refusal> {
        metrics::request(super::DESCRIPTOR.name);
        let queries = call.iter().enumerate().map(|(place, query)| {
            let stat = MetricStat::builder()
                .metric(asked(namespace, &query.metric))
                .period(i32::try_from(period.as_secs()).unwrap_or(i32::MAX))
                .stat(query.statistic)
                .build();
            MetricDataQuery::builder()
                .id(id_of(place))
                .metric_stat(stat)
                .build()
        });
        let page = self
            .0
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_millis(span.start_ms))
            .end_time(DateTime::from_millis(span.end_ms))
            .scan_by(ScanBy::TimestampAscending)
            .max_datapoints(PAGE_SAMPLES_MAX)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| refusal(&error, "cloudwatch:GetMetricData"))?;
        let next_token = page.next_token.filter(|token| !token.is_empty());
        Ok((page.metric_data_results.unwrap_or_default(), next_token))
    }
}

fn asked(namespace: &str, metric: &Metric) -> types::Metric {
    let dimensions = metric.dimensions.iter().map(|(name, value)| {
        Dimension::builder()
            .name(name.as_str())
            .value(value.as_str())
            .build()
    });
    types::Metric::builder()
        .namespace(namespace)
        .metric_name(metric.name.as_str())
        .set_dimensions(Some(dimensions.collect()))
        .build()
}

/// What a refusal of a call means that needs `action`.
fn refusal<E, R>(error: &SdkError<E, R>, action: &str) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug,
{
    let said = Said::by(error);
    match said.code.as_str() {
        "InvalidNextToken" | "InvalidNextTokenException" => Refusal::BadToken(said.text),
        "AccessDenied" | "AccessDeniedException" => Refusal::Other(format!(
            "{}; allow the credentials of this source the action {action}",
            said.text
        )),
        _ => said.refusal(),
    }
}
