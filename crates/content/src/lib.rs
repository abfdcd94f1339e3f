//! What users save: dashboards in apps, saved searches and monitors, kept as TOML files that people write and
//! review.

mod app;
mod dashboards;
mod embedded;
mod library;
mod monitor;
mod packaged;
mod period;
mod save;
mod saved_search;
mod suggestion;
mod sumo;
mod sumo_import;

pub use app::App;
pub use dashboards::{
    Chart, Choices, Column, Dashboard, FillError, Filled, Link, Origin, Panel, PanelQuery, Problem,
    Reduce, State, Threshold, Unit, Variable,
};
pub use library::{AppFolder, Broken, DASHBOARD_FILE, Library, Shelf, StoredDashboard};
pub use monitor::{
    Comparison, Condition, Groups, Missing, MissingMeans, Monitor, MonitorMistake, Needed, Notify,
    Reduction, Severity, SumoConnection, SumoMonitor, SumoNotification, SumoQuery, SumoTrigger,
};
pub use packaged::packaged_monitors;
pub use period::Period;
pub use save::SaveError;
pub use saved_search::SavedSearch;
pub use suggestion::{likely, with_suggestion};
pub use sumo::to_sumo;
pub use sumo_import::{Imported, from_sumo};

/// Why a content file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The file is not TOML, a key is missing or unknown.
    #[error("cannot read the {what}: {why}")]
    Invalid {
        /// What the file should be.
        what: &'static str,
        /// The mistake, with the key that was probably meant.
        why: String,
    },
}
