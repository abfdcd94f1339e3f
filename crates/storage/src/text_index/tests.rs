//! An index must let every page through that holds what is asked for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, StringViewArray, TimestampNanosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;
use tantivy::directory::OwnedBytes;

use super::*;
use crate::events_schema;
use crate::segment::IS_IN_MESSAGE;

/// Returns rows with these messages and functions.
fn batch(messages: &[&str], functions: &[Option<&str>]) -> RecordBatch {
    let schema = events_schema();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "message" => Arc::new(StringViewArray::from(messages.to_vec())) as ArrayRef,
            "function" => Arc::new(StringViewArray::from(functions.to_vec())),
            "event_time" | "receipt_time" => {
                let times = TimestampNanosecondArray::from(vec![0; messages.len()]);
                Arc::new(times.with_timezone("UTC"))
            }
            _ => new_null_array(field.data_type(), messages.len()),
        });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

fn index(batch: &RecordBatch) -> TextIndex {
    let mut builder = IndexBuilder::new().unwrap();
    builder.add(&batch.slice(0, batch.num_rows() / 3)).unwrap();
    let rest = batch.num_rows() - batch.num_rows() / 3;
    builder
        .add(&batch.slice(batch.num_rows() / 3, rest))
        .unwrap();
    let bytes = builder.finish().unwrap().unwrap();
    TextIndex::read(&OwnedBytes::new(bytes)).unwrap()
}

/// Returns an index of three pages whose last page holds `message`.
fn one_message(message: &str) -> TextIndex {
    let mut messages = vec!["nothing to see 0123456789abcdef"; 3 * PAGE_ROWS];
    messages[3 * PAGE_ROWS - 1] = message;
    index(&batch(&messages, &vec![None; messages.len()]))
}

fn found(index: &TextIndex, text: &str) -> Option<usize> {
    let pages = index.text(&Literal::new(text, false, false)).unwrap();
    pages.map(|pages| pages.count())
}

#[test]
fn words_ids_and_parts_choose_their_page() {
    let index =
        one_message("Task timed out after 3.00 seconds, request c390186e-77aa connectionTimeout2");
    assert_eq!(index.pages(), 3);
    for text in [
        "timed OUT after",
        "ask timed",
        "onnectionTime",
        "est c390186e-",
        "Timeout2",
    ] {
        assert_eq!(found(&index, text), Some(1), "{text}");
    }
    assert_eq!(found(&index, "to see"), Some(3));
    assert_eq!(found(&index, "timed out before"), Some(0));
    assert_eq!(found(&index, " c390186f-"), Some(0));
    assert_eq!(found(&index, "3.00"), None);
}

#[test]
fn values_are_known_with_their_pages() {
    let functions: Vec<Option<&str>> = (0..3 * PAGE_ROWS)
        .map(|row| match row / PAGE_ROWS {
            0 => None,
            1 => Some("checkout"),
            _ => Some(["Checkout", "cart"][row % 2]),
        })
        .collect();
    let index = index(&batch(&vec![""; functions.len()], &functions));
    let values = index.values("function").unwrap().unwrap();
    let expected = [None, Some("Checkout"), Some("cart"), Some("checkout")];
    assert_eq!(
        values.iter().map(Option::as_deref).collect::<Vec<_>>(),
        expected
    );
    let pages = |value| index.with_values("function", [value].into_iter()).unwrap();
    assert_eq!(pages(None).count(), 1);
    assert_eq!(pages(Some("cart")).count(), 1);
    assert_eq!(pages(Some("none")).count(), 0);
    assert_eq!(
        index
            .with_value("function", "checkout")
            .unwrap()
            .unwrap()
            .count(),
        2
    );
    assert!(index.with_value("message", "x").unwrap().is_none());
    assert_eq!(index.values("region").unwrap(), Some(vec![None]));
}

#[test]
fn columns_of_many_values_are_asked_by_value_only() {
    let ids: Vec<String> = (0..3 * PAGE_ROWS)
        .map(|row| format!("Request-{row}"))
        .collect();
    let functions: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
    let index = index(&batch(&vec![""; ids.len()], &functions));
    assert!(index.values("function").unwrap().is_none());
    let pages = index
        .with_value("function", "request-5000")
        .unwrap()
        .unwrap();
    assert!(pages.contains(2) && pages.count() < 3);
}

#[test]
fn ids_that_stand_in_messages_are_found_there() {
    let id = |row: usize| format!("c390186e-77aa-4d4b-9b1c-{row:012x}");
    let messages: Vec<String> = (0..3 * PAGE_ROWS)
        .map(|row| format!("START RequestId: {} Version: 3", id(row)))
        .collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let rows = batch(&messages, &vec![None; messages.len()]);
    // The last row's id is its own.
    let own: StringViewArray = (0..messages.len())
        .map(|row| (row + 1 == messages.len()).then_some("Execution-1"))
        .collect();
    let marks: BooleanArray = (0..messages.len())
        .map(|row| Some(row + 1 < messages.len()))
        .collect();
    let mut columns = rows.columns().to_vec();
    columns[rows.schema().index_of("request_id").unwrap()] = Arc::new(own);
    columns.push(Arc::new(marks));
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(
        IS_IN_MESSAGE,
        DataType::Boolean,
        false,
    )));
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let index = index(&rows);
    assert!(index.values("request_id").unwrap().is_none());
    let pages = |value: &str| index.with_value("request_id", value).unwrap().unwrap();
    for row in [0, PAGE_ROWS, 3 * PAGE_ROWS - 2] {
        let found = pages(&id(row));
        assert!(
            found.contains(row / PAGE_ROWS) && found.count() < 3,
            "{row}"
        );
    }
    assert!(pages("execution-1").contains(2));
    assert!(pages("execution-2").count() < 3);
    assert_eq!(index.values("region").unwrap(), Some(vec![None]));
}

