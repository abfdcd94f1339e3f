//! The order of start and stop, and what is connected to what.
//!
//! Start: HTTP (says that the node is starting) → store (opens the catalog) → ingest (replays
//! the log) → searches → sources (begin to deliver) → alerting → upkeep of the store → HTTP
//! answers. Stop
//! goes the other way, so that nothing is delivered to a closed room.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::serve::ListenerExt;
use ingest::Ingest;
use model::{Clock, EventSink};
use storage::{Store, Upkeep};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::own_metrics::OwnMetrics;
use crate::source_book::CatalogBook;
use crate::{Config, ServerError, telemetry};

/// A node that runs. Dropping it does not stop it; [`Server::shutdown`] does.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    sources: Arc<collectors::Sources>,
    ingest: Arc<Ingest>,
    alerting: Arc<alerting::Alerting>,
    upkeep: Upkeep,
    own_metrics: OwnMetrics,
    stop_http: oneshot::Sender<()>,
    http: JoinHandle<()>,
}

impl Server {
    /// Starts a node: when this returns, it listens, collects and answers.
    ///
    /// # Errors
    /// Says which room did not start, and why.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Server, ServerError> {
        let listen = config.server.listen;
        if config.auth.access_keys.is_empty() && !listen.ip().is_loopback() {
            return Err(ServerError::OpenToTheNetwork(listen));
        }
        let cannot_listen = |source| ServerError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let metrics = telemetry::metrics_handle()?;
        let door = api::Door::default();
        let (stop_http, stopped) = oneshot::channel();
        let http = tokio::spawn(serve(listener, door.router(), stopped));

        let data_dir = config.storage.data_dir.clone();
        let dashboards_dir = config.content.dashboards_dir;
        let store = Store::open(config.storage.clone(), Arc::clone(&clock))
            .await
            .map_err(|source| ServerError::Storage {
                path: data_dir.clone(),
                source,
            })?;
        let ingest = Arc::new(Ingest::start(store.clone(), config.ingest).await?);
        let searches = query::Searches::new(store.clone(), query::SearchConfig::default())?;
        let sink: Arc<dyn EventSink> = Arc::clone(&ingest) as Arc<dyn EventSink>;
        let book = Arc::new(CatalogBook {
            catalog: store.catalog().clone(),
            clock: Arc::clone(&clock),
        });
        let sources =
            collectors::Sources::open(config.sources, book, sink, Arc::clone(&clock)).await?;
        let sources = Arc::new(sources);

        let url = format!("http://{address}");
        let watched =
            alerting::Alerting::start(config.alerting, config.channels, store.clone(), url);
        let alerting = Arc::new(watched.await?);
        let upkeep = Upkeep::start(store.clone(), config.storage);
        let node = api::Node {
            store,
            ingest: Arc::clone(&ingest),
            searches,
            sources: Arc::clone(&sources),
            library: content::Library::new(dashboards_dir.or_else(|| own_dashboards(&data_dir))),
            alerting: Arc::clone(&alerting),
            clock,
            access_keys: config.auth.access_keys,
            metrics,
            version: env!("CARGO_PKG_VERSION"),
            ui: web::router(),
        };
        let own_metrics = OwnMetrics::start(node.clone(), config.server.own_metrics_interval);
        door.open(node);
        info!(%address, "listening");
        Ok(Server {
            address,
            sources,
            ingest,
            alerting,
            upkeep,
            own_metrics,
            stop_http,
            http,
        })
    }

    /// Where the node listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The node's base URL, for people and clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns why the node must stop, when it must: the disk or the catalog failed, and what
    /// is sent now could be lost.
    pub async fn failed(&self) -> String {
        self.ingest.failed().await
    }

    /// Stops collecting, flushes what is in memory, and stops listening.
    pub async fn shutdown(self) {
        self.sources.shutdown().await;
        drop(self.own_metrics);
        self.alerting.shutdown().await;
        self.upkeep.stop().await;
        if let Err(error) = self.ingest.shutdown().await {
            // Nothing is lost: the log is replayed at the next start.
            error!(%error, "last flush failed");
        }
        if self.stop_http.send(()).is_err() {
            info!("http had stopped before");
        }
        if let Err(error) = self.http.await {
            error!(%error, "http task failed");
        }
        info!("stopped");
    }
}

/// The folder of saved dashboards if the configuration names none.
fn own_dashboards(data_dir: &Path) -> Option<PathBuf> {
    let folder = data_dir.join("dashboards");
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Some(folder),
        Err(error) => {
            warn!(folder = %folder.display(), %error, "cannot make the folder of dashboards, none can be saved");
            None
        }
    }
}

/// Answers until told to stop. Open connections are not waited for: a search that streams to a
/// browser would hold the node for ever.
async fn serve(listener: TcpListener, router: axum::Router, stopped: oneshot::Receiver<()>) {
    // Small answers must not wait until the client has acknowledged the one before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            warn!(%error, "cannot make a connection answer at once");
        }
    });
    let serving = axum::serve(listener, router);
    tokio::select! {
        result = serving.into_future() => {
            if let Err(error) = result {
                error!(%error, "http server failed");
            }
        }
        _ = stopped => {}
    }
}
