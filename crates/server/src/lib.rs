//! One running node: configuration, wiring, start, stop. Tests start it in their own process.

mod config;
mod error;
mod own_metrics;
mod partitions;
mod rule_test;
mod source_book;
mod telemetry;
mod wiring;

pub use config::{AuthConfig, Config, ListenConfig};
pub use error::ServerError;
pub use partitions::PartitionConfig;
pub use rule_test::run_rule_test;
pub use telemetry::{SystemClock, init_logging};
pub use wiring::Server;
