//! Dashboards as Sumo Logic exports them (a dashboard, or a folder of them), as ours.
//!
//! What has no counterpart is not dropped silently: a panel that cannot be asked stays as a text that says why,
//! with its query, and the notes tell the rest.

mod panel;

use std::collections::{BTreeMap, BTreeSet};

use query::Language;
use serde::Deserialize;
use serde_json::Value;

use self::panel::{ExportedPanel, become_text};
use crate::dashboards::{DEFAULT_RANGE, overlap};
use crate::{Dashboard, Origin, Panel, Variable};

/// Their columns in one of ours.
const COLUMNS_IN_ONE: u16 = 2;
const COLUMNS: u16 = 12;
/// Letters of a name at most.
const NAME_MAX: usize = 50;
/// How deep folders may lie in each other.
const DEPTH_MAX: u8 = 16;
/// Columns of `invocations` by the names of their metadata.
const COLUMNS_OF_KEYS: [(&str, &str); 6] = [
    ("account", "account"),
    ("region", "region"),
    ("functionname", "function"),
    ("function", "function"),
    ("version", "version"),
    ("provider", "provider"),
];

/// A dashboard that was read from an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// A name that can be that of a file.
    pub name: String,
    /// The dashboard; it has no problems.
    pub dashboard: Dashboard,
    /// What is different from the original, a sentence each.
    pub notes: Vec<String>,
}

/// Reads every dashboard of an export. What is no dashboard is passed over.
pub fn from_sumo(export: &Value) -> Vec<Imported> {
    let mut found = Vec::new();
    collect(export, DEPTH_MAX, &mut found);
    found
}

