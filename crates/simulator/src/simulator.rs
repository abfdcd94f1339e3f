//! The running simulator: one listener per API of a cloud, started and stopped as a whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use model::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::aws::{self, Service};
use crate::azure;
use crate::config::SimulatorConfig;
use crate::error::{Result, SimulatorError};
use crate::google;

/// Running cloud APIs. They stop when this is shut down or dropped.
#[derive(Debug)]
pub struct Simulator {
    aws: Listener,
    google: Listener,
    azure_blobs: Listener,
    azure_tables: Listener,
    azure_management: Listener,
    storage_account: String,
    service: Arc<Service>,
    google_service: Arc<google::Service>,
    azure_service: Arc<azure::Service>,
}

/// One cloud's server.
#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Starts the simulated clouds; their history is there when this returns.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Listen`], if an address cannot be listened on.
    pub async fn start(config: SimulatorConfig) -> Result<Simulator> {
        let aws = config.listen;
        let other = SocketAddr::new(aws.ip(), 0);
        let google_service = Arc::new(google::Service::new(config.clone()));
        let google = google::router(Arc::clone(&google_service));
        let storage_account = config.storage_account.clone();
        let storage = Arc::new(azure::Service::new(config.clone()));
        let service = Arc::new(Service::new(config));
        Ok(Simulator {
            aws: Listener::start(aws, aws::router(Arc::clone(&service))).await?,
            google: Listener::start(other, google).await?,
            azure_blobs: Listener::start(other, azure::blob_router(Arc::clone(&storage))).await?,
            azure_tables: Listener::start(other, azure::table_router(Arc::clone(&storage))).await?,
            azure_management: Listener::start(
                other,
                azure::management_router(Arc::clone(&storage)),
            )
            .await?,
            storage_account,
            service,
            google_service,
            azure_service: storage,
        })
    }

    /// The address of the simulated AWS, as a client's `endpoint_url` needs it.
    pub fn aws_endpoint(&self) -> String {
        self.aws.url()
    }

    /// The address of the simulated Google Cloud.
    pub fn google_endpoint(&self) -> String {
        self.google.url()
    }

    /// The address of the simulated Azure's blob service, with the storage account.
    pub fn azure_blob_endpoint(&self) -> String {
        format!("{}/{}", self.azure_blobs.url(), self.storage_account)
    }

    /// The address of the simulated Azure's table service, with the storage account.
    pub fn azure_table_endpoint(&self) -> String {
        format!("{}/{}", self.azure_tables.url(), self.storage_account)
    }

    /// The address of the simulated Azure Resource Manager, which also gives tokens: any
    /// application with any secret is given one.
    pub fn azure_management_endpoint(&self) -> String {
        self.azure_management.url()
    }

    /// How many events with a time before `until` there are in each log group, whether they are
    /// visible yet or not: what a collector must have found in the end.
    pub fn event_counts(&self, until: Timestamp) -> BTreeMap<String, u64> {
        self.service.event_counts(until)
    }

    /// How many executions of each function at Google that end before `until` ended how: what the
    /// metrics of a collector must say in the end.
    pub fn google_executions(&self, until: Timestamp) -> BTreeMap<String, BTreeMap<String, u64>> {
        self.google_service.execution_counts(until)
    }

    /// What the metrics of each function app at Azure must sum up to in the end, before `until`.
    pub fn azure_metric_totals(&self, until: Timestamp) -> BTreeMap<String, BTreeMap<String, f64>> {
        self.azure_service.metric_totals(until)
    }

    /// Stops serving and waits until the last request is answered.
    pub async fn shutdown(self) {
        self.aws.shutdown().await;
        self.google.shutdown().await;
        self.azure_blobs.shutdown().await;
        self.azure_tables.shutdown().await;
        self.azure_management.shutdown().await;
    }
}

impl Listener {
    async fn start(address: SocketAddr, router: Router) -> Result<Listener> {
        let failed = |source| SimulatorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let until = async move {
                // A dropped sender means the same as a sent stop.
                stopped.await.unwrap_or_default();
            };
            let serving = axum::serve(listener, router).with_graceful_shutdown(until);
            if let Err(error) = serving.await {
                tracing::error!(%error, "simulated cloud stopped serving");
            }
        });
        tracing::info!(%address, "simulated cloud started");
        Ok(Listener {
            address,
            stop,
            task,
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "simulated cloud did not stop in order");
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Clock, ManualClock};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn it_answers_over_the_network_until_it_is_shut_down() {
        let clock = ManualClock::at(Timestamp::from_millis(1_795_442_400_000));
        let config = SimulatorConfig::new(Arc::new(clock) as Arc<dyn Clock>);
        let simulator = Simulator::start(config).await.unwrap();
        let endpoint = simulator.aws_endpoint();
        let address = endpoint.strip_prefix("http://").unwrap().to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = "POST / HTTP/1.1\r\nhost: logs\r\nconnection: close\r\ncontent-length: 2\r\n\
             x-amz-target: Logs_20140328.DescribeLogGroups\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=AK/20261123/eu-west-1/logs/aws4_request\r\n\r\n{}";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("/aws/lambda/checkout-api"));

        let counts = simulator.event_counts(Timestamp::MAX);
        assert_eq!(counts.len(), 20);
        assert!(counts.values().sum::<u64>() > 60 * 60 * 20, "{counts:?}");
        simulator.shutdown().await;
        assert!(TcpStream::connect(&address).await.is_err());
    }
}
