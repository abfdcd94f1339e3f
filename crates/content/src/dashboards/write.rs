//! A dashboard as the text of its file: keys in the order in which people write them, long texts with their
//! lines, and nothing that has its default.

use toml::{Table, Value};

use super::Dashboard;

/// Keys in the order in which they are written; others come after them.
const ORDER: [&str; 26] = [
    "id",
    "name",
    "field",
    "title",
    "label",
    "description",
    "range",
    "refresh",
    "shortest_slice",
    "language",
    "from",
    "table",
    "within",
    "values",
    "default",
    "chart",
    "at",
    "queries",
    "x",
    "y",
    "by",
    "of",
    "unit",
    "columns",
    "query",
    "text",
];
/// Keys whose tables have names of the user's as keys.
const NAMED: [&str; 2] = ["terms", "with"];
/// Keys that are written even if they are empty.
const REQUIRED: [&str; 5] = ["id", "name", "title", "text", "field"];

impl Dashboard {
    /// Returns the text of a file that reads as this dashboard.
    pub(crate) fn to_file(&self) -> Result<String, toml::ser::Error> {
        let mut root = Table::try_from(self)?;
        without_defaults(&mut root);
        let mut text = String::new();
        let [variables, terms, queries, panels] =
            ["variables", "terms", "queries", "panels"].map(|name| root.remove(name));
        write_keys(&mut text, &root);
        write_items(&mut text, "variables", variables);
        if let Some(Value::Table(terms)) = terms {
            text.push_str("\n[terms]\n");
            write_keys(&mut text, &terms);
        }
        if let Some(Value::Table(queries)) = queries {
            for (name, query) in &queries {
                if let Value::Table(query) = query {
                    text.push_str(&format!("\n[queries.{}]\n", key(name)));
                    write_keys(&mut text, query);
                }
            }
        }
        write_items(&mut text, "panels", panels);
        Ok(text)
    }
}

fn write_items(text: &mut String, name: &str, items: Option<Value>) {
    let Some(Value::Array(items)) = items else {
        return;
    };
    for item in &items {
        if let Value::Table(item) = item {
            text.push_str(&format!("\n[[{name}]]\n"));
            write_keys(text, item);
        }
    }
}

fn write_keys(text: &mut String, table: &Table) {
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    let mut keys: Vec<(&String, &Value)> = table.iter().collect();
    keys.sort_by_key(|(name, _)| place(name).unwrap_or(ORDER.len()));
    for (name, value) in keys {
        text.push_str(&format!("{} = {}\n", key(name), shown(value)));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(lines) if fits_literal(lines) => format!("'''\n{lines}'''"),
        Value::Array(items) if items.iter().any(Value::is_table) => {
            let lines: String = items.iter().map(|item| format!("  {item},\n")).collect();
            format!("[\n{lines}]")
        }
        other => other.to_string(),
    }
}

/// Whether a text has lines, and nothing that a literal string cannot hold.
fn fits_literal(text: &str) -> bool {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    text.contains('\n')
        && !text.contains("'''")
        && !text.ends_with('\'')
        && text.chars().all(is_plain)
}

/// A key, quoted if it has to be.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    }
}

fn without_defaults(table: &mut Table) {
    table.retain(|name, value| !is_default(name, value));
    for (name, value) in table.iter_mut() {
        match value {
            Value::Table(inner) if !NAMED.contains(&name.as_str()) => without_defaults(inner),
            Value::Array(items) => items
                .iter_mut()
                .filter_map(Value::as_table_mut)
                .for_each(without_defaults),
            _ => {}
        }
    }
}

fn is_default(name: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => {
            matches!(
                (name, text.as_str()),
                ("unit", "number") | ("reduce", "last") | ("language", "log")
            ) || (text.is_empty() && !REQUIRED.contains(&name))
        }
        Value::Boolean(false) => ["stacked", "multi", "bar", "below"].contains(&name),
        Value::Array(items) => items.is_empty(),
        Value::Table(inner) => inner.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Library;

    #[test]
    fn what_is_written_reads_as_before() {
        for folder in Library::new(None).shelf().apps.values() {
            for stored in folder.dashboards.values() {
                let text = stored.dashboard.to_file().unwrap();
                assert_eq!(Dashboard::parse(&text).unwrap(), stored.dashboard, "{text}");
            }
        }
    }

    #[test]
    fn a_file_is_short_and_keeps_the_lines_of_queries() {
        let file = "title = \"Orders\"\nrange = \"-1h\"\n\n[queries.\"per day\"]\nlanguage = \"sql\"\ntext = '''\n\
                    SELECT 1\nFROM events'''\n\n[[panels]]\nid = \"a\"\ntitle = \"A\"\ndescription = \"d\"\n\
                    chart = \"table\"\nat = [0, 0, 6, 4]\nqueries = [\"per day\"]\ncolumns = [\n  \
                    { bar = true, field = \"n\" },\n]\n";
        assert_eq!(Dashboard::parse(file).unwrap().to_file().unwrap(), file);
    }

    #[test]
    fn any_text_survives() {
        for text in ["", "a\nb'", "'''\n", "\"\\\n\u{7}", "\r\n", "\nfirst"] {
            let mut dashboard = Dashboard::parse("title = \"a\"").unwrap();
            dashboard.title = text.to_owned();
            dashboard.terms.insert("t".to_owned(), text.to_owned());
            let written = dashboard.to_file().unwrap();
            assert_eq!(Dashboard::parse(&written).unwrap(), dashboard, "{written}");
        }
    }
}
