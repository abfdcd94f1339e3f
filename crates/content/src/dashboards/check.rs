//! What is wrong with a dashboard beyond its syntax: names that name nothing, panels that lie on each other,
//! queries that cannot be planned.

use std::collections::BTreeSet;

use model::duration;
use query::{Diagnostic, Language, Severity};

use super::fill::{SECONDS, SLICE};
use super::{Chart, Choices, Dashboard, Origin, Panel, PanelQuery, SHIFT_BY_RANGE, Variable};
use crate::suggestion::likely;

/// Columns of the grid.
const COLUMNS: u16 = 12;
/// Values that stand for what a reader may choose; quotes, because names may have them.
const SAMPLE_VALUES: [&str; 2] = ["one", "it's \"two\""];

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `panel errors`, `query totals`, `variable function`, or nothing for the whole.
    pub place: String,
    /// What.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

impl Dashboard {
    /// Returns everything that is wrong; each query is planned with nothing chosen and with something chosen.
    pub fn check(&self) -> Vec<Problem> {
        let mut found = Found::default();
        self.check_times(&mut found);
        self.check_variables(&mut found);
        for (name, query) in &self.queries {
            self.check_query(&format!("query {name}"), query, &mut found);
        }
        let mut ids = BTreeSet::new();
        for panel in &self.panels {
            found.place = format!("panel {}", panel.id);
            found.check(
                ids.insert(panel.id.as_str()),
                "another panel has the same id",
            );
            self.check_panel(panel, &mut found);
        }
        self.check_grid(&mut found);
        self.check_unused(&mut found);
        found.problems
    }

    fn check_times(&self, found: &mut Found) {
        let length = self.range.strip_prefix('-').map(duration::parse);
        let is_day = ["today", "yesterday"].contains(&self.range.as_str());
        found.check(
            is_day || matches!(length, Some(Ok(_))),
            &format!(
                "`range` is `{}`; write a duration into the past such as \"-3h\"",
                self.range
            ),
        );
        if let Some(Err(why)) = self.refresh.as_deref().map(duration::parse) {
            found.add(&format!("`refresh`: {why}"));
        }
        if let Some(Err(why)) = self.shortest_slice.as_deref().map(duration::parse) {
            found.add(&format!("`shortest_slice`: {why}"));
        }
    }

    fn check_variables(&self, found: &mut Found) {
        let mut names = BTreeSet::from([SLICE, SECONDS]);
        names.extend(self.terms.keys().map(String::as_str));
        for variable in &self.variables {
            found.place = format!("variable {}", variable.name);
            found.check(names.insert(&variable.name), "the name is taken");
            found.check(
                !variable.name.is_empty()
                    && variable
                        .name
                        .chars()
                        .all(|c| c.is_alphanumeric() || c == '_'),
                "write letters, digits and `_`",
            );
            found.check(
                (variable.from == Origin::Query) == variable.query.is_some(),
                "`query` belongs to `from = \"query\"`",
            );
            found.check(
                (variable.from == Origin::List) != variable.values.is_empty(),
                "`values` belong to `from = \"list\"`",
            );
            found.check(
                variable.multi || variable.default.len() < 2,
                "only with `multi = true` may several be chosen",
            );
            if let Some(query) = variable.choices() {
                self.check_query(&format!("variable {}", variable.name), &query, found);
            }
        }
        found.place.clear();
    }

    fn check_query(&self, place: &str, query: &PanelQuery, found: &mut Found) {
        found.place = place.to_owned();
        for values in [&SAMPLE_VALUES[..0], &SAMPLE_VALUES[..]] {
            let mut choices = Choices::of_a_day();
            let sample = |variable: &Variable| {
                let count = if variable.multi {
                    values.len()
                } else {
                    values.len().min(1)
                };
                values
                    .iter()
                    .take(count)
                    .map(|value| (*value).to_owned())
                    .collect()
            };
            choices.values = self
                .variables
                .iter()
                .map(|variable| (variable.name.clone(), sample(variable)))
                .collect();
            match self.fill(query, None, &choices) {
                Err(error) => found.add(&error.to_string()),
                Ok(filled) => {
                    let wrong = query::check(&filled.text, filled.language);
                    found.query(
                        wrong
                            .into_iter()
                            .filter(|one| one.severity == Severity::Error),
                    );
                }
            }
        }
    }

