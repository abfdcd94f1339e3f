//! What watches: evaluates monitors, keeps their states, and tells people.
//!
//! ```text
//! schedule ─▶ evaluate ─▶ state ─▶ tell ─▶ (catalog: states, alerts, outbox) ─▶ deliver ─▶ channels
//! ```
//!
//! Everything up to the catalog is one round, whose outcome becomes durable in one transaction:
//! what a crash interrupts is done again with the same result and the same keys.

mod alert;
mod audience;
mod channels;
mod config;
mod deliver;
mod error;
mod evaluate;
mod heartbeat;
mod inhibition;
mod matcher;
mod metrics;
mod monitors;
mod mute;
mod notification;
mod replay;
mod route;
mod schedule;
mod service;
mod state;
mod tell;
mod times;
mod watch;

pub use alert::{Acknowledgement, Alert, HistoryEntry};
pub use channels::{ChannelConfig, ChannelDescriptor, channel_kinds};
pub use config::AlertingConfig;
pub use deliver::Attempt;
pub use deliver::smtp::Encryption;
pub use error::{AlertingError, Result};
pub use heartbeat::HeartbeatConfig;
pub use inhibition::Inhibition;
pub use matcher::Matcher;
pub use monitors::{Origin, Watched};
pub use mute::Mute;
pub use notification::{AlertNews, Limit, MonitorFacts, Notification, SampleLine};
pub use replay::{Replay, ReplayedChange, ReplayedGroup};
pub use route::Route;
pub use service::{Alerting, ChannelView, MonitorView};
pub use state::{
    Answer, Change, ChangeKind, GroupState, Labels, MonitorState, OpenAlert, Phase, Problem,
    ProblemState, Reason,
};
pub use times::Times;