fn collect(value: &Value, depth: u8, found: &mut Vec<Imported>) {
    if value.get("panels").is_some_and(Value::is_array)
        && let Ok(exported) = Exported::deserialize(value)
    {
        found.push(exported.imported());
        return;
    }
    let children = ["children", "dashboards"]
        .into_iter()
        .filter_map(|key| value.get(key)?.as_array());
    if depth > 0 {
        children
            .flatten()
            .for_each(|child| collect(child, depth - 1, found));
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Exported {
    name: Option<String>,
    title: Option<String>,
    description: Option<String>,
    refresh_interval: Option<u64>,
    time_range: Value,
    layout: Value,
    panels: Vec<ExportedPanel>,
    variables: Option<Vec<ExportedVariable>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ExportedVariable {
    name: String,
    display_name: Option<String>,
    default_value: Option<String>,
    source_definition: Value,
    allow_multi_select: bool,
}

impl Exported {
    fn imported(self) -> Imported {
        let title = self.title.or(self.name).unwrap_or_default();
        let mut notes = Vec::new();
        let mut dashboard = Dashboard {
            description: self.description.unwrap_or_default(),
            range: range(&self.time_range, &mut notes),
            refresh: self
                .refresh_interval
                .filter(|seconds| *seconds > 0)
                .map(|seconds| format!("{seconds}s")),
            shortest_slice: None,
            variables: Vec::new(),
            terms: BTreeMap::new(),
            queries: BTreeMap::new(),
            panels: Vec::new(),
            title,
        };
        for exported in self.variables.unwrap_or_default() {
            dashboard.variables.extend(exported.variable(&mut notes));
        }
        let places = places(&self.layout);
        for exported in self.panels {
            exported.add(&mut dashboard, &places, &mut notes);
        }
        settle(&mut dashboard.panels);
        mend(&mut dashboard, &mut notes);
        Imported {
            name: slug(&dashboard.title),
            dashboard,
            notes,
        }
    }
}

/// Takes what cannot be asked out of the way, so that the rest works.
fn mend(dashboard: &mut Dashboard, notes: &mut Vec<String>) {
    let problems: BTreeMap<String, String> = dashboard
        .check()
        .into_iter()
        .filter_map(|problem| {
            Some((
                problem.place.strip_prefix("query ")?.to_owned(),
                problem.message,
            ))
        })
        .collect();
    for panel in &mut dashboard.panels {
        let Some((name, why)) = panel
            .queries
            .iter()
            .find_map(|name| problems.get_key_value(name))
        else {
            continue;
        };
        let text = dashboard
            .queries
            .get(name)
            .map_or("", |query| query.text.as_str());
        notes.push(format!(
            "panel {}: its query cannot be asked: {why}",
            panel.title
        ));
        become_text(
            panel,
            &format!("This query cannot be asked here: {why}"),
            text,
        );
    }
    let used: BTreeSet<&String> = dashboard
        .panels
        .iter()
        .flat_map(|panel| &panel.queries)
        .collect();
    dashboard.queries.retain(|name, _| used.contains(name));
}

impl ExportedVariable {
    fn variable(self, notes: &mut Vec<String>) -> Option<Variable> {
        let name = self.name;
        let text = |key: &str| self.source_definition[key].as_str().unwrap_or_default();
        let default = self
            .default_value
            .filter(|value| !value.is_empty() && value != "*");
        let mut variable = Variable {
            label: self.display_name.unwrap_or_default(),
            from: Origin::Text,
            field: None,
            table: None,
            within: Vec::new(),
            query: None,
            language: Language::Log,
            values: Vec::new(),
            default: default.into_iter().collect(),
            multi: self.allow_multi_select,
            name,
        };
        match text("variableSourceType") {
            "MetadataVariableSourceDefinition" => {
                let key = text("key").to_lowercase();
                match COLUMNS_OF_KEYS.iter().find(|(known, _)| *known == key) {
                    Some((_, column)) => {
                        variable.from = Origin::Metadata;
                        variable.field = (*column != variable.name).then(|| (*column).to_owned());
                    }
                    None => notes.push(format!(
                        "variable {}: the values of `{key}` are not listed, one is typed",
                        variable.name
                    )),
                }
            }
            "CsvVariableSourceDefinition" => {
                let values = text("values")
                    .split(',')
                    .map(|value| value.trim().to_owned());
                variable.values = values.filter(|value| !value.is_empty()).collect();
                if !variable.values.is_empty() {
                    variable.from = Origin::List;
                }
            }
            "LogQueryVariableSourceDefinition"
                if query::check(text("query"), Language::Log).is_empty() =>
            {
                variable.from = Origin::Query;
                variable.query = Some(format!("{} | count by {}", text("query"), text("field")));
            }
            _ => notes.push(format!(
                "variable {}: its values are not listed, one is typed",
                variable.name
            )),
        }
        variable.default.truncate(1);
        Some(variable)
    }
}

fn range(range: &Value, notes: &mut Vec<String>) -> String {
    let from = &range["from"];
    let named = from["rangeName"]
        .as_str()
        .or_else(|| range["rangeName"].as_str());
    let relative = from["relativeTime"]
        .as_str()
        .map(|text| text.replace("-1w", "-7d"));
    let is_known = |text: &String| {
        let length = text.strip_prefix('-').map(model::duration::parse);
        matches!(length, Some(Ok(_))) || text == "today" || text == "yesterday"
    };
    relative
        .or_else(|| named.map(str::to_owned))
        .filter(is_known)
        .unwrap_or_else(|| {
            notes.push(format!(
                "it opens with {}, because its own range has no counterpart",
                DEFAULT_RANGE
            ));
            DEFAULT_RANGE.to_owned()
        })
}

/// Where the panels lie, in our columns. Both edges are moved alike, so that neighbours stay neighbours.
fn places(layout: &Value) -> BTreeMap<String, [u16; 4]> {
    let structures = layout["layoutStructures"].as_array();
    let place = |structure: &Value| {
        let key = structure["key"].as_str()?.to_owned();
        let place: Value = serde_json::from_str(structure["structure"].as_str()?).ok()?;
        let number = |key: &str| u16::try_from(place[key].as_u64()?).ok();
        let (x, y, width, height) = (
            number("x")?,
            number("y")?,
            number("width")?,
            number("height")?,
        );
        let left = (x / COLUMNS_IN_ONE).min(COLUMNS - 1);
        let right = (x.saturating_add(width) / COLUMNS_IN_ONE).clamp(left + 1, COLUMNS);
        Some((key, [left, y, right - left, height.max(1)]))
    };
    structures.into_iter().flatten().filter_map(place).collect()
}

/// A name for an id or a file: small letters and digits, with `-` for all else.
fn slug(title: &str) -> String {
    let lower = title.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    name.truncate(NAME_MAX);
    match name.is_empty() {
        true => "untitled".to_owned(),
        false => name,
    }
}

/// Moves down what lies on another panel.
fn settle(panels: &mut [Panel]) {
    panels.sort_by_key(|panel| (panel.at[1], panel.at[0]));
    for index in 1..panels.len() {
        let (before, rest) = panels.split_at_mut(index);
        let Some(panel) = rest.first_mut() else {
            continue;
        };
        while let Some(other) = before.iter().find(|other| overlap(panel.at, other.at)) {
            panel.at[1] = other.at[1].saturating_add(other.at[3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Chart, State};

    fn place(x: u16, y: u16, width: u16) -> String {
        json!({ "x": x, "y": y, "width": width, "height": 6 }).to_string()
    }

    fn export() -> Value {
        let panel = |key: &str, title: &str, settings: Value, queries: Value| {
            json!({
                "key": key, "title": title, "panelType": "SumoSearchPanel",
                "visualSettings": settings.to_string(), "queries": queries, "timeRange": null,
            })
        };
        let bands = json!([
            { "from": 0, "to": 5, "color": "#527b01" },
            { "from": 5, "to": 10, "color": "#b18209" },
            { "from": 10, "to": null, "color": "#b63010" },
        ]);
        json!({
            "type": "FolderSyncDefinition",
            "children": [{
                "type": "DashboardV2SyncDefinition",
                "title": "Orders & more",
                "refreshInterval": 120,
                "timeRange": { "from": { "relativeTime": "-1d" } },
                "layout": { "layoutStructures": [
                    { "key": "a", "structure": place(0, 0, 7) },
                    { "key": "b", "structure": place(7, 0, 17) },
                    { "key": "c", "structure": place(0, 6, 12) },
                ] },
                "panels": [
                    panel("a", "Errors", json!({ "general": { "type": "svp" }, "svp": { "option": "Sum", "thresholds": bands } }),
                        json!([{ "queryType": "Logs", "queryKey": "A", "queryString": "error account={{account}} | count" }])),
                    panel("b", "Errors", json!({ "general": { "mode": "map", "type": "map" } }),
                        json!([{ "queryType": "Logs", "queryKey": "A", "queryString": "error account={{account}} | count" }])),
                    panel("c", "Broken", json!({}),
                        json!([{ "queryType": "Logs", "queryKey": "A", "queryString": "* | noSuchThing `x`" }])),
                    { "key": "d", "title": "Words", "panelType": "TextPanel", "text": "Hello" },
                    { "key": "e", "title": "Spans", "panelType": "TracesListPanel" },
                ],
                "variables": [
                    { "name": "account", "defaultValue": "*",
                      "sourceDefinition": { "variableSourceType": "MetadataVariableSourceDefinition", "key": "account" } },
                    { "name": "tablename", "defaultValue": "orders",
                      "sourceDefinition": { "variableSourceType": "MetadataVariableSourceDefinition", "key": "tablename" } },
                ],
            }],
        })
    }

    #[test]
    fn an_export_becomes_dashboards_that_work() {
        let found = from_sumo(&export());
        assert_eq!(found.len(), 1);
        let Imported {
            name,
            dashboard,
            notes,
        } = &found[0];
        assert_eq!(name, "orders-more");
        assert_eq!(dashboard.check(), []);
        assert_eq!(
            (dashboard.range.as_str(), dashboard.refresh.as_deref()),
            ("-1d", Some("120s"))
        );
        let panels: Vec<_> = dashboard
            .panels
            .iter()
            .map(|panel| (panel.id.as_str(), panel.chart, panel.at))
            .collect();
        assert_eq!(
            panels,
            [
                ("errors", Chart::Single, [0, 0, 3, 6]),
                ("errors-2", Chart::Table, [3, 0, 9, 6]),
                ("broken", Chart::Text, [0, 6, 6, 6]),
                ("words", Chart::Text, [0, 12, 6, 6]),
                ("spans", Chart::Text, [0, 18, 6, 6]),
            ]
        );
        assert_eq!(dashboard.queries.len(), 1, "equal queries are asked once");
        assert_eq!(dashboard.variables[0].from, Origin::Metadata);
        assert_eq!(dashboard.variables[1].default, ["orders"]);
        assert_eq!(notes.len(), 4, "{notes:#?}");
    }

    #[test]
    fn bands_become_thresholds() {
        let errors = &from_sumo(&export())[0].dashboard.panels[0];
        let found: Vec<_> = errors
            .thresholds
            .iter()
            .map(|one| (one.at, one.state, one.below))
            .collect();
        assert_eq!(
            found,
            [(5.0, State::Warning, false), (10.0, State::Critical, false)]
        );
    }

    #[test]
    fn anything_else_has_no_dashboards() {
        for other in [
            json!(null),
            json!([1]),
            json!({ "panels": 3 }),
            json!({ "children": [{}] }),
        ] {
            assert_eq!(from_sumo(&other), []);
        }
    }

    #[test]
    fn what_was_told_comes_back() {
        for folder in crate::Library::new(None).shelf().apps.values() {
            for stored in folder.dashboards.values() {
                let found = from_sumo(&crate::to_sumo("a:b", &stored.dashboard));
                assert_eq!(found[0].dashboard.title, stored.dashboard.title);
                assert_eq!(
                    found[0].dashboard.panels.len(),
                    stored.dashboard.panels.len()
                );
                assert_eq!(found[0].dashboard.check(), []);
            }
        }
    }
}
