//! What a reader of a dashboard can choose, and where the choices come from.

use query::Language;
use serde::{Deserialize, Serialize};

use super::PanelQuery;

/// Choices that are offered at most.
const CHOICES_MAX: usize = 1_000;

/// Something that a reader chooses; queries use it as `{{name}}` or `{{is name}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The name in queries and addresses.
    pub name: String,
    /// What people call it; the name if not given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Where the choices come from.
    pub from: Origin,
    /// The column that `{{is name}}` compares; the name if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Of metadata: the table that has the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Of metadata: variables that narrow the choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<String>,
    /// Of a query: its text. The first column of the answer has the choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The query's language.
    #[serde(default)]
    pub language: Language,
    /// Of a list: the choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// What is chosen first; nothing means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default: Vec<String>,
    /// Whether several may be chosen.
    #[serde(default)]
    pub multi: bool,
}

/// Where choices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The values that a column has in the range shown.
    Metadata,
    /// What a query finds.
    Query,
    /// What the file lists.
    List,
    /// Whatever is typed.
    Text,
}

impl Variable {
    /// The column that `{{is name}}` compares.
    pub fn column(&self) -> &str {
        self.field.as_deref().unwrap_or(&self.name)
    }

    /// The query that finds the choices, if one does.
    pub fn choices(&self) -> Option<PanelQuery> {
        match self.from {
            Origin::Metadata => Some(PanelQuery {
                language: Language::Sql,
                text: self.metadata(),
            }),
            Origin::Query => self.query.clone().map(|text| PanelQuery {
                language: self.language,
                text,
            }),
            Origin::List | Origin::Text => None,
        }
    }

    fn metadata(&self) -> String {
        let column = format!("\"{}\"", self.column().replace('"', "\"\""));
        let table = self.table.as_deref().unwrap_or("invocations");
        let within: String = self
            .within
            .iter()
            .map(|name| format!(" AND {{{{is {name}}}}}"))
            .collect();
        format!(
            "SELECT {column} AS value, count(*) AS rows FROM {table} WHERE {column} <> ''{within} \
             GROUP BY 1 ORDER BY rows DESC, value LIMIT {CHOICES_MAX}"
        )
    }
}
