//! The node's own logs, metrics and clock.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use model::{Clock, Timestamp};
use tracing_subscriber::EnvFilter;

use crate::ServerError;

/// The system's clock. The only place that reads it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one clock that everything else is given"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = since_epoch.map_or(0, |elapsed| elapsed.as_nanos());
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// Sends log lines to standard error; `RUST_LOG` chooses which (default: `info` of ours, `warn`
/// of the libraries). A second call changes nothing.
pub fn init_logging() {
    const DEFAULT: &str = "warn,server=info,ingest=info,storage=info,collectors=info,query=info,api=info,simulator=info";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .finish();
    // Failing means that somebody (a test) has set one already, which is as good.
    drop(tracing::subscriber::set_global_default(subscriber));
}

/// Returns the process-wide recorder of metrics, installed at the first call.
pub(crate) fn metrics_handle() -> Result<PrometheusHandle, ServerError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            PrometheusBuilder::new()
                .install_recorder()
                .map_err(|error| error.to_string())
        })
        .clone()
        .map_err(ServerError::Metrics)
}