    fn check_panel(&self, panel: &Panel, found: &mut Found) {
        let [column, _, width, height] = panel.at;
        found.check(
            width > 0 && height > 0 && column.saturating_add(width) <= COLUMNS,
            &format!("`at` leaves the grid of {COLUMNS} columns"),
        );
        let is_text = panel.chart == Chart::Text;
        found.check(
            is_text || !panel.description.is_empty(),
            "has no `description`",
        );
        found.check(
            is_text != panel.text.is_empty(),
            "`text` belongs to `chart = \"text\"`",
        );
        found.check(
            is_text == panel.queries.is_empty(),
            "name the queries that are drawn",
        );
        found.check(
            panel.chart == Chart::Table || panel.columns.is_empty(),
            "`columns` belong to `chart = \"table\"`",
        );
        if let Some(shift) = panel
            .compare
            .as_deref()
            .filter(|shift| *shift != SHIFT_BY_RANGE)
            && let Err(why) = duration::parse(shift)
        {
            found.add(&format!("`compare`: {why}; or write \"range\""));
        }
        let others = panel.trend.iter().chain(&panel.rows);
        for name in panel.queries.iter().chain(others) {
            if !self.queries.contains_key(name) {
                let hint = likely(name, self.queries.keys().map(String::as_str));
                let hint =
                    hint.map_or_else(String::new, |hint| format!("; did you mean `{hint}`?"));
                found.add(&format!("no query is called `{name}`{hint}"));
            }
        }
        let rows = panel.rows.as_ref().and_then(|name| self.queries.get(name));
        found.check(
            rows.is_none_or(|query| query.language == Language::Log),
            "`rows` wants a query of the log language",
        );
    }

    fn check_grid(&self, found: &mut Found) {
        for (index, panel) in self.panels.iter().enumerate() {
            let over = self
                .panels
                .iter()
                .take(index)
                .find(|other| overlap(panel.at, other.at));
            if let Some(other) = over {
                found.place = format!("panel {}", panel.id);
                found.add(&format!("lies on panel {}", other.id));
            }
        }
    }

    fn check_unused(&self, found: &mut Found) {
        let used: BTreeSet<&String> = self
            .panels
            .iter()
            .flat_map(|panel| panel.queries.iter().chain(&panel.trend).chain(&panel.rows))
            .collect();
        for name in self.queries.keys().filter(|name| !used.contains(name)) {
            found.place = format!("query {name}");
            found.add("no panel shows it");
        }
    }
}

/// Whether two places have something in common.
pub(crate) fn overlap(one: [u16; 4], other: [u16; 4]) -> bool {
    let [x, y, width, height] = one.map(u32::from);
    let [left, top, wide, high] = other.map(u32::from);
    x < left + wide && left < x + width && y < top + high && top < y + height
}

/// What was found so far, and where one looks.
#[derive(Default)]
struct Found {
    place: String,
    problems: Vec<Problem>,
}

impl Found {
    fn check(&mut self, is_right: bool, message: &str) {
        if !is_right {
            self.add(message);
        }
    }

    fn add(&mut self, message: &str) {
        let problem = Problem {
            place: self.place.clone(),
            message: message.to_owned(),
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The place is that in the text with everything filled in.
    fn query(&mut self, wrong: impl Iterator<Item = Diagnostic>) {
        for one in wrong {
            self.add(&format!(
                "{} (line {}, column {})",
                one.message, one.line, one.column
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let dashboard = Dashboard::parse(&format!("title = \"a\"\n{text}")).unwrap();
        dashboard.check().iter().map(Problem::to_string).collect()
    }

    const PANEL: &str =
        "[[panels]]\nid = \"a\"\ntitle = \"A\"\ndescription = \"d\"\nchart = \"line\"\n";

    #[test]
    fn a_panel_that_names_no_query_is_told() {
        let found = problems(&format!(
            "[queries.totals]\ntext = \"* | count\"\n{PANEL}at = [0, 0, 6, 4]\nqueries = [\"totlas\"]\n"
        ));
        assert_eq!(
            found,
            [
                "panel a: no query is called `totlas`; did you mean `totals`?",
                "query totals: no panel shows it",
            ]
        );
    }

    #[test]
    fn panels_may_not_lie_on_each_other_or_leave_the_grid() {
        let found = problems(&format!(
            "[queries.q]\ntext = \"* | count\"\n{PANEL}at = [0, 0, 6, 4]\nqueries = [\"q\"]\n\
             {PANEL}at = [5, 3, 8, 4]\nqueries = [\"q\"]\n"
        ));
        assert_eq!(
            found,
            [
                "panel a: another panel has the same id",
                "panel a: `at` leaves the grid of 12 columns",
                "panel a: lies on panel a",
            ]
        );
    }

    #[test]
    fn queries_are_planned_with_something_chosen_too() {
        // Right only as long as everything is chosen.
        let found = problems(&format!(
            "[[variables]]\nname = \"color\"\nfrom = \"list\"\nvalues = [\"red\"]\n\
             [queries.q]\nlanguage = \"sql\"\ntext = \"SELECT count(*) FROM events WHERE {{{{is color}}}}\"\n\
             {PANEL}at = [0, 0, 6, 4]\nqueries = [\"q\"]\n"
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("query q: "), "{found:?}");
    }

    #[test]
    fn a_metadata_variable_needs_a_column_that_is_there() {
        let found = problems("[[variables]]\nname = \"function\"\nfrom = \"metadata\"\n");
        assert_eq!(found, Vec::<String>::new());
        let found = problems("[[variables]]\nname = \"funktion\"\nfrom = \"metadata\"\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
