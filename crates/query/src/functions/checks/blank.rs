//! `isNull`, `isEmpty`, `isBlank`: is there nothing?

use crate::functions::entry::{Entry, test};
use crate::functions::kernels::Run;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "isNull",
        1,
        "isNull(x)",
        "Whether it is null.",
        &["* | where isNull(level)"],
        |_, a| Typed::new(a[0].expr.clone().is_null(), FieldType::Boolean),
    ),
    Entry::new(
        "isEmpty",
        1,
        "isEmpty(x)",
        "Whether it is null or an empty text.",
        &["* | where !isEmpty(level)"],
        |_, a| test("is_empty", EMPTY, a),
    ),
    Entry::new(
        "isBlank",
        1,
        "isBlank(x)",
        "Whether it is null, empty or white space.",
        &["* | where !isBlank(level)"],
        |_, a| test("is_blank", BLANK, a),
    ),
];

const EMPTY: Run = Run::Test(|row, _| Some(row.first()?.is_none_or(str::is_empty)));

const BLANK: Run = Run::Test(|row, _| Some(row.first()?.is_none_or(|text| text.trim().is_empty())));
