//! The calls of expressions, by name.

use std::ops::Range;

use datafusion::arrow::datatypes::DataType;
use datafusion::functions::{math, string};
use datafusion::logical_expr::cast;

use super::builders::{CONTAINS, PART, REPLACE, blank, choose, double, format_date, long, text};
use super::conversions;
use super::kernels::{Matcher, call};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::expression::{Expression, Kind};

type Lower = fn(&mut Planner<'_>, &[Typed]) -> Typed;

/// One function: how it is written and what it becomes.
pub(crate) struct Entry {
    pub(crate) descriptor: Descriptor,
    aliases: &'static [&'static str],
    arguments: std::ops::RangeInclusive<usize>,
    lower: Lower,
}

macro_rules! function {
    ($name:literal, $aliases:expr, $arguments:expr, $syntax:literal, $summary:literal, $example:literal, $lower:expr) => {
        Entry {
            descriptor: Descriptor {
                name: $name,
                kind: UnitKind::Function,
                syntax: $syntax,
                summary: $summary,
                examples: &[$example],
            },
            aliases: $aliases,
            arguments: $arguments,
            lower: $lower,
        }
    };
}

/// Every function, by name.
pub(crate) const FUNCTIONS: &[Entry] = &[
    function!(
        "abs",
        &[],
        1..=1,
        "abs(x)",
        "The number without its sign.",
        "* | abs(-1) as x",
        |_, a| double(&math::abs(), a)
    ),
    function!(
        "ceil",
        &[],
        1..=1,
        "ceil(x)",
        "The next whole number above.",
        "* | ceil(1.2) as x",
        |_, a| double(&math::ceil(), a)
    ),
    function!(
        "concat",
        &[],
        1..=100,
        "concat(a, b, …)",
        "The texts one after another; null counts as empty.",
        "* | concat(account, \"/\", function) as x",
        |_, a| {
            Typed::new(
                cast(
                    string::concat().call(a.iter().map(Typed::text).collect()),
                    DataType::Utf8View,
                ),
                FieldType::String,
            )
        }
    ),
    function!(
        "contains",
        &[],
        2..=2,
        "contains(text, part)",
        "Whether the text holds the part, in the same case.",
        "* | where contains(_raw, \"ERROR\")",
        |_, a| {
            Typed::new(
                call("text_contains", CONTAINS, vec![a[0].text(), a[1].text()]),
                FieldType::Boolean,
            )
        }
    ),
    function!(
        "exp",
        &[],
        1..=1,
        "exp(x)",
        "e to the power of x.",
        "* | exp(1) as x",
        |_, a| double(&math::exp(), a)
    ),
    function!(
        "floor",
        &[],
        1..=1,
        "floor(x)",
        "The next whole number below.",
        "* | floor(1.2) as x",
        |_, a| double(&math::floor(), a)
    ),
    function!(
        "formatdate",
        &[],
        1..=3,
        "formatDate(ms [, pattern [, zone]])",
        "A moment as text.",
        "* | formatDate(_messageTime, \"yyyy-MM-dd\") as day",
        format_date
    ),
    function!(
        "if",
        &[],
        3..=3,
        "if(condition, a, b)",
        "One of two values.",
        "* | if(level = \"ERROR\", 1, 0) as is_error",
        choose
    ),
    function!(
        "isblank",
        &[],
        1..=1,
        "isBlank(x)",
        "Whether it is null, empty or white space.",
        "* | where !isBlank(level)",
        |_, a| blank(a, true)
    ),
    function!(
        "isempty",
        &[],
        1..=1,
        "isEmpty(x)",
        "Whether it is null or empty.",
        "* | where !isEmpty(level)",
        |_, a| blank(a, false)
    ),
    function!(
        "isnull",
        &[],
        1..=1,
        "isNull(x)",
        "Whether it is null.",
        "* | where isNull(level)",
        |_, a| Typed::new(a[0].expr.clone().is_null(), FieldType::Boolean)
    ),
    function!(
        "length",
        &["strlen"],
        1..=1,
        "length(text)",
        "Number of characters.",
        "* | length(_raw) as n",
        |_, a| {
            Typed::new(
                cast(
                    call("text_length", conversions::LENGTH, vec![a[0].text()]),
                    DataType::Int64,
                ),
                FieldType::Long,
            )
        }
    ),
    function!(
        "log",
        &[],
        1..=1,
        "log(x)",
        "Natural logarithm.",
        "* | log(2) as x",
        |_, a| double(&math::ln(), a)
    ),
    function!(
        "log10",
        &[],
        1..=1,
        "log10(x)",
        "Logarithm to base 10.",
        "* | log10(2) as x",
        |_, a| double(&math::log10(), a)
    ),
    function!(
        "now",
        &[],
        0..=0,
        "now()",
        "The present in milliseconds.",
        "* | now() as t",
        |p, _| long(p.context.now.millis())
    ),
    function!(
        "num",
        &["number", "double", "todouble", "tonumber", "tofloat"],
        1..=1,
        "num(x)",
        "The text as a number.",
        "* | num(\"1.5\") as x",
        |_, a| Typed::new(a[0].number(), FieldType::Double)
    ),
    function!(
        "pow",
        &["power"],
        2..=2,
        "pow(a, b)",
        "a to the power of b.",
        "* | pow(2, 3) as x",
        |_, a| double(&math::power(), a)
    ),
    function!(
        "queryendtime",
        &[],
        0..=0,
        "queryEndTime()",
        "End of the time range in milliseconds.",
        "* | queryEndTime() as t",
        |p, _| long(p.context.range.end.millis())
    ),
    function!(
        "querystarttime",
        &[],
        0..=0,
        "queryStartTime()",
        "Start of the time range in milliseconds.",
        "* | queryStartTime() as t",
        |p, _| long(p.context.range.start.millis())
    ),
    function!(
        "replace",
        &[],
        3..=3,
        "replace(text, \"part\"|/pattern/, \"by\")",
        "Replaces every occurrence.",
        "* | replace(_raw, /\\d+/, \"#\") as x",
        |_, a| {
            Typed::new(
                call("text_replace", REPLACE, a.iter().map(Typed::text).collect()),
                FieldType::String,
            )
        }
    ),
    function!(
        "round",
        &[],
        1..=2,
        "round(x [, digits])",
        "Rounded to whole numbers or digits.",
        "* | round(1.234, 2) as x",
        |_, a| {
            let mut arguments = vec![a[0].number()];
            arguments.extend(
                a.get(1)
                    .map(|digits| cast(digits.number(), DataType::Int32)),
            );
            Typed::new(math::round().call(arguments), FieldType::Double)
        }
    ),
    function!(
        "sqrt",
        &[],
        1..=1,
        "sqrt(x)",
        "Square root.",
        "* | sqrt(4) as x",
        |_, a| double(&math::sqrt(), a)
    ),
    function!(
        "substring",
        &["substr"],
        2..=3,
        "substring(text, start [, end])",
        "Part of a text, from 0.",
        "* | substring(_raw, 0, 10) as x",
        |_, a| {
            Typed::new(
                call("text_part", PART, a.iter().map(Typed::text).collect()),
                FieldType::String,
            )
        }
    ),
    function!(
        "toint",
        &["int", "tolong", "long", "tointeger"],
        1..=1,
        "toLong(x)",
        "The whole number in a text or number.",
        "* | toLong(\"15\") as x",
        |_, a| {
            Typed::new(
                datafusion::logical_expr::try_cast(
                    math::trunc().call(vec![a[0].number()]),
                    DataType::Int64,
                ),
                FieldType::Long,
            )
        }
    ),
    function!(
        "tolowercase",
        &["lower"],
        1..=1,
        "toLowerCase(text)",
        "In small letters.",
        "* | toLowerCase(function) as f",
        |_, a| text(&string::lower(), a)
    ),
    function!(
        "tostring",
        &["string"],
        1..=1,
        "toString(x)",
        "As text.",
        "* | toString(1) as x",
        |_, a| Typed::new(a[0].text(), FieldType::String)
    ),
    function!(
        "touppercase",
        &["upper"],
        1..=1,
        "toUpperCase(text)",
        "In capital letters.",
        "* | toUpperCase(function) as f",
        |_, a| text(&string::upper(), a)
    ),
    function!(
        "trim",
        &[],
        1..=1,
        "trim(text)",
        "Without white space around it.",
        "* | trim(_raw) as x",
        |_, a| text(&string::btrim(), a)
    ),
];

