//! A dashboard as Sumo Logic's dashboards API (v2) tells it.
//!
//! Its grid has 24 columns, its settings are JSON in a text. SQL is told as a query type of its own, because
//! Sumo Logic has none; what only our panels have (`rows`, `compare`, `of`) is left out.

use query::Language;
use serde_json::{Value, json};

use crate::{Chart, Dashboard, Origin, Panel, Variable};

/// Our twelve columns in theirs.
const COLUMN_WIDTH: u16 = 2;
/// Names of the queries of a panel.
const KEYS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

/// Returns the dashboard under an id.
pub fn to_sumo(id: &str, dashboard: &Dashboard) -> Value {
    let structures: Vec<Value> = dashboard.panels.iter().map(structure).collect();
    let panels: Vec<Value> = dashboard
        .panels
        .iter()
        .map(|shown| panel(dashboard, shown))
        .collect();
    let variables = dashboard.variables.iter();
    let variables: Vec<Value> = variables.map(|one| variable(dashboard, one)).collect();
    let refresh = dashboard.refresh.as_deref();
    let refresh = refresh.and_then(|text| model::duration::parse(text).ok());
    json!({
        "id": id,
        "contentId": id,
        "title": dashboard.title,
        "description": dashboard.description,
        "theme": "Light",
        "refreshInterval": refresh.map_or(0, |length| length.as_secs()),
        "timeRange": {
            "type": "BeginBoundedTimeRange",
            "from": { "type": "RelativeTimeRangeBoundary", "relativeTime": dashboard.range },
            "to": Value::Null,
        },
        "layout": { "layoutType": "Grid", "layoutStructures": structures },
        "panels": panels,
        "variables": variables,
        "coloringRules": [],
    })
}

fn structure(panel: &Panel) -> Value {
    let [column, row, width, height] = panel.at;
    let place = json!({
        "x": column * COLUMN_WIDTH,
        "y": row,
        "width": width * COLUMN_WIDTH,
        "height": height,
    });
    json!({ "key": panel.id, "structure": place.to_string() })
}

fn panel(dashboard: &Dashboard, panel: &Panel) -> Value {
    let (mode, kind) = visual(panel.chart);
    let settings = json!({ "general": { "mode": mode, "type": kind } });
    let mut told = json!({
        "id": panel.id,
        "key": panel.id,
        "title": panel.title,
        "visualSettings": settings.to_string(),
        "keepVisualSettingsConsistentWithParent": true,
    });
    if panel.chart == Chart::Text {
        told["panelType"] = "TextPanel".into();
        told["text"] = panel.text.clone().into();
        return told;
    }
    let queries = panel.queries.iter().zip(KEYS);
    let queries: Vec<Value> = queries
        .filter_map(|(name, key)| Some(query(dashboard, dashboard.queries.get(name)?, key)))
        .collect();
    told["panelType"] = "SumoSearchPanel".into();
    told["description"] = panel.description.clone().into();
    told["queries"] = queries.into();
    told["timeRange"] = Value::Null;
    told["linkedDashboards"] = json!([]);
    told
}

fn query(dashboard: &Dashboard, asked: &crate::PanelQuery, key: &str) -> Value {
    let is_metrics = asked.language == Language::Metrics;
    json!({
        "queryString": dashboard.with_terms(asked.text.trim()),
        "queryType": match asked.language {
            Language::Log => "Logs",
            Language::Metrics => "Metrics",
            Language::Sql => "Sql",
        },
        "queryKey": key,
        "metricsQueryMode": if is_metrics { json!("Advanced") } else { Value::Null },
        "parseMode": "Auto",
        "timeSource": "Message",
    })
}

/// `general.mode` and `general.type` of the visual settings.
fn visual(chart: Chart) -> (&'static str, &'static str) {
    match chart {
        Chart::Line => ("timeSeries", "line"),
        Chart::Area => ("timeSeries", "area"),
        Chart::Column => ("timeSeries", "column"),
        Chart::Bar => ("distribution", "bar"),
        Chart::Single | Chart::Gauge => ("singleValueMetrics", "svp"),
        Chart::Pie | Chart::Donut => ("distribution", "pie"),
        Chart::Table => ("distribution", "table"),
        Chart::Heatmap => ("timeSeries", "heatmap"),
        Chart::Honeycomb => ("honeyComb", "honeyComb"),
        Chart::Text => ("TextPanel", "text"),
        Chart::Logs => ("messages", "messages"),
    }
}

fn variable(dashboard: &Dashboard, variable: &Variable) -> Value {
    let source = match variable.from {
        Origin::Metadata => json!({
            "variableSourceType": "MetadataVariableSourceDefinition",
            "filter": "",
            "key": variable.column(),
        }),
        Origin::Query => json!({
            "variableSourceType": "LogQueryVariableSourceDefinition",
            "query": variable.query.as_deref().map(|query| dashboard.with_terms(query)),
            "field": variable.column(),
        }),
        Origin::List | Origin::Text => json!({
            "variableSourceType": "CsvVariableSourceDefinition",
            "values": variable.values.join(","),
        }),
    };
    let label = match variable.label.as_str() {
        "" => &variable.name,
        label => label,
    };
    json!({
        "id": variable.name,
        "name": variable.name,
        "displayName": label,
        "defaultValue": variable.default.first().map_or("*", String::as_str),
        "sourceDefinition": source,
        "allowMultiSelect": variable.multi,
        "includeAllOption": true,
        "hideFromUI": false,
        "valueType": "Any",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_twice_as_wide_and_settings_are_text() {
        let dashboard = Dashboard::parse(
            "title = \"a\"\nrefresh = \"2m\"\n[queries.q]\ntext = \"* | count\"\n[[panels]]\nid = \"p\"\n\
             title = \"P\"\nchart = \"bar\"\nat = [6, 2, 6, 4]\nqueries = [\"q\"]\n",
        )
        .unwrap();
        let told = to_sumo("x", &dashboard);
        assert_eq!(told["refreshInterval"], 120);
        let structure = &told["layout"]["layoutStructures"][0]["structure"];
        assert_eq!(structure, r#"{"x":12,"y":2,"width":12,"height":4}"#);
        let panel = &told["panels"][0];
        assert_eq!(
            panel["visualSettings"],
            r#"{"general":{"mode":"distribution","type":"bar"}}"#
        );
        assert_eq!(panel["queries"][0]["queryType"], "Logs");
    }
}
