//! Lists of resources and of the metrics that they have
//! (<https://learn.microsoft.com/rest/api/resources/resources/list>).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::ManagementError;
use super::metric::{EMPTY, METRICS};
use crate::fleet::{APPS, App};

pub(super) const RESOURCE_TYPE: &str = "Microsoft.Web/sites";
/// Few, so that there are several pages.
const PAGE_RESOURCES_MAX: usize = 2;

/// The resource id of an app.
pub(super) fn id(app: &App) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}/providers/{RESOURCE_TYPE}/{}",
        app.subscription, app.resource_group, app.name
    )
}

/// The app with this resource id.
pub(super) fn find(path: &str) -> Result<&'static App, ManagementError> {
    let found = APPS.iter().find(|app| id(app).eq_ignore_ascii_case(path));
    found.ok_or_else(|| ManagementError::no_resource(path))
}

/// The region, as resources show it.
pub(super) fn region(app: &App) -> String {
    app.location.replace(' ', "").to_ascii_lowercase()
}

/// Answers a list of a subscription's resources.
pub(crate) fn list(
    host: &str,
    subscription: &str,
    query: &BTreeMap<String, String>,
) -> Result<Value, ManagementError> {
    let of_subscription = APPS.iter().filter(|app| app.subscription == subscription);
    let all: Vec<&App> = of_subscription.collect();
    if all.is_empty() {
        return Err(ManagementError::no_subscription(subscription));
    }
    let filter = query.get("$filter").map_or("", String::as_str);
    let has_sites = filter.is_empty()
        || filter
            .to_ascii_lowercase()
            .contains("resourcetype eq 'microsoft.web/sites'");
    let matching = match has_sites {
        true => all.as_slice(),
        false => &[],
    };
    let offset = query.get("$skiptoken").map_or(Ok(0), |token| token.parse());
    let offset = offset.map_err(|_| ManagementError::bad("The $skiptoken is invalid."))?;
    let rest = matching.get(offset..).unwrap_or_default();
    let page = rest.iter().take(PAGE_RESOURCES_MAX).map(|app| {
        json!({
            "id": id(app), "name": app.name, "type": RESOURCE_TYPE,
            "kind": "functionapp,linux", "location": region(app),
        })
    });
    let mut answer = json!({"value": page.collect::<Vec<_>>()});
    if rest.len() > PAGE_RESOURCES_MAX {
        let next = offset + PAGE_RESOURCES_MAX;
        answer["nextLink"] = json!(format!(
            "http://{host}/subscriptions/{subscription}/resources?api-version=2021-04-01&$skiptoken={next}"
        ));
    }
    Ok(answer)
}

/// Answers which metrics an app has.
pub(crate) fn definitions(app: &App) -> Value {
    let definition = |name: &str, grain: &str| {
        json!({
            "id": format!("{}/providers/microsoft.insights/metricdefinitions/{name}", id(app)),
            "resourceId": id(app), "namespace": RESOURCE_TYPE,
            "name": {"value": name, "localizedValue": name},
            "metricAvailabilities": [{"timeGrain": grain, "retention": "P93D"}],
        })
    };
    let names = METRICS.iter().map(|metric| metric.name);
    let by_minute = names.chain(EMPTY.iter().copied());
    let mut all: Vec<Value> = by_minute.map(|name| definition(name, "PT1M")).collect();
    all.push(definition("FileSystemUsage", "PT6H"));
    json!({"value": all})
}