/// Lowers a call; an unknown name or a wrong number of arguments is reported.
pub(crate) fn lower(
    planner: &mut Planner<'_>,
    name: &str,
    arguments: &[Expression],
    span: &Range<usize>,
) -> Typed {
    let found = FUNCTIONS
        .iter()
        .find(|entry| entry.descriptor.name == name || entry.aliases.contains(&name));
    let typed: Vec<Typed> = arguments
        .iter()
        .map(|argument| argument_of(planner, argument))
        .collect();
    let Some(entry) = found else {
        let message = if NOT_YET.contains(&name) {
            format!("function `{name}` is not available yet")
        } else {
            format!("there is no function `{name}`")
        };
        let names = FUNCTIONS.iter().map(|entry| entry.descriptor.name);
        planner
            .diagnostics
            .push(Diagnostic::error(span.clone(), message).suggesting(name, names));
        return null_text();
    };
    if !entry.arguments.contains(&typed.len()) {
        let message = format!("`{name}` does not take {} arguments", typed.len());
        planner
            .diagnostics
            .push(Diagnostic::error(span.clone(), message).expecting(entry.descriptor.syntax));
        return null_text();
    }
    (entry.lower)(planner, &typed)
}

const NOT_YET: [&str; 40] = [
    "format",
    "frommillis",
    "fromseconds",
    "tomillis",
    "tourl",
    "isprivateip",
    "ispublicip",
    "isvalidip",
    "isvalidipv4",
    "isvalidipv6",
    "comparecidrprefix",
    "getcidrprefix",
    "maskfromcidr",
    "ipv4tonumber",
    "parsedate",
    "urldecode",
    "urlencode",
    "base64decode",
    "base64encode",
    "hash",
    "luhn",
    "hextodec",
    "dectohex",
    "jsonarraysize",
    "jsonarraycontains",
    "isnumeric",
    "haversine",
    "parsehex",
    "querytimerange",
    "sin",
    "cos",
    "tan",
    "atan2",
    "asin",
    "acos",
    "atan",
    "max",
    "min",
    "lookupcontains",
    "split",
];

fn argument_of(planner: &mut Planner<'_>, argument: &Expression) -> Typed {
    if let Kind::Pattern(pattern) = &argument.kind {
        if let Err(problem) = Matcher::compile(pattern) {
            planner.report(argument, format!("the pattern cannot be read: {problem}"));
        }
        return Typed::new(text_literal(&format!("\0{pattern}")), FieldType::String);
    }
    planner.lower(argument)
}
