//! Monitors as Sumo Logic's API and exports write them, there and back.
//!
//! What Sumo Logic has and this has not (outliers, anomalies, SLOs, e-mail addresses in a monitor)
//! is refused, and not left out: a monitor that watches something else than it says is worse than
//! none.

use query::Language;
use serde::{Deserialize, Serialize};

use super::{
    Comparison, Condition, Missing, MissingMeans, Monitor, MonitorMistake, Notify, Reduction,
    Severity,
};
use crate::Period;

/// A monitor as Sumo Logic writes it. Keys that are not known are ignored, as it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SumoMonitor {
    /// What people call it.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// `Logs` or `Metrics`.
    pub monitor_type: String,
    /// The rows of the query.
    pub queries: Vec<SumoQuery>,
    /// When it is critical, a warning, or without data; and when it is not any more.
    pub triggers: Vec<SumoTrigger>,
    /// Who is told.
    pub notifications: Vec<SumoNotification>,
    /// Whether it is not evaluated.
    pub is_disabled: bool,
    /// Whether each group has an alert of its own.
    pub group_notifications: bool,
    /// By which fields it groups.
    pub notification_group_fields: Vec<String>,
    /// How long before the present the window ends, such as `4m`.
    pub evaluation_delay: Option<String>,
    /// What to do about it.
    pub playbook: Option<String>,
}

/// A row of a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SumoQuery {
    /// `A`, `B` …
    pub row_id: String,
    /// Its text.
    pub query: String,
}

/// A condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SumoTrigger {
    /// What kind of condition.
    pub detection_method: String,
    /// `Critical`, `Warning`, `MissingData`, or one of them with `Resolved` before it.
    pub trigger_type: String,
    /// The window, such as `-5m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_range: Option<String>,
    /// The limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How it is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_type: Option<String>,
    /// The field that is compared; the number of rows if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// `Always` or `AtLeastOnce`, for metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrence_type: Option<String>,
    /// How long it must be good before the alert ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution_window: Option<String>,
    /// Which series must be silent; for missing data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_source: Option<String>,
}

/// Who is told, and about what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SumoNotification {
    /// Where it goes.
    pub notification: SumoConnection,
    /// About which triggers; all of them here.
    pub run_for_trigger_types: Vec<String>,
}

/// A connection: what a channel is called there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SumoConnection {
    /// `Webhook` …
    pub connection_type: String,
    /// The name of a channel.
    pub connection_id: Option<String>,
}

const COMPARISONS: [(&str, Comparison); 4] = [
    ("GreaterThan", Comparison::Above),
    ("GreaterThanOrEqual", Comparison::AtLeast),
    ("LessThan", Comparison::Below),
    ("LessThanOrEqual", Comparison::AtMost),
];
const STATIC_METHODS: [&str; 3] = [
    "StaticCondition",
    "LogsStaticCondition",
    "MetricsStaticCondition",
];

fn wrong<T>(key: &'static str, what: impl Into<String>) -> Result<T, MonitorMistake> {
    Err(MonitorMistake::Value {
        key,
        what: what.into(),
    })
}

fn period(key: &'static str, text: &str) -> Result<Period, MonitorMistake> {
    let length = text.trim().trim_start_matches('-');
    model::duration::parse(length)
        .map(Period)
        .or_else(|why| wrong(key, format!("is wrong: {why}")))
}

