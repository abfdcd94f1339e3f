//! What can go wrong when the simulator starts.

use std::net::SocketAddr;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, SimulatorError>;

/// Why the simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The world: the address is taken or not ours.
    #[error("cannot listen on {address} for the simulated cloud")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}
