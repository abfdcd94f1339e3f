//! Which attributes say what the columns of an event say, by OpenTelemetry's semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/resource/faas/>,
//! <https://opentelemetry.io/docs/specs/semconv/resource/cloud/>). Pure.

use std::sync::Arc;

use model::{LogEvent, Provider};

use crate::support::fields::{Interner, set_column};
use crate::support::lambda_names::{StreamName, function_of_group};

/// Attributes and the column that each is.
const COLUMNS: &[(&str, &str)] = &[
    ("cloud.account.id", "account"),
    ("cloud.provider", "provider"),
    ("cloud.region", "region"),
    // The older name of the next but one.
    ("faas.execution", "request_id"),
    ("faas.instance", "instance"),
    ("faas.invocation_id", "request_id"),
    ("faas.name", "function"),
    ("faas.version", "version"),
];

/// Puts an attribute into the column that it is, or among the fields.
pub(super) fn put(event: &mut LogEvent, name: String, text: String, interner: &mut Interner) {
    let column = COLUMNS.iter().find(|(known, _)| *known == name);
    if let Some((_, column)) = column
        && set_column(event, column, &text, interner)
    {
        return;
    }
    let metadata = |event: &mut LogEvent, place: fn(&mut model::SourceMetadata) -> &mut String| {
        *place(Arc::make_mut(&mut event.metadata)) = first(&text);
    };
    match name.as_str() {
        "aws.log.group.names" | "_sourceHost" => metadata(event, |m| &mut m.host),
        "aws.log.stream.names" | "_sourceName" => metadata(event, |m| &mut m.name),
        "_sourceCategory" => metadata(event, |m| &mut m.category),
        _ => event.fields.push((name, text)),
    }
}

/// Of a list of names in JSON the first, and any other text itself.
fn first(text: &str) -> String {
    let names: Option<Vec<String>> = serde_json::from_str(text).ok();
    names
        .and_then(|names| names.into_iter().next())
        .unwrap_or_else(|| text.to_owned())
}

/// Fills what the attributes of a resource say in other words: the id of the function, the names
/// of Lambda's log group and stream, the host.
pub(super) fn complete(event: &mut LogEvent, interner: &mut Interner) {
    let field = |event: &LogEvent, name: &str| {
        let mut fields = event.fields.iter();
        let found = fields.find(|(known, _)| known == name);
        found.map(|(_, text)| text.clone())
    };
    for name in ["cloud.resource_id", "faas.id"] {
        if let Some(id) = field(event, name) {
            add_resource_id(event, &id, interner);
        }
    }
    // Of Lambda, `faas.instance` is the name of the log stream.
    if let Some(stream) = event.instance.clone()
        && let Some(parsed) = StreamName::parse(&stream)
    {
        event.instance = Some(interner.intern(parsed.instance));
        if event.version.is_none() {
            event.version = Some(interner.intern(parsed.version));
        }
        if event.metadata.name.is_empty() {
            stream
                .as_ref()
                .clone_into(&mut Arc::make_mut(&mut event.metadata).name);
        }
    }
    if event.function.is_none()
        && let Some(function) = function_of_group(&event.metadata.host)
    {
        event.function = Some(interner.intern(function));
    }
    if event.metadata.host.is_empty() {
        let host = ["host.name", "service.name"]
            .iter()
            .find_map(|name| field(event, name));
        let host = host.or_else(|| event.function.as_deref().map(str::to_owned));
        Arc::make_mut(&mut event.metadata).host = host.unwrap_or_default();
    }
}

/// Fills what the cloud's own id of a function says and no attribute did.
fn add_resource_id(event: &mut LogEvent, id: &str, interner: &mut Interner) {
    let parts: Vec<&str> = id.split(['/', ':']).collect();
    let (provider, account, region, function) = match parts.as_slice() {
        // arn:aws:lambda:eu-west-1:123456789012:function:pay
        [
            "arn",
            _,
            "lambda",
            region,
            account,
            "function",
            function,
            ..,
        ] => (Provider::Aws, *account, Some(*region), Some(*function)),
        // //run.googleapis.com/projects/shop/locations/europe-west1/services/pay
        [
            "",
            "",
            _,
            "projects",
            account,
            "locations",
            region,
            _,
            function,
            ..,
        ] => (Provider::Gcp, *account, Some(*region), Some(*function)),
        // /subscriptions/8f1…/resourceGroups/shop/providers/Microsoft.Web/sites/pay
        [
            "",
            "subscriptions",
            account,
            "resourceGroups",
            _,
            "providers",
            _,
            _,
            app,
            ..,
        ] => (Provider::Azure, *account, None, Some(*app)),
        _ => return,
    };
    let mut fill = |place: &mut Option<Arc<str>>, text: Option<&str>| {
        if place.is_none() {
            *place = text
                .filter(|text| !text.is_empty())
                .map(|text| interner.intern(text));
        }
    };
    event.provider = event.provider.or(Some(provider));
    fill(&mut event.account, Some(account));
    fill(&mut event.region, region);
    fill(&mut event.function, function);
}
