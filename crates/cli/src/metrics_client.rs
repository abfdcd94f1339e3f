//! Asks a node's metrics: one row a point.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::client::{Api, Connection, Field, Found, Question};

/// Asks a metrics query and returns its points, series by series. The columns are `_time`,
/// `metric`, the dimensions that occur, and `value`.
pub(crate) async fn ask(connection: &Connection, question: &Question<'_>) -> Result<Found> {
    let boundary = |millis: i64| json!({ "type": "EpochTimeRangeBoundary", "epochMillis": millis });
    let body = json!({
        "queries": [{ "rowId": "A", "query": question.query }],
        "timeRange": {
            "type": "BeginBoundedTimeRange",
            "from": boundary(question.from_ms),
            "to": boundary(question.to_ms),
        },
    });
    let api = Api::new(connection)?;
    let answer = api
        .send(reqwest::Method::POST, "metricsQueries", Some(&body))
        .await?;
    let series = &answer["queryResult"][0]["timeSeriesList"]["timeSeries"];
    Ok(found(
        series.as_array().map(Vec::as_slice).unwrap_or_default(),
        question.limit,
    ))
}

fn found(series: &[Value], limit: usize) -> Found {
    let mut dimensions: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for one in series {
        let definition = &one["metricDefinition"];
        let own = definition["dimensions"].as_object();
        for name in own.into_iter().flat_map(Map::keys) {
            if !dimensions.contains(&name.as_str()) {
                dimensions.push(name);
            }
        }
        let list = |name: &str| one["points"][name].as_array().into_iter().flatten();
        for (time, value) in list("timestamps").zip(list("values")) {
            let mut row = own.cloned().unwrap_or_default();
            let moment = model::Timestamp::from_millis(time.as_i64().unwrap_or_default());
            row.insert("_time".to_owned(), moment.to_string().into());
            row.insert("metric".to_owned(), definition["metric"].clone());
            row.insert("value".to_owned(), value.clone());
            rows.push(row);
        }
    }
    rows.truncate(limit);
    dimensions.sort_unstable();
    let names = ["_time", "metric"]
        .into_iter()
        .chain(dimensions)
        .chain(["value"]);
    let fields = names.map(|name| Field {
        name: name.to_owned(),
    });
    Found {
        fields: fields.collect(),
        rows,
        are_records: true,
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_is_a_row() {
        let series = json!({
            "metricDefinition": { "metric": "Errors", "dimensions": { "function": "pay" } },
            "points": { "timestamps": [0, 1000], "values": [1.0, 2.5] },
        });
        let found = found(&[series], 10);
        let names: Vec<&str> = found
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        assert_eq!(names, ["_time", "metric", "function", "value"]);
        assert_eq!(found.rows.len(), 2);
        assert_eq!(found.rows[1]["_time"], "1970-01-01T00:00:01Z");
        assert_eq!(found.rows[1]["value"], 2.5);
    }
}
