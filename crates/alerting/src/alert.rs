//! Alerts as they are kept and shown.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage::catalog::{AlertEvent, AlertRow};

use crate::notification::AlertNews;
use crate::{AlertingError, Result};

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The monitor's id.
    pub monitor: String,
    /// What people call the monitor.
    pub monitor_name: String,
    /// Whether it is not over.
    pub is_open: bool,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// What was last said about it.
    pub news: AlertNews,
    /// Whether people are not told about it.
    pub is_muted: bool,
    /// Who has seen it.
    pub acknowledgement: Option<Acknowledgement>,
}

/// Somebody has seen an alert and cares for it: it is not told again while it stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// With which words.
    #[serde(default)]
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// Something that happened to an alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What: `fired`, `raised`, `sent`, `given_up`, `acknowledged` …, with what belongs to it.
    pub what: Value,
}

/// What the evaluation keeps about an alert.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) monitor_name: String,
    pub(crate) news: AlertNews,
    pub(crate) is_muted: bool,
}

impl Alert {
    pub(crate) fn from_row(row: AlertRow) -> Result<Alert> {
        let decode = |error| AlertingError::Decode("an alert", error);
        let body: Body = serde_json::from_str(&row.body).map_err(decode)?;
        let acknowledgement = match row.acknowledgement.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(decode)?),
        };
        Ok(Alert {
            monitor: row.monitor,
            monitor_name: body.monitor_name,
            is_open: row.is_open,
            changed_at: row.changed_at,
            news: body.news,
            is_muted: body.is_muted,
            acknowledgement,
        })
    }
}

impl HistoryEntry {
    pub(crate) fn from_event(event: &AlertEvent) -> Result<HistoryEntry> {
        let what = serde_json::from_str(&event.body);
        Ok(HistoryEntry {
            at: event.at,
            what: what.map_err(|error| AlertingError::Decode("an event", error))?,
        })
    }
}