#[test]
fn values_in_json_may_be_escaped_and_numbers_rewritten() {
    let index = one_message(r#"{"path":"\/v1\u002forders\nerror","n":12345e2}"#);
    let json = |text| index.json(&Literal::new(text, true, true)).unwrap();
    assert_eq!(json("orders").unwrap().count(), 1);
    assert_eq!(json("error").unwrap().count(), 1);
    assert_eq!(json("absent").unwrap().count(), 0);
    assert_eq!(json("1234500"), None);
    assert_eq!(json("\u{e9}"), None);
    let index = one_message(r#"{"path":"\u006frders"}"#);
    let literal = Literal::new("orders", true, true);
    assert_eq!(index.text(&literal).unwrap().unwrap().count(), 0);
    assert_eq!(index.json(&literal).unwrap().unwrap().count(), 1);
}

#[test]
fn rare_words_are_known_by_row() {
    let mut messages = vec!["nothing to see"; 3 * PAGE_ROWS];
    let last = messages.len() - 1;
    messages[7] = "ERROR: nothing";
    messages[last] = r"an error, two errors, in x\nerror";
    let functions = vec![Some("error"); messages.len()];
    let known = index(&batch(&messages, &functions));
    let rows = |index: &TextIndex, word| index.rows_with(&Word::new(word).unwrap());
    let found = rows(&known, "Error").unwrap();
    assert_eq!(found.between(0, messages.len()), [7, last as u32]);
    assert_eq!(found.page_count(), 2);
    assert_eq!(rows(&known, "errors").unwrap().len(), 1);
    assert!(rows(&known, "err").unwrap().is_empty());
    assert_eq!(rows(&known, "nothing"), None, "it is everywhere");
    messages[9] = "\u{17f}tatus";
    let unsure = index(&batch(&messages, &functions));
    assert_eq!(rows(&unsure, "error"), None);
}

#[test]
fn a_damaged_file_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.idx");
    let missing = TextIndex::open(&path).unwrap_err().to_string();
    assert!(missing.contains("a.idx"), "{missing}");
    let mut builder = IndexBuilder::new().unwrap();
    builder.add(&batch(&["x"; 10], &[None; 10])).unwrap();
    let mut bytes = builder.finish().unwrap().unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(TextIndex::open(&path).unwrap().rows(), 10);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder.path().join("b.idx"), &bytes).unwrap();
    let damaged = TextIndex::open(&folder.path().join("b.idx"))
        .unwrap_err()
        .to_string();
    assert!(
        damaged.contains("b.idx") && damaged.contains("damaged"),
        "{damaged}"
    );
}

/// Text that is hard to cut: case, digits, characters beyond ASCII that fold oddly, escapes.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-cA-C]{1,4}",
        2 => "[0-9a-f]{4,9}",
        2 => "[ ,:=/\"-]",
        1 => "[kKsSſ\u{212a}σςΣßéÉıİ中文\u{a0}→]{1,2}",
        1 => Just("_".to_owned()),
        1 => Just("\\".to_owned()),
    ];
    prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

fn is_word(character: Option<char>) -> bool {
    character.is_some_and(|character| character.is_ascii_alphanumeric() || character == '_')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_page_is_left_out(
        texts in prop::collection::vec((text(), 0..3 * PAGE_ROWS), 1..30),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 40),
    ) {
        let mut messages = vec!["filler 77777"; 3 * PAGE_ROWS];
        for (text, row) in &texts {
            messages[*row] = text;
        }
        let index = index(&batch(&messages, &vec![None; messages.len()]));
        for (text, start, end, upper) in cuts {
            let (_, row) = &texts[text.index(texts.len())];
            let whole: Vec<char> = messages[*row].chars().collect();
            let (a, b) = (start.index(whole.len()), end.index(whole.len()));
            let (start, end) = (a.min(b), a.max(b) + 1);
            let cut: String = whole[start..end].iter().collect();
            let cut = if upper { cut.to_ascii_uppercase() } else { cut.replace('ς', "Σ") };
            let begins = !is_word(start.checked_sub(1).map(|before| whole[before]));
            let ends = !is_word(whole.get(end).copied());
            let literal = Literal::new(&cut, begins, ends);
            if let Some(pages) = index.text(&literal).unwrap() {
                let page = row / PAGE_ROWS;
                prop_assert!(pages.contains(page), "{literal:?} in {:?}", messages[*row]);
            }
        }
    }

    #[test]
    fn rows_of_words_are_those_that_the_pattern_finds(
        texts in prop::collection::vec((text(), 0..3 * PAGE_ROWS), 1..30),
        words in prop::collection::vec("[a-cA-C_]{1,4}|[a-c][0-9]", 20),
    ) {
        let mut messages = vec!["filler 77777"; 3 * PAGE_ROWS];
        for (text, row) in &texts {
            messages[*row] = text;
        }
        let index = index(&batch(&messages, &vec![None; messages.len()]));
        for word in words {
            let Some(rows) = index.rows_with(&Word::new(&word).unwrap()) else {
                continue;
            };
            let pattern = regex::Regex::new(&format!(r"(?i)(?-u:\b){word}(?-u:\b)")).unwrap();
            let found = messages.iter().zip(0u32..).filter(|(text, _)| pattern.is_match(text));
            let found: Vec<u32> = found.map(|(_, row)| row).collect();
            prop_assert_eq!(rows.between(0, messages.len()), found, "{}", word);
        }
    }
}
