//! Puts what a reader has chosen into the text of a query.
//!
//! `{{name}}` is the value itself, escaped for the text that it stands in. `{{is name}}` is a whole condition,
//! and true if everything is chosen. `{{slice}}` and `{{seconds}}` come from the range.

use std::collections::BTreeMap;

use model::{TimeRange, Timestamp, duration};
use query::Language;
use serde::Serialize;

use super::{Dashboard, PanelQuery, SHIFT_BY_RANGE, Variable};
use crate::suggestion::likely;

/// Slices that a range is cut into at most.
const SLICES_MAX: i64 = 100;
/// Lengths of slices, in seconds: round for those who read them.
const SLICES: [i64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800,
];
/// The length of a time slice, as the language writes it.
pub(super) const SLICE: &str = "slice";
/// The length of the range, in seconds.
pub(super) const SECONDS: &str = "seconds";
/// What stands for everything.
const ALL: &str = "*";

/// What a reader has chosen.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Of each variable, the chosen values. A variable that is not named has its default; none of its values or
    /// `*` means all.
    pub values: BTreeMap<String, Vec<String>>,
    /// The range that is shown.
    pub range: TimeRange,
}

/// A query that can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filled {
    /// The language of the text.
    pub language: Language,
    /// The text without placeholders.
    pub text: String,
    /// Start of its range, in milliseconds since the epoch.
    pub from: i64,
    /// End of its range.
    pub to: i64,
}

/// Why a query cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// A placeholder is not closed.
    #[error("cannot fill the query: `{{{{` without `}}}}` in `{0}`")]
    Open(String),
    /// A placeholder names nothing.
    #[error("cannot fill the query: no variable is called `{name}`{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// A shift is no duration.
    #[error("cannot shift the query: {0}; or write \"range\"")]
    Shift(String),
}

impl Dashboard {
    /// Returns `asked` with what was chosen put into it, over the range shown or one that is `shift` earlier.
    ///
    /// # Errors
    /// If a placeholder names no variable, or the shift is no duration.
    pub fn fill(
        &self,
        asked: &PanelQuery,
        shift: Option<&str>,
        choices: &Choices,
    ) -> Result<Filled, FillError> {
        let (start, end) = (choices.range.start.millis(), choices.range.end.millis());
        let shift = match shift {
            None => 0,
            Some(SHIFT_BY_RANGE) => end.saturating_sub(start),
            Some(text) => {
                let shift = duration::parse(text).map_err(FillError::Shift)?;
                i64::try_from(shift.as_millis()).unwrap_or(i64::MAX)
            }
        };
        Ok(Filled {
            language: asked.language,
            text: self.filled(asked, choices)?,
            from: start.saturating_sub(shift),
            to: end.saturating_sub(shift),
        })
    }

    /// Returns a query's text with the dashboard's terms put into it, and variables left as they are.
    pub fn with_terms(&self, query: &str) -> String {
        let mut text = String::with_capacity(query.len());
        let mut rest = query;
        while let Some((before, (placeholder, tail))) = rest
            .split_once("{{")
            .and_then(|(before, after)| Some((before, after.split_once("}}")?)))
        {
            text.push_str(before);
            match self.terms.get(placeholder.trim()) {
                Some(term) => text.push_str(term.trim()),
                None => text.extend(["{{", placeholder, "}}"]),
            }
            rest = tail;
        }
        text + rest
    }