impl SumoMonitor {
    /// Returns the monitor that is meant.
    ///
    /// # Errors
    /// What is missing or not supported.
    pub fn to_monitor(&self) -> Result<Monitor, MonitorMistake> {
        let language = match self.monitor_type.as_str() {
            "Logs" => Language::Log,
            "Metrics" => Language::Metrics,
            other => {
                return wrong(
                    "monitorType",
                    format!("is `{other}`; supported are `Logs` and `Metrics`"),
                );
            }
        };
        let Some((last, others)) = self.queries.split_last() else {
            return wrong("queries", "is empty");
        };
        if language == Language::Log && !others.is_empty() {
            return wrong("queries", "has several rows; a log monitor has one");
        }
        let mut conditions = self.triggers.iter();
        let Some(first) = conditions.find(|trigger| !trigger.trigger_type.starts_with("Resolved"))
        else {
            return wrong(
                "triggers",
                "has no trigger of type `Critical`, `Warning` or `MissingData`",
            );
        };
        let mut monitor = Monitor {
            rows: others
                .iter()
                .map(|row| (row.row_id.clone(), row.query.clone()))
                .collect(),
            language,
            value: first.field.clone().filter(|field| !field.is_empty()),
            critical: self.threshold("Critical")?,
            warning: self.threshold("Warning")?,
            missing: self.missing()?,
            group_by: self.groups(),
            enabled: !self.is_disabled,
            notify: self.notify()?,
            description: self.description.clone().unwrap_or_default(),
            runbook: self.playbook.clone().unwrap_or_default(),
            ..Monitor::small(&self.name, &last.query)
        };
        self.set_times(first, &mut monitor)?;
        if language == Language::Metrics {
            // Every point is bad if the best one is; one is bad if the worst one is.
            let is_always = first.occurrence_type.as_deref() != Some("AtLeastOnce");
            monitor.reduce = match is_always == monitor.is_upward() {
                true => Reduction::Min,
                false => Reduction::Max,
            };
        }
        monitor.check()?;
        Ok(monitor)
    }

    fn set_times(&self, first: &SumoTrigger, monitor: &mut Monitor) -> Result<(), MonitorMistake> {
        if let Some(range) = &first.time_range {
            monitor.window = period("timeRange", range)?;
        }
        let delay = self
            .evaluation_delay
            .as_deref()
            .filter(|delay| !delay.is_empty());
        let delay = delay
            .map(|delay| period("evaluationDelay", delay))
            .transpose()?;
        monitor.delay = delay.filter(|delay| !delay.0.is_zero());
        let mut windows = self
            .triggers
            .iter()
            .filter_map(|trigger| trigger.resolution_window.as_deref());
        if let Some(window) = windows.next() {
            monitor.keep_firing_for = period("resolutionWindow", window)?;
        }
        Ok(())
    }

    fn groups(&self) -> Vec<String> {
        match self.group_notifications {
            true => self.notification_group_fields.clone(),
            false => Vec::new(),
        }
    }

    fn trigger(&self, trigger_type: &str) -> Option<&SumoTrigger> {
        self.triggers
            .iter()
            .find(|trigger| trigger.trigger_type == trigger_type)
    }

    fn threshold(&self, trigger_type: &str) -> Result<Option<Condition>, MonitorMistake> {
        let Some(trigger) = self.trigger(trigger_type) else {
            return Ok(None);
        };
        let method = trigger.detection_method.as_str();
        if !STATIC_METHODS.contains(&method) {
            let what = format!("is `{method}`; supported are static conditions and missing data");
            return wrong("detectionMethod", what);
        }
        let Some(limit) = trigger.threshold else {
            return wrong("threshold", "is missing");
        };
        let name = trigger
            .threshold_type
            .as_deref()
            .unwrap_or("GreaterThanOrEqual");
        let Some((_, comparison)) = COMPARISONS.iter().find(|(known, _)| *known == name) else {
            return wrong(
                "thresholdType",
                format!("is `{name}`; write for example `GreaterThan`"),
            );
        };
        let mut threshold = Condition::new(*comparison, limit);
        let resolved = self.trigger(&format!("Resolved{trigger_type}"));
        threshold.recovery = resolved
            .and_then(|resolved| resolved.threshold)
            .filter(|recovery| recovery.total_cmp(&limit).is_ne());
        Ok(Some(threshold))
    }

    fn missing(&self) -> Result<Option<Missing>, MonitorMistake> {
        let Some(trigger) = self.trigger("MissingData") else {
            return Ok(None);
        };
        let after = trigger
            .time_range
            .as_deref()
            .map(|range| period("timeRange", range));
        Ok(Some(Missing {
            means: MissingMeans::Alert,
            after: after.transpose()?,
        }))
    }

