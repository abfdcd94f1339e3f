//! Lists in JSON: how long they are and what is in them.

use serde_json::Value;

use super::flatten::text_of;
use crate::functions::entry::{Entry, long, test};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "jsonArraySize",
        1,
        "jsonArraySize(list)",
        "How many elements a JSON list has; null if it is none.",
        &["* | json \"tags\" | jsonArraySize(tags) as n"],
        |_, a| long("json_array_size", SIZE, a),
    ),
    Entry::new(
        "jsonArrayContains",
        2,
        "jsonArrayContains(list, value)",
        "Whether a JSON list has an element.",
        &["* | json \"tags\" | where jsonArrayContains(tags, \"prod\")"],
        |_, a| test("json_array_contains", CONTAINS, a),
    ),
];

fn list(text: &str) -> Option<Vec<Value>> {
    serde_json::from_str(text).ok()
}

const SIZE: Run = Run::Number(|row, _| {
    let count = list((*row.first()?)?)?.len();
    u32::try_from(count).ok().map(f64::from)
});

const CONTAINS: Run = Run::Test(|row, _| {
    let [Some(text), Some(value)] = row else {
        return None;
    };
    let is_it = |element: &Value| text_of(element).as_deref() == Some(*value);
    Some(list(text)?.iter().any(is_it))
});