    fn filled(&self, asked: &PanelQuery, choices: &Choices) -> Result<String, FillError> {
        let mut text = String::with_capacity(asked.text.len());
        let mut rest = asked.text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let (placeholder, tail) = after
                .split_once("}}")
                .ok_or_else(|| FillError::Open(after.chars().take(20).collect()))?;
            text.push_str(before);
            text.push_str(&self.value(placeholder.trim(), asked.language, choices)?);
            rest = tail;
        }
        text.push_str(rest);
        Ok(text.trim().to_owned())
    }

    fn value(
        &self,
        placeholder: &str,
        language: Language,
        choices: &Choices,
    ) -> Result<String, FillError> {
        let (name, is_condition) = match placeholder.split_once(char::is_whitespace) {
            Some(("is", name)) => (name.trim(), true),
            _ => (placeholder, false),
        };
        let seconds = choices.range.nanos() / 1_000_000_000;
        match name {
            SLICE => return Ok(slice_text(self.slice_seconds(choices.range), language)),
            SECONDS => return Ok(seconds.max(1).to_string()),
            _ => {}
        }
        if let Some(term) = self.terms.get(name) {
            return Ok(term.trim().to_owned());
        }
        let variable = self.variable(name)?;
        let chosen = chosen(variable, choices);
        Ok(match (chosen.as_slice(), is_condition) {
            ([], true) => everything(language).to_owned(),
            ([], false) => ALL.to_owned(),
            (values, true) => condition(variable.column(), values, language),
            (values, false) => escaped(&values.join(","), language),
        })
    }

    /// The length of the slices that the range is cut into, in milliseconds.
    pub fn slice_ms(&self, choices: &Choices) -> i64 {
        self.slice_seconds(choices.range) * 1_000
    }

    fn slice_seconds(&self, range: TimeRange) -> i64 {
        let shortest = self.shortest_slice.as_deref();
        let shortest = shortest.and_then(|text| duration::parse(text).ok());
        let shortest = shortest.and_then(|shortest| i64::try_from(shortest.as_secs()).ok());
        let wanted = (range.nanos() / 1_000_000_000).max(1) / SLICES_MAX;
        let fits = SLICES
            .iter()
            .find(|seconds| **seconds > wanted && **seconds >= shortest.unwrap_or(0));
        let longest = SLICES[SLICES.len() - 1];
        *fits.unwrap_or(&longest)
    }

    fn variable(&self, name: &str) -> Result<&Variable, FillError> {
        let found = self.variables.iter().find(|variable| variable.name == name);
        found.ok_or_else(|| {
            let known = self.variables.iter().map(|variable| variable.name.as_str());
            let known = known.chain(self.terms.keys().map(String::as_str));
            let hint = likely(name, known.chain([SLICE, SECONDS]));
            FillError::Unknown {
                name: name.to_owned(),
                hint: hint.map_or_else(String::new, |hint| format!("; did you mean `{hint}`?")),
            }
        })
    }
}

impl Choices {
    /// Everything of a day, for checks.
    pub(super) fn of_a_day() -> Choices {
        const DAY_MS: i64 = 86_400_000;
        Choices {
            values: BTreeMap::new(),
            range: TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(DAY_MS)),
        }
    }
}

fn chosen(variable: &Variable, choices: &Choices) -> Vec<String> {
    let values = choices.values.get(&variable.name);
    let values = values.unwrap_or(&variable.default);
    match values.iter().any(|value| value == ALL || value.is_empty()) {
        true => Vec::new(),
        false => values.clone(),
    }
}

fn slice_text(seconds: i64, language: Language) -> String {
    match language {
        Language::Sql => format!("{seconds} seconds"),
        Language::Log | Language::Metrics => format!("{seconds}s"),
    }
}

fn everything(language: Language) -> &'static str {
    match language {
        Language::Sql => "TRUE",
        Language::Log => ALL,
        Language::Metrics => "",
    }
}

fn condition(column: &str, values: &[String], language: Language) -> String {
    let quoted = |quote: char| {
        values
            .iter()
            .map(move |value| format!("{quote}{}{quote}", escaped(value, language)))
    };
    match language {
        Language::Sql => {
            let values: Vec<String> = quoted('\'').collect();
            format!(
                "\"{}\" IN ({})",
                column.replace('"', "\"\""),
                values.join(", ")
            )
        }
        Language::Log | Language::Metrics => {
            let parts: Vec<String> = quoted('"')
                .map(|value| format!("{column}={value}"))
                .collect();
            format!("({})", parts.join(" or "))
        }
    }
}