    fn notify(&self) -> Result<Notify, MonitorMistake> {
        let mut notify = Notify::default();
        for SumoNotification { notification, .. } in &self.notifications {
            match &notification.connection_id {
                Some(name) if !name.is_empty() => notify.channels.push(name.clone()),
                _ => {
                    let kind = &notification.connection_type;
                    let what = format!(
                        "names `{kind}` without a `connectionId`; set up a channel and give its name"
                    );
                    return wrong("notifications", what);
                }
            }
        }
        notify.channels.dedup();
        Ok(notify)
    }

    /// Writes a monitor down. SQL is written as `Logs`, which is what Sumo Logic has.
    pub fn from_monitor(monitor: &Monitor) -> SumoMonitor {
        let last = b'A' + u8::try_from(monitor.rows.len().min(25)).unwrap_or(0);
        let last = char::from(last).to_string();
        let rows = monitor.rows.iter().map(|(id, query)| (id.as_str(), query));
        let rows = rows.chain([(last.as_str(), &monitor.query)]);
        let connection = |name: &String| SumoNotification {
            notification: SumoConnection {
                connection_type: "Webhook".to_owned(),
                connection_id: Some(name.clone()),
            },
            run_for_trigger_types: Vec::new(),
        };
        let is_metrics = monitor.language == Language::Metrics;
        SumoMonitor {
            name: monitor.name.clone(),
            description: Some(monitor.description.clone()),
            monitor_type: if is_metrics { "Metrics" } else { "Logs" }.to_owned(),
            queries: rows
                .map(|(id, query)| SumoQuery {
                    row_id: id.to_owned(),
                    query: query.clone(),
                })
                .collect(),
            triggers: triggers(monitor),
            notifications: monitor.notify.channels.iter().map(connection).collect(),
            is_disabled: !monitor.enabled,
            group_notifications: !monitor.group_by.is_empty(),
            notification_group_fields: monitor.group_by.clone(),
            evaluation_delay: monitor.delay.map(|delay| delay.to_string()),
            playbook: Some(monitor.runbook.clone()),
        }
    }
}

fn triggers(monitor: &Monitor) -> Vec<SumoTrigger> {
    let mut triggers = Vec::new();
    for (severity, name) in [
        (Severity::Critical, "Critical"),
        (Severity::Warning, "Warning"),
    ] {
        if let Some(threshold) = monitor.threshold(severity) {
            triggers.extend(pair(monitor, name, threshold));
        }
    }
    if monitor.missing_means() == MissingMeans::Alert {
        let method = match monitor.language {
            Language::Metrics => "MetricsMissingDataCondition",
            Language::Log | Language::Sql => "LogsMissingDataCondition",
        };
        triggers.push(SumoTrigger {
            detection_method: method.to_owned(),
            trigger_type: "MissingData".to_owned(),
            time_range: Some(format!("-{}", monitor.missing_after())),
            trigger_source: Some("AllResults".to_owned()),
            ..SumoTrigger::default()
        });
    }
    triggers
}

