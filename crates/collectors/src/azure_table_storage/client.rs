//! Asks the Table service for rows, page by page.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination>

use std::sync::Arc;

use model::Clock;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Config;
use crate::support::azure_storage::{Service, StorageClient, Target};
use crate::support::refusal::Refusal;
use crate::support::rest::{Answer, encode};

/// The most that Azure gives in one page.
const PAGE_ROWS_MAX: &str = "1000";

/// A row, by its columns.
pub(super) type Row = Map<String, Value>;

/// Where the page behind begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Next {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<String>,
}

impl Next {
    fn of(answer: &Answer) -> Option<Next> {
        let header = |name: &str| {
            answer
                .header(&format!("x-ms-continuation-{name}"))
                .map(str::to_owned)
        };
        let next = Next {
            table: header("NextTableName"),
            partition: header("NextPartitionKey"),
            row: header("NextRowKey"),
        };
        (next != Next::default()).then_some(next)
    }

    fn query(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parts = [
            ("NextTableName", &self.table),
            ("NextPartitionKey", &self.partition),
            ("NextRowKey", &self.row),
        ];
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListAnswer {
    value: Vec<Row>,
}

/// The calls, with the source's credentials.
#[derive(Debug)]
pub(super) struct TableClient(StorageClient);

impl TableClient {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let target = Target {
            service: Service::Table,
            account: &config.account,
            endpoint_url: config.endpoint_url.as_deref(),
            credentials: &config.credentials,
            collector: super::DESCRIPTOR.name,
        };
        Ok(TableClient(StorageClient::new(&target, clock)?))
    }

    /// One page of the tables that the filter lets through: their names.
    pub(super) async fn tables(
        &self,
        filter: &str,
        next: Option<&Next>,
    ) -> Result<(Vec<String>, Option<Next>), Refusal> {
        let (rows, next) = self.list("/Tables", filter, next).await?;
        let name = |row: Row| Some(row.get("TableName")?.as_str()?.to_owned());
        Ok((rows.into_iter().filter_map(name).collect(), next))
    }

    /// One page of the rows that the filter lets through, sorted by key. A page may be empty and
    /// not last.
    pub(super) async fn rows(
        &self,
        table: &str,
        filter: &str,
        next: Option<&Next>,
    ) -> Result<(Vec<Row>, Option<Next>), Refusal> {
        self.list(&format!("/{table}()"), filter, next).await
    }

    /// One row; `None` if there is none.
    pub(super) async fn row(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, Refusal> {
        let key = |text: &str| encode(&text.replace('\'', "''"));
        let (partition, row) = (key(partition), key(row));
        let path = format!("/{table}(PartitionKey='{partition}',RowKey='{row}')");
        match self.get(&path, &[]).await {
            Ok(answer) => Ok(Some(parsed(&answer)?)),
            Err(Refusal::Missing(_)) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    async fn list(
        &self,
        path: &str,
        filter: &str,
        next: Option<&Next>,
    ) -> Result<(Vec<Row>, Option<Next>), Refusal> {
        let mut query = vec![("$filter", filter), ("$top", PAGE_ROWS_MAX)];
        query.extend(next.into_iter().flat_map(Next::query));
        let answer = self.get(path, &query).await?;
        let page: ListAnswer = parsed(&answer)?;
        Ok((page.value, Next::of(&answer)))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Refusal> {
        let accept = (
            "Accept",
            "application/json;odata=minimalmetadata".to_owned(),
        );
        self.0.get(path, query, &[accept], &[StatusCode::OK]).await
    }
}

fn parsed<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Refusal::Other(format!("Azure's answer is no page of rows: {error}")))
}
