//! What the clouds look like: faithful small servers for the APIs that their logs and metrics are read through, fed by a synthetic fleet
//! of functions ([`fleet`]). Used by the demo, the tests and the benchmarks, never by the product
//! outside of them.
//!
//! Faithful means: as awkward as the original. Pages are cut by size, may be empty, and end only
//! where no token follows; tokens expire; events become visible after a delay, some of them late;
//! quotas are per second. Each of these can be set, see [`Nuisances`].

mod aws;
mod azure;
mod config;
mod error;
mod executions;
pub mod fleet;
mod google;
mod random;
mod simulator;

pub use config::{Nuisances, SimulatorConfig};
pub use error::{Result, SimulatorError};
pub use simulator::Simulator;
