//! What users save: saved searches and monitors, kept as TOML files that people write and review.

mod monitor;
mod packaged;
mod period;
mod saved_search;
mod suggestion;

pub use monitor::{
    Comparison, Condition, Groups, Missing, MissingMeans, Monitor, MonitorMistake, Needed, Notify,
    Reduction, Severity, SumoConnection, SumoMonitor, SumoNotification, SumoQuery, SumoTrigger,
};
pub use packaged::packaged_monitors;
pub use period::Period;
pub use saved_search::{ContentError, SavedSearch};
pub use suggestion::{likely, with_suggestion};
