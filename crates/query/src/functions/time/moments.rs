//! The present, the time range, and moments counted in other units.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{cast, lit};

use crate::functions::entry::Entry;
use crate::functions::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "now",
        0,
        "now()",
        "The present, in milliseconds since 1970.",
        &["* | now() - _messageTime as age_ms"],
        |planner, _| long(planner.context.now.millis()),
    ),
    Entry::new(
        "queryStartTime",
        0,
        "queryStartTime()",
        "The start of the time range, in milliseconds since 1970.",
        &["* | queryStartTime() as t"],
        |planner, _| long(planner.context.range.start.millis()),
    ),
    Entry::new(
        "queryEndTime",
        0,
        "queryEndTime()",
        "The end of the time range, in milliseconds since 1970.",
        &["* | queryEndTime() as t"],
        |planner, _| long(planner.context.range.end.millis()),
    ),
    Entry::new(
        "queryTimeRange",
        0,
        "queryTimeRange()",
        "The length of the time range, in milliseconds.",
        &["* | count | _count / (queryTimeRange() / 1s) as per_second"],
        |planner, _| {
            let range = planner.context.range;
            long(range.end.millis() - range.start.millis())
        },
    ),
    Entry::new(
        "fromMillis",
        1,
        "fromMillis(ms)",
        "The moment so many milliseconds after 1970, for `formatDate`.",
        &["* | formatDate(fromMillis(1700000000000), \"yyyy\") as year"],
        |_, a| millis(&a[0], Run::Whole(|row| scaled(row, 1.0)), "from_millis"),
    ),
    Entry::new(
        "fromSeconds",
        1,
        "fromSeconds(s)",
        "The moment so many seconds after 1970, for `formatDate`.",
        &["* | formatDate(fromSeconds(1700000000), \"yyyy\") as year"],
        |_, a| {
            millis(
                &a[0],
                Run::Whole(|row| scaled(row, 1_000.0)),
                "from_seconds",
            )
        },
    ),
    Entry::new(
        "toMillis",
        1,
        "toMillis(moment)",
        "A moment as milliseconds since 1970.",
        &["* | toMillis(now()) as ms"],
        |_, a| millis(&a[0], Run::Whole(|row| scaled(row, 1.0)), "to_millis"),
    ),
];

fn long(value: i64) -> Typed {
    Typed::new(lit(value), FieldType::Long)
}

fn millis(value: &Typed, run: Run, name: &'static str) -> Typed {
    if value.field_type == FieldType::Long && name != "from_seconds" {
        return Typed::new(cast(value.expr.clone(), DataType::Int64), FieldType::Long);
    }
    Typed::new(call(name, run, vec![value.number()]), FieldType::Long)
}

fn scaled(row: &[Option<f64>], factor: f64) -> Option<i64> {
    let value = (*row.first()?)?;
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    (value.is_finite()).then_some((value * factor) as i64)
}
