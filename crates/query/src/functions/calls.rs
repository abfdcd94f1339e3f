//! Lowers the calls of expressions, by the list of functions.

use std::ops::Range;

use super::java_pattern::translate;
use super::matcher::Matcher;
use super::{entries, find};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::expression::{Expression, Kind};

/// Stands before a pattern in an argument that may be text or pattern.
pub(super) const PATTERN_MARK: char = '\0';

/// Lowers a call; an unknown name or a wrong number of arguments is reported.
pub(crate) fn lower(
    planner: &mut Planner<'_>,
    name: &str,
    arguments: &[Expression],
    span: &Range<usize>,
) -> Typed {
    let typed: Vec<Typed> = arguments
        .iter()
        .map(|argument| argument_of(planner, argument))
        .collect();
    let Some(entry) = find(name) else {
        let names = entries().map(|entry| entry.descriptor.name);
        // Only the name, as it is written: an editor puts the suggestion in its place.
        let written = planner.pipeline.text.get(span.clone()).unwrap_or_default();
        let written = written.find(|c: char| c == '(' || c.is_whitespace());
        let place = span.start..written.map_or(span.end, |end| span.start + end);
        let mut found = Diagnostic::error(place, format!("there is no function `{name}`"));
        if crate::aggregates::find(name).is_some() {
            found = found.expecting(format!(
                "`{name}` in a grouping stage, such as `{name}(…) as x by y`"
            ));
        } else {
            found = found.suggesting(name, names);
        }
        planner.diagnostics.push(found);
        return null_text();
    };
    if !(entry.arguments_min..=entry.arguments_max).contains(&typed.len()) {
        let wanted = match (entry.arguments_min, entry.arguments_max) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (min, max) if min == max => format!("{min} arguments"),
            (min, max) => format!("{min} to {max} arguments"),
        };
        let message = format!(
            "`{}` takes {wanted}, not {}",
            entry.descriptor.name,
            typed.len()
        );
        let found = Diagnostic::error(span.clone(), message);
        let found = found.expecting(format!("`{}`", entry.descriptor.syntax));
        planner.diagnostics.push(found.about(entry.descriptor.name));
        return null_text();
    }
    planner.call = span.clone();
    (entry.lower)(planner, &typed)
}

fn argument_of(planner: &mut Planner<'_>, argument: &Expression) -> Typed {
    if let Kind::Pattern(pattern) = &argument.kind {
        let pattern = translate(pattern);
        if let Err(problem) = Matcher::compile(&pattern) {
            planner.report(argument, format!("the pattern cannot be read: {problem}"));
        }
        let marked = text_literal(&format!("{PATTERN_MARK}{pattern}"));
        return Typed::new(marked, FieldType::String);
    }
    planner.lower(argument)
}
