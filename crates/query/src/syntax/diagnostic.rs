//! What is wrong with a query, and where: everything an editor needs to underline it.

use std::ops::Range;

use model::limits::{QUERY_CHARS_MAX, QUERY_MISTAKES_MAX};
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The query cannot run.
    Error,
    /// The query runs, perhaps not as meant.
    Warning,
}

/// One mistake in a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Bytes of the query text.
    pub span: Range<usize>,
    /// Line of the span's start, from 1.
    pub line: u32,
    /// Column of the span's start in characters, from 1.
    pub column: u32,
    /// What is wrong, lower case, without full stop.
    pub message: String,
    /// What could stand there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// "Did you mean": a name close to the one that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The operator, aggregate or function whose description helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
}

impl Diagnostic {
    /// Returns an error at `span`; [`Diagnostic::locate`] fills in line and column.
    pub fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            span,
            line: 1,
            column: 1,
            message: message.into(),
            expected: None,
            suggestion: None,
            unit: None,
        }
    }

    /// Adds what could stand there instead.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds the name among `names` that is closest to `written`, if any is close.
    #[must_use]
    pub fn suggesting<'a>(
        mut self,
        written: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.suggestion = closest(written, names);
        self
    }

    /// Adds whose description helps, unless it is known already.
    #[must_use]
    pub fn about(mut self, unit: &'static str) -> Self {
        self.unit.get_or_insert(unit);
        self
    }

    /// Works out line and column from the text.
    #[must_use]
    pub fn locate(mut self, text: &str) -> Self {
        let mut start = self.span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = text.get(..start).unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.line = count(before.matches('\n').count() + 1);
        let line = before.rsplit('\n').next().unwrap_or_default();
        self.column = count(line.chars().count() + 1);
        self
    }
}

/// The mistakes with their lines and columns; of very many the first.
pub(crate) fn located(found: Vec<Diagnostic>, text: &str) -> Vec<Diagnostic> {
    let told = found.into_iter().take(QUERY_MISTAKES_MAX);
    told.map(|found| found.locate(text)).collect()
}

/// Complains about a text that is longer than a query may be.
pub(crate) fn at_most_chars(text: &str) -> Result<(), Vec<Diagnostic>> {
    let Some((end, _)) = text.char_indices().nth(QUERY_CHARS_MAX) else {
        return Ok(());
    };
    let message =
        format!("the query is longer than {QUERY_CHARS_MAX} characters (QUERY_CHARS_MAX)");
    Err(located(
        vec![Diagnostic::error(end..text.len(), message)],
        text,
    ))
}

/// Returns the name closest to `written`, if it is close enough to be a slip of the finger.
pub(crate) fn closest<'a>(
    written: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    if written.len() > NAME_BYTES_MAX {
        return None;
    }
    let folded = written.to_lowercase();
    names
        .into_iter()
        // What is written already is no help, though it may stand in the wrong place.
        .filter(|name| *name != written)
        .map(|name| (likeness(&folded, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

/// What is longer is no slip of a name, and comparing takes time by its length.
const NAME_BYTES_MAX: usize = 100;
/// A name is suggested from this likeness on (1.0 = equal).
const LIKENESS_MIN: f64 = 0.85;
/// One slip in a word of so many letters is always close, even where the word is too short to
/// look alike: `smu` for `sum`.
const SLIP_LETTERS_MIN: usize = 3;

fn likeness(written: &str, name: &str) -> f64 {
    let likeness = strsim::jaro_winkler(written, name);
    let is_slip =
        name.chars().count() >= SLIP_LETTERS_MIN && strsim::osa_distance(written, name) == 1;
    if is_slip {
        likeness.max(LIKENESS_MIN)
    } else {
        likeness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let found = Diagnostic::error(7..8, "x").locate("é\nabé|");
        assert_eq!((found.line, found.column), (2, 4));
    }

    #[test]
    fn only_close_names_are_suggested() {
        assert_eq!(
            closest("timeslize", ["where", "timeslice"]),
            Some("timeslice".into())
        );
        assert_eq!(closest("zzz", ["where", "timeslice"]), None);
        assert_eq!(closest("smu", ["avg", "sum", "max"]), Some("sum".into()));
    }
}
