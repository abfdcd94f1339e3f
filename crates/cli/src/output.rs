//! Prints rows as a table, as JSON lines, or as comma-separated values.

use std::io::Write;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::client::Found;

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    Table,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a head line.
    Csv,
}

/// A message's columns in a table; all others are in the JSON and CSV forms.
const MESSAGE_COLUMNS: &[&str] = &["_messagetime", "_sourcehost", "_raw"];
/// A table cell is cut after so many characters.
const CELL_CHARS_MAX: usize = 400;

pub(crate) fn print(found: &Found, format: Format) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let names: Vec<&str> = found
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let written = match format {
        Format::Json => print_json(&mut out, &found.rows),
        Format::Csv => print_csv(&mut out, &names, &found.rows),
        Format::Table if found.are_records => print_table(&mut out, &names, &found.rows),
        Format::Table => print_table(&mut out, MESSAGE_COLUMNS, &found.rows),
    }
    .and_then(|()| out.flush());
    match written {
        // The reader (`head`) has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn print_json(out: &mut impl Write, rows: &[Map<String, Value>]) -> std::io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn print_csv(
    out: &mut impl Write,
    names: &[&str],
    rows: &[Map<String, Value>],
) -> std::io::Result<()> {
    let head: Vec<String> = names.iter().map(|name| csv_cell(name)).collect();
    writeln!(out, "{}", head.join(","))?;
    for row in rows {
        let cells: Vec<String> = names
            .iter()
            .map(|name| csv_cell(&cell_text(row, name)))
            .collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

/// Quotes as RFC 4180 asks.
fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn print_table(
    out: &mut impl Write,
    names: &[&str],
    rows: &[Map<String, Value>],
) -> std::io::Result<()> {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| names.iter().map(|name| table_cell(row, name)).collect())
        .collect();
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let widest = cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0);
            widest.max(name.chars().count())
        })
        .collect();
    let head: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&head).chain(&cells) {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

/// One line, of bounded length, with times as people read them.
fn table_cell(row: &Map<String, Value>, name: &str) -> String {
    let text = cell_text(row, name);
    if matches!(name, "_messagetime" | "_receipttime" | "_timeslice")
        && let Ok(millis) = text.parse::<i64>()
    {
        return model::Timestamp::from_millis(millis).to_string();
    }
    let line: String = text.trim_end().chars().take(CELL_CHARS_MAX).collect();
    line.replace('\n', "⏎").replace('\t', " ")
}

fn cell_text(row: &Map<String, Value>, name: &str) -> String {
    match row.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Map<String, Value>> {
        let row = serde_json::json!({"function": "a,\"b\"", "_count": "2"});
        vec![row.as_object().unwrap().clone()]
    }

    #[test]
    fn csv_quotes_what_would_break_a_line() {
        let mut out = Vec::new();
        print_csv(&mut out, &["function", "_count"], &rows()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "function,_count\n\"a,\"\"b\"\"\",2\n"
        );
    }

    #[test]
    fn a_table_lines_its_columns_up() {
        let mut out = Vec::new();
        print_table(&mut out, &["function", "_count"], &rows()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "function  _count\na,\"b\"     2\n"
        );
    }
}
