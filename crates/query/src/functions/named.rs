//! Every kernel under the name that plans call it by, so that SQL can say what a plan says.

use std::any::Any;
use std::collections::HashSet;
use std::sync::OnceLock;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ScalarUDF, cast};
use datafusion::prelude::SessionContext;
use model::{TimeRange, Timestamp};

use super::extract::kinds::KINDS;
use super::extract::{self, Extraction, key_values};
use super::json::flatten;
use super::kernels::{Kernel, Run};
use super::{casts, entries, json, text, text_search, time};
use crate::plan::pipeline::Pipeline;
use crate::plan::planner::{Planner, Typed, text_literal};
use crate::plan::{FieldType, QueryContext};
use crate::{aggregates, operators, syntax};

/// Kernels that the planner, the scope and operators call, besides those of functions.
const KERNELS: [(&str, Run); 19] = [
    ("bin_lower", operators::bin::LOWER),
    ("field_named", flatten::NAMED),
    ("glob_match", text_search::GLOB),
    ("json_auto", flatten::AUTO),
    ("json_flatten", flatten::MERGE),
    ("json_may_hold", json::path::MAY_HOLD),
    ("json_path", json::path::FIND),
    ("key_values", key_values::MERGE),
    ("note_time", time::NOTE),
    ("noted_time", time::NOTED_TIME),
    ("noted_value", time::NOTED_VALUE),
    ("number_text", casts::TEXT),
    ("text_contains", text::CONTAINS),
    ("text_match", text_search::MATCH),
    ("text_size", casts::SIZE),
    ("text_tuple", aggregates::TUPLE),
    ("timeslice", Run::Slice),
    ("to_number", casts::NUMBER),
    ("value_order", casts::ORDER),
];

/// Every kernel.
pub(super) fn all() -> &'static [ScalarUDF] {
    static ALL: OnceLock<Vec<ScalarUDF>> = OnceLock::new();
    ALL.get_or_init(|| {
        let kernels = KERNELS.iter().map(|(name, run)| Kernel::udf(name, *run));
        let extractions = KINDS.iter().map(|kind| Extraction::udf(*kind));
        let mut all: Vec<ScalarUDF> = kernels.chain(extractions).collect();
        all.push(extract::part_udf());
        let mut known: HashSet<String> = all.iter().map(|udf| udf.name().to_owned()).collect();
        for found in of_functions() {
            if known.insert(found.name().to_owned()) {
                all.push(found);
            }
        }
        all
    })
}

/// The kernels of functions: whatever their calls become, over columns and over constants, texts and
/// numbers.
fn of_functions() -> Vec<ScalarUDF> {
    let context = QueryContext {
        range: TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(1)),
        now: Timestamp::from_millis(1),
        time_zone: jiff::tz::TimeZone::UTC,
        auto_parse: false,
    };
    let pipeline = Pipeline::new(&syntax::pipeline::cut("*"), context);
    let session = SessionContext::new();
    let Ok(nothing) = LogicalPlanBuilder::empty(false).build() else {
        return Vec::new();
    };
    let mut planner = Planner::new(nothing, &pipeline, &session);
    let column = crate::plan::planner::column("message");
    let arguments = [
        Typed::new(text_literal("a"), FieldType::String),
        Typed::new(column.clone(), FieldType::String),
        Typed::new(cast(column.clone(), DataType::Int64), FieldType::Long),
        Typed::new(cast(column, DataType::Float64), FieldType::Double),
    ];
    let mut found = Vec::new();
    for entry in entries() {
        // Further arguments are like those before.
        let most = entry.arguments_max.min(entry.arguments_min + 2);
        for count in entry.arguments_min..=most {
            for argument in &arguments {
                let value = (entry.lower)(&mut planner, &vec![argument.clone(); count]);
                collect(&value.expr, &mut found);
            }
        }
    }
    found
}

fn collect(value: &Expr, found: &mut Vec<ScalarUDF>) {
    let outcome = value.apply(|node| {
        if let Expr::ScalarFunction(call) = node {
            let inner: &dyn Any = call.func.inner().as_ref();
            if inner.is::<Kernel>() {
                found.push(call.func.as_ref().clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(outcome.is_ok(), "looking at a value cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_language_have_names_in_sql() {
        let names: HashSet<&str> = all().iter().map(ScalarUDF::name).collect();
        for name in [
            "format_date",
            "parse_anchors",
            "part",
            "text_format",
            "text_hash",
            "is_private_ip",
            "math_round",
            "to_whole",
        ] {
            assert!(names.contains(name), "{name}");
        }
        assert_eq!(names.len(), all().len());
    }
}
