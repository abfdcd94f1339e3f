//! `count_distinct`: how many different.

use datafusion::functions_aggregate::expr_fn::count_distinct;

use super::Entry;
use crate::functions::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::Typed;

/// `text_tuple(a, b, …)`: one text of several; null if one of them is.
pub(crate) const TUPLE: Run = Run::Text(|row, _| {
    let texts: Vec<&str> = row.iter().copied().collect::<Option<_>>()?;
    Some(texts.join("\0"))
});

pub(super) const ENTRY: Entry = Entry::new(
    "count_distinct",
    "count_distinct(<field>, …) [as <field>] [by <field>, …]",
    "How many different values each group has; exact. An empty text counts, null does not. \
     Of several fields the combinations are counted.",
    &["* | count_distinct(request_id) by function"],
    |planner, measure| {
        let texts: Vec<_> = measure
            .arguments
            .iter()
            .map(|argument| planner.lower(argument).text())
            .collect();
        let text = match texts.as_slice() {
            [one] => one.clone(),
            several => call("text_tuple", TUPLE, several.to_vec()),
        };
        measure.named(Typed::new(count_distinct(text), FieldType::Long))
    },
);