/// The trigger of a threshold, and the one of its end.
fn pair(monitor: &Monitor, name: &str, threshold: Condition) -> [SumoTrigger; 2] {
    let (comparison, limit) = threshold.limit();
    let name_of = |comparison: Comparison| {
        let mut known = COMPARISONS.iter().filter(|(_, known)| *known == comparison);
        known.next().map(|(name, _)| (*name).to_owned())
    };
    let opposite = match comparison {
        Comparison::Above => Comparison::AtMost,
        Comparison::AtLeast => Comparison::Below,
        Comparison::Below => Comparison::AtLeast,
        Comparison::AtMost => Comparison::Above,
    };
    let is_metrics = monitor.language == Language::Metrics;
    let occurrence = match (monitor.reduce, comparison.is_upward()) {
        _ if !is_metrics => "ResultCount",
        (Reduction::Max, true) | (Reduction::Min, false) => "AtLeastOnce",
        _ => "Always",
    };
    let method = if is_metrics {
        "MetricsStaticCondition"
    } else {
        "LogsStaticCondition"
    };
    let keep = Some(monitor.keep_firing_for).filter(|keep| !keep.0.is_zero());
    let begins = SumoTrigger {
        detection_method: method.to_owned(),
        trigger_type: name.to_owned(),
        time_range: Some(format!("-{}", monitor.window)),
        threshold: Some(limit),
        threshold_type: name_of(comparison),
        field: monitor.value.clone(),
        occurrence_type: Some(occurrence.to_owned()),
        ..SumoTrigger::default()
    };
    let ends = SumoTrigger {
        trigger_type: format!("Resolved{name}"),
        threshold: Some(threshold.recovery.unwrap_or(limit)),
        threshold_type: name_of(opposite),
        resolution_window: keep.map(|keep| keep.to_string()),
        ..begins.clone()
    };
    [begins, ends]
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTED: &str = r#"{
        "name": "Errors", "description": "d", "type": "MonitorsLibraryMonitorExport",
        "monitorType": "Logs", "evaluationDelay": "4m", "alertName": null,
        "queries": [{"rowId": "A", "query": "error | count as errors by function"}],
        "triggers": [
            {"detectionMethod": "LogsStaticCondition", "triggerType": "Critical", "timeRange": "-15m",
             "threshold": 10.0, "thresholdType": "GreaterThanOrEqual", "field": "errors",
             "resolutionWindow": null, "minDataPoints": null},
            {"detectionMethod": "LogsStaticCondition", "triggerType": "ResolvedCritical", "timeRange": "-15m",
             "threshold": 8.0, "thresholdType": "LessThan", "field": "errors", "resolutionWindow": "5m"},
            {"detectionMethod": "LogsMissingDataCondition", "triggerType": "MissingData", "timeRange": "-30m"}
        ],
        "notifications": [{"notification": {"connectionType": "Webhook", "connectionId": "ops"},
                           "runForTriggerTypes": ["Critical"]}],
        "isDisabled": false, "groupNotifications": true, "notificationGroupFields": ["function"],
        "playbook": "look", "tags": {}
    }"#;

    fn sumo(text: &str) -> SumoMonitor {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_exported_monitor_becomes_ours() {
        let monitor = sumo(EXPORTED).to_monitor().unwrap();
        assert_eq!(monitor.window, Period::minutes(15));
        assert_eq!(monitor.delay(), Period::minutes(4));
        let critical = Condition {
            recovery: Some(8.0),
            ..Condition::new(Comparison::AtLeast, 10.0)
        };
        assert_eq!(monitor.critical, Some(critical));
        assert_eq!(monitor.keep_firing_for, Period::minutes(5));
        assert_eq!(monitor.group_by, ["function"]);
        assert_eq!(monitor.notify.channels, ["ops"]);
        assert_eq!(monitor.missing_means(), MissingMeans::Alert);
        assert_eq!(monitor.missing_after(), Period::minutes(30));
        assert_eq!(monitor.runbook, "look");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let monitor = sumo(EXPORTED).to_monitor().unwrap();
        let written = SumoMonitor::from_monitor(&monitor);
        assert_eq!(written.to_monitor().unwrap(), monitor);
    }

    #[test]
    fn metrics_take_the_best_or_the_worst_point() {
        let text = EXPORTED.replace("\"Logs\"", "\"Metrics\"");
        let mut metrics = sumo(&text);
        metrics.triggers[0].occurrence_type = Some("Always".to_owned());
        assert_eq!(metrics.to_monitor().unwrap().reduce, Reduction::Min);
        metrics.triggers[0].occurrence_type = Some("AtLeastOnce".to_owned());
        assert_eq!(metrics.to_monitor().unwrap().reduce, Reduction::Max);
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let cases = [
            (EXPORTED.replace("\"Logs\"", "\"Slo\""), "monitorType"),
            (
                EXPORTED.replace("LogsStaticCondition", "LogsOutlierCondition"),
                "detectionMethod",
            ),
            (
                EXPORTED.replace("\"connectionId\": \"ops\"", "\"recipients\": [\"a@b\"]"),
                "notifications",
            ),
            (EXPORTED.replace("-15m", "soon"), "timeRange"),
        ];
        for (text, key) in cases {
            let mistake = sumo(&text).to_monitor().unwrap_err().to_string();
            assert!(mistake.contains(key), "{key}: {mistake}");
        }
    }
}
