//! A panel of an export: how it is drawn, what it asks, and what becomes of it if it cannot be asked.

use std::collections::BTreeMap;

use query::Language;
use serde::Deserialize;
use serde_json::Value;

use super::slug;
use crate::{Chart, Dashboard, Panel, PanelQuery, Reduce, State, Threshold};

/// What a panel says of itself if the export does not.
const DESCRIPTION: &str = "Imported; the query says how it is computed.";
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExportedPanel {
    key: String,
    title: Option<String>,
    description: Option<String>,
    panel_type: String,
    visual_settings: Option<String>,
    queries: Option<Vec<ExportedQuery>>,
    text: Option<String>,
    time_range: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ExportedQuery {
    query_string: String,
    query_type: String,
    query_key: String,
}

impl ExportedPanel {
    pub(super) fn add(
        self,
        dashboard: &mut Dashboard,
        places: &BTreeMap<String, [u16; 4]>,
        notes: &mut Vec<String>,
    ) {
        let title = self.title.unwrap_or_default();
        let settings = self.visual_settings.as_deref().unwrap_or_default();
        let settings: Value = serde_json::from_str(settings).unwrap_or_default();
        let taken = |id: &String| dashboard.panels.iter().any(|panel| panel.id == *id);
        let wish = slug(&title);
        let numbered = (2..).map(|number| format!("{wish}-{number}"));
        let id = std::iter::once(wish.clone())
            .chain(numbered)
            .find(|id| !taken(id));
        let ends = dashboard
            .panels
            .iter()
            .map(|panel| panel.at[1].saturating_add(panel.at[3]));
        let below = [0, ends.max().unwrap_or(0), 6, 6];
        let at = places.get(&self.key).copied().unwrap_or(below);
        let chart = chart(&settings, &title, notes);
        let mut panel = Panel::new(id.unwrap_or(wish), title, chart, at);
        panel.stacked = settings["general"]["displayType"] == "stacked";
        panel.reduce = reduce(&settings);
        let description = self.description.filter(|text| !text.is_empty());
        panel.description = description.unwrap_or_else(|| DESCRIPTION.to_owned());
        match self.panel_type.as_str() {
            "TextPanel" => {
                panel.chart = Chart::Text;
                panel.text = self
                    .text
                    .filter(|text| !text.trim().is_empty())
                    .unwrap_or_else(|| "–".to_owned());
            }
            "SumoSearchPanel" => {
                if !self.time_range.is_null() {
                    notes.push(format!(
                        "panel {}: it had a range of its own, and has that of the dashboard now",
                        panel.title
                    ));
                }
                panel.thresholds = thresholds(&settings);
                ask(
                    &mut panel,
                    self.queries.unwrap_or_default(),
                    &settings,
                    dashboard,
                    notes,
                );
            }
            other => {
                notes.push(format!(
                    "panel {}: there is no counterpart of a {other}",
                    panel.title
                ));
                become_text(
                    &mut panel,
                    &format!("There is no counterpart of a {other}."),
                    "",
                );
            }
        }
        dashboard.panels.push(panel);
    }
}

/// Gives a panel the queries that are drawn; equal ones are asked once.
fn ask(
    panel: &mut Panel,
    queries: Vec<ExportedQuery>,
    settings: &Value,
    dashboard: &mut Dashboard,
    notes: &mut Vec<String>,
) {
    let hidden = settings["hiddenQueryKeys"].as_array();
    let is_hidden = |key: &str| hidden.is_some_and(|keys| keys.iter().any(|other| other == key));
    let mut left = String::new();
    for exported in queries {
        let language = match exported.query_type.as_str() {
            "Logs" => Language::Log,
            "Metrics" => Language::Metrics,
            other => {
                notes.push(format!(
                    "panel {}: a query of the kind {other} was left out",
                    panel.title
                ));
                continue;
            }
        };
        let text = exported.query_string.trim();
        if text.is_empty() || is_hidden(&exported.query_key) {
            continue;
        }
        if language == Language::Metrics && names_row(text) {
            notes.push(format!(
                "panel {}: a query that computes with others was left out",
                panel.title
            ));
            text.clone_into(&mut left);
            continue;
        }
        let query = PanelQuery {
            language,
            text: text.to_owned(),
        };
        let known = dashboard.queries.iter().find(|(_, other)| **other == query);
        let name = known.map(|(name, _)| name.clone());
        let name =
            name.unwrap_or_else(|| format!("{}_{}", panel.id, exported.query_key.to_lowercase()));
        dashboard.queries.insert(name.clone(), query);
        if !panel.queries.contains(&name) {
            panel.queries.push(name);
        }
    }
    if panel.queries.is_empty() {
        become_text(panel, "None of its queries can be asked here.", &left);
    }
}

/// Whether a metrics query computes with the results of others, as in `#A / #B`.
fn names_row(text: &str) -> bool {
    text.split('#')
        .skip(1)
        .any(|rest| rest.starts_with(|letter: char| letter.is_ascii_uppercase()))
}

fn chart(settings: &Value, title: &str, notes: &mut Vec<String>) -> Chart {
    let general = &settings["general"];
    let text = |key: &str| general[key].as_str().unwrap_or_default();
    match (text("mode"), text("type")) {
        (_, "line") => Chart::Line,
        (_, "area") => Chart::Area,
        (_, "column") => Chart::Column,
        (_, "bar") => Chart::Bar,
        (_, "pie") => Chart::Pie,
        (_, "table") => Chart::Table,
        (_, "heatmap") => Chart::Heatmap,
        (_, "honeyComb") => Chart::Honeycomb,
        (_, "svp") => match settings["svp"]["gauge"]["show"] == true {
            true => Chart::Gauge,
            false => Chart::Single,
        },
        (_, "text") => Chart::Text,
        ("messages", _) | (_, "messages") => Chart::Logs,
        ("timeSeries", "") => Chart::Line,
        ("", "") => Chart::Table,
        (mode, kind) => {
            notes.push(format!(
                "panel {title}: {} is drawn as a table",
                if kind.is_empty() { mode } else { kind }
            ));
            Chart::Table
        }
    }
}

fn reduce(settings: &Value) -> Reduce {
    match settings["svp"]["option"].as_str().unwrap_or_default() {
        "Sum" => Reduce::Sum,
        "Average" | "Avg" => Reduce::Mean,
        "Min" => Reduce::Min,
        "Max" => Reduce::Max,
        _ => Reduce::Last,
    }
}

/// Bands of colours: those above the good one begin at their lower end, those below it at their upper one.
fn thresholds(settings: &Value) -> Vec<Threshold> {
    let Some(bands) = settings["svp"]["thresholds"].as_array() else {
        return Vec::new();
    };
    let states: Vec<State> = bands
        .iter()
        .map(|band| state(band["color"].as_str().unwrap_or_default()))
        .collect();
    let good = states.iter().position(|state| *state == State::Ok);
    let wrong = bands
        .iter()
        .zip(states)
        .enumerate()
        .filter(|(_, (_, state))| *state != State::Ok);
    let threshold = |(index, (band, state)): (usize, (&Value, State))| {
        let below = good.is_some_and(|good| index < good);
        let at = band[if below { "to" } else { "from" }].as_f64()?;
        Some(Threshold {
            at,
            state,
            below,
            label: String::new(),
        })
    };
    wrong.filter_map(threshold).collect()
}

/// What a colour such as `#b63010` means: reddish, yellowish or anything else.
fn state(color: &str) -> State {
    let part = |at: usize| {
        color
            .get(at..at + 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
    };
    let (Some(red), Some(green), Some(blue)) = (part(1), part(3), part(5)) else {
        return State::Ok;
    };
    match (u16::from(red), u16::from(green), u16::from(blue)) {
        (red, green, _) if red > 2 * green => State::Critical,
        (red, green, blue) if red > green && green > blue => State::Warning,
        _ => State::Ok,
    }
}

/// Words in place of a panel, with the query that cannot be asked.
pub(super) fn become_text(panel: &mut Panel, why: &str, query: &str) {
    let code = query
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
        .replace('`', "'");
    panel.text = match code.is_empty() {
        true => why.to_owned(),
        false => format!("{why}\n\n`{code}`"),
    };
    panel.chart = Chart::Text;
    panel.queries = Vec::new();
    panel.thresholds = Vec::new();
}
