//! Asks the Blob service for lists and for parts of blobs.

use std::sync::Arc;

use bytes::Bytes;
use model::Clock;
use reqwest::StatusCode;

use super::Config;
use super::listing::{Listing, YEAR, parse};
use super::position::Piece;
use crate::support::azure_storage::{Service, StorageClient, Target, encode_path};
use crate::support::refusal::Refusal;

/// The calls, with the source's credentials.
#[derive(Debug)]
pub(super) struct BlobClient(StorageClient);

impl BlobClient {
    pub(super) fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let target = Target {
            service: Service::Blob,
            account: &config.account,
            endpoint_url: config.endpoint_url.as_deref(),
            credentials: &config.credentials,
            collector: super::DESCRIPTOR.name,
        };
        Ok(BlobClient(StorageClient::new(&target, clock)?))
    }

    /// One page of the containers whose names begin with `prefix`.
    pub(super) async fn containers(
        &self,
        prefix: &str,
        marker: Option<&str>,
    ) -> Result<Listing, Refusal> {
        self.list("/", &[("comp", "list"), ("prefix", prefix)], marker)
            .await
    }

    /// One page of the beginnings of the names of blobs, each up to the year: the resources.
    pub(super) async fn resources(
        &self,
        container: &str,
        marker: Option<&str>,
    ) -> Result<Listing, Refusal> {
        let query = [
            ("restype", "container"),
            ("comp", "list"),
            ("delimiter", YEAR),
        ];
        self.list(&format!("/{container}"), &query, marker).await
    }

    /// One page of the blobs whose names begin with `prefix`, sorted by name; at most
    /// `results_max`, if that is given.
    pub(super) async fn blobs(
        &self,
        container: &str,
        prefix: &str,
        marker: Option<&str>,
        results_max: Option<&str>,
    ) -> Result<Listing, Refusal> {
        let mut query = vec![
            ("restype", "container"),
            ("comp", "list"),
            ("prefix", prefix),
        ];
        query.extend(results_max.map(|results_max| ("maxresults", results_max)));
        self.list(&format!("/{container}"), &query, marker).await
    }

    /// The bytes of a piece; fewer if the blob has become shorter.
    pub(super) async fn read(
        &self,
        container: &str,
        name: &str,
        piece: Piece,
    ) -> Result<Bytes, Refusal> {
        let path = format!("/{container}/{}", encode_path(name));
        let range = (
            "x-ms-range",
            format!("bytes={}-{}", piece.first, piece.last),
        );
        let taken = [
            StatusCode::OK,
            StatusCode::PARTIAL_CONTENT,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ];
        let answer = self.0.get(&path, &[], &[range], &taken).await?;
        Ok(match answer.status {
            StatusCode::RANGE_NOT_SATISFIABLE => Bytes::new(),
            StatusCode::PARTIAL_CONTENT => answer.body,
            // A service that ignores the range sends all.
            _ => {
                let length = answer.body.len() as u64;
                let (first, end) = (piece.first.min(length), (piece.last + 1).min(length));
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                answer.body.slice(place(first)..place(end))
            }
        })
    }

    async fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        marker: Option<&str>,
    ) -> Result<Listing, Refusal> {
        let mut query = query.to_vec();
        query.extend(marker.map(|marker| ("marker", marker)));
        let answer = self.0.get(path, &query, &[], &[StatusCode::OK]).await?;
        parse(&String::from_utf8_lossy(&answer.body)).map_err(Refusal::Other)
    }
}