/// The value as it may stand between the quotes of the language.
fn escaped(value: &str, language: Language) -> String {
    match language {
        Language::Sql => value.replace('\'', "''"),
        Language::Log | Language::Metrics => value.replace('\\', "\\\\").replace('"', "\\\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(language: Language, text: &str, values: &[&str]) -> String {
        let dashboard = Dashboard::parse(
            "title = \"a\"\n[[variables]]\nname = \"function\"\nfrom = \"metadata\"\nmulti = true\n",
        )
        .unwrap();
        let query = PanelQuery {
            language,
            text: text.to_owned(),
        };
        let mut choices = Choices::of_a_day();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        choices.values.insert("function".to_owned(), values);
        dashboard
            .fill(&query, None, &choices)
            .map_or_else(|error| error.to_string(), |filled| filled.text)
    }

    #[test]
    fn a_condition_is_written_as_its_language_wants_it() {
        let text = "{{is function}}";
        assert_eq!(
            filled(Language::Sql, text, &["a", "o'b"]),
            "\"function\" IN ('a', 'o''b')"
        );
        assert_eq!(
            filled(Language::Log, text, &["a", "b\""]),
            "(function=\"a\" or function=\"b\\\"\")"
        );
        assert_eq!(filled(Language::Metrics, text, &["a"]), "(function=\"a\")");
    }

    #[test]
    fn everything_is_no_condition() {
        assert_eq!(
            filled(Language::Sql, "WHERE {{is function}}", &["*"]),
            "WHERE TRUE"
        );
        assert_eq!(
            filled(Language::Log, "{{is function}} error", &[]),
            "* error"
        );
        assert_eq!(
            filled(Language::Metrics, "metric=x {{is function}}", &[]),
            "metric=x"
        );
        assert_eq!(
            filled(Language::Log, "function={{function}}", &[]),
            "function=*"
        );
    }

    #[test]
    fn terms_are_put_in_and_variables_stay() {
        let text = "title = \"a\"\n[terms]\nshop = \" provider = 'aws' \"\n";
        let dashboard = Dashboard::parse(text).unwrap();
        let told = dashboard.with_terms("{{shop}} AND {{is f}} {{ shop }} {{");
        assert_eq!(told, "provider = 'aws' AND {{is f}} provider = 'aws' {{");
    }

    #[test]
    fn slices_are_no_shorter_than_the_dashboard_says() {
        let slice = |more: &str, minutes: i64| {
            let dashboard = Dashboard::parse(&format!("title = \"a\"\n{more}")).unwrap();
            let end = Timestamp::from_millis(minutes * 60_000);
            dashboard.slice_ms(&Choices {
                values: BTreeMap::new(),
                range: TimeRange::new(Timestamp::from_millis(0), end),
            })
        };
        assert_eq!(slice("", 30), 30_000);
        assert_eq!(slice("shortest_slice = \"1m\"", 30), 60_000);
        assert_eq!(slice("shortest_slice = \"1m\"", 1_440), 900_000);
        assert_eq!(slice("shortest_slice = \"400d\"", 30), 604_800_000);
    }

    #[test]
    fn slices_are_round() {
        assert_eq!(
            filled(Language::Sql, "INTERVAL '{{slice}}'", &[]),
            "INTERVAL '900 seconds'"
        );
        assert_eq!(
            filled(Language::Log, "timeslice {{slice}}", &[]),
            "timeslice 900s"
        );
        assert_eq!(filled(Language::Sql, "{{seconds}}", &[]), "86400");
    }

    #[test]
    fn a_wrong_placeholder_is_told_with_the_likely_one() {
        let told = filled(Language::Sql, "{{is funtcion}}", &[]);
        assert!(
            told.ends_with("no variable is called `funtcion`; did you mean `function`?"),
            "{told}"
        );
        let told = filled(Language::Sql, "a {{function", &[]);
        assert!(told.contains("`{{` without `}}`"), "{told}");
    }

    #[test]
    fn a_query_can_look_at_the_range_before() {
        let dashboard = Dashboard::parse("title = \"a\"").unwrap();
        let query = PanelQuery {
            language: Language::Sql,
            text: "SELECT 1".to_owned(),
        };
        let choices = Choices::of_a_day();
        let before = dashboard.fill(&query, Some("range"), &choices).unwrap();
        assert_eq!((before.from, before.to), (-86_400_000, 0));
        let before = dashboard.fill(&query, Some("2h"), &choices).unwrap();
        assert_eq!((before.from, before.to), (-7_200_000, 79_200_000));
        assert!(dashboard.fill(&query, Some("soon"), &choices).is_err());
    }
}
