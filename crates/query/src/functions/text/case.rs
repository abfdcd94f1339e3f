//! Small and capital letters.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions::string;
use datafusion::logical_expr::{ScalarUDF, cast};

use crate::functions::entry::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "toLowerCase",
        1,
        "toLowerCase(text)",
        "In small letters.",
        &["* | toLowerCase(function) as f"],
        |_, a| of(&string::lower(), a),
    )
    .or(&["lower"]),
    Entry::new(
        "toUpperCase",
        1,
        "toUpperCase(text)",
        "In capital letters.",
        &["* | toUpperCase(function) as f"],
        |_, a| of(&string::upper(), a),
    )
    .or(&["upper"]),
];

fn of(function: &ScalarUDF, arguments: &[Typed]) -> Typed {
    let arguments = arguments.iter().map(Typed::text).collect();
    Typed::new(
        cast(function.call(arguments), DataType::Utf8View),
        FieldType::String,
    )
}
