//! The order of rows in segments of events: function, level, whether the platform wrote the line,
//! then time. Lines that read alike stand together, so that a word is found on few pages; the
//! file is no larger for it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};

use crate::hashing::ViewHasher;

/// Where the key's columns stand in [`crate::events_schema`].
const MESSAGE_COLUMN: usize = 2;
const FUNCTION_COLUMN: usize = 12;
const LEVEL_COLUMN: usize = 16;

/// How the lines begin that the platform writes about every invocation. They share its id, so
/// they stay together.
const PLATFORM_LINES: [&str; 4] = [
    "START RequestId: ",
    "END RequestId: ",
    "REPORT RequestId: ",
    "INIT_START ",
];

/// Sorts `places` (batch, row), which are in the order of time, by function and level; rows of
/// equal function and level keep their order.
pub(super) fn by_function(batches: &[&RecordBatch], places: &mut Vec<(usize, usize)>) {
    let mut functions = Values::default();
    let mut levels = Values::default();
    let keys: Vec<Vec<Key>> = batches
        .iter()
        .map(|batch| keys(batch, &mut functions, &mut levels))
        .collect();
    let mut runs: HashMap<Key, Vec<(usize, usize)>> = HashMap::new();
    for run in places.chunk_by(|a, b| keys[a.0][a.1] == keys[b.0][b.1]) {
        let (batch, row) = run[0];
        let key = keys[batch][row];
        runs.entry(key).or_default().extend_from_slice(run);
    }
    let mut runs: Vec<_> = runs.into_iter().collect();
    runs.sort_unstable_by_key(|((function, level, is_platform), _)| {
        (functions.get(*function), levels.get(*level), *is_platform)
    });
    places.clear();
    places.extend(runs.into_iter().flat_map(|(_, run)| run));
}

/// Numbers of function and level, and whether the platform wrote the line.
type Key = (u32, u32, bool);

/// The key of every row.
fn keys<'a>(
    batch: &'a RecordBatch,
    functions: &mut Values<'a>,
    levels: &mut Values<'a>,
) -> Vec<Key> {
    let functions = functions.numbers(batch.column(FUNCTION_COLUMN).as_string_view());
    let levels = levels.numbers(batch.column(LEVEL_COLUMN).as_string_view());
    let messages = batch.column(MESSAGE_COLUMN).as_string_view();
    let lines = messages.views().iter().enumerate().map(|(row, view)| {
        // The first four bytes stand in the view: most lines need not be looked at.
        let begins = ((view >> 32) as u32).to_le_bytes();
        let may_be = |start: &&&str| start.as_bytes().starts_with(&begins);
        let mut starts = PLATFORM_LINES.iter().filter(may_be);
        starts.any(|start| messages.value(row).starts_with(start))
    });
    let both = functions.into_iter().zip(levels);
    both.zip(lines)
        .map(|((function, level), is_platform)| (function, level, is_platform))
        .collect()
}

/// Different values of a column, numbered as they come.
#[derive(Default)]
struct Values<'a> {
    values: Vec<Option<&'a str>>,
    numbers: HashMap<Option<&'a str>, u32>,
}

impl<'a> Values<'a> {
    fn get(&self, number: u32) -> Option<&'a str> {
        self.values[number as usize]
    }

    /// The number of every row's value. Equal views are equal values, so that values are looked
    /// at once per batch if they are few.
    fn numbers(&mut self, column: &'a StringViewArray) -> Vec<u32> {
        let mut known: HashMap<u128, u32, BuildHasherDefault<ViewHasher>> = HashMap::default();
        let null = (column.null_count() > 0).then(|| self.number(None));
        let rows = column.views().iter().enumerate();
        rows.map(|(row, view)| match null {
            Some(null) if column.is_null(row) => null,
            _ => *known
                .entry(*view)
                .or_insert_with(|| self.number(Some(column.value(row)))),
        })
        .collect()
    }

    fn number(&mut self, value: Option<&'a str>) -> u32 {
        let values = &mut self.values;
        *self.numbers.entry(value).or_insert_with(|| {
            values.push(value);
            u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, TimestampNanosecondArray, new_null_array};

    use super::*;

    fn batch(rows: &[(Option<&str>, Option<&str>, &str)]) -> RecordBatch {
        let schema = crate::events_schema();
        let text = |values: Vec<Option<&str>>| Arc::new(StringViewArray::from(values));
        let columns = schema.fields().iter().enumerate().map(|(index, field)| {
            let column: ArrayRef = match index {
                0 | 1 => {
                    let times = TimestampNanosecondArray::from(vec![0; rows.len()]);
                    Arc::new(times.with_timezone("UTC"))
                }
                MESSAGE_COLUMN => text(rows.iter().map(|row| Some(row.2)).collect()),
                FUNCTION_COLUMN => text(rows.iter().map(|row| row.0).collect()),
                LEVEL_COLUMN => text(rows.iter().map(|row| row.1).collect()),
                _ => new_null_array(field.data_type(), rows.len()),
            };
            column
        });
        let columns = columns.collect();
        RecordBatch::try_new(schema, columns).unwrap()
    }

    #[test]
    fn rows_that_read_alike_stand_together() {
        let long = Some("a function with a long name");
        let first = batch(&[
            (long, Some("INFO"), "END RequestId: 1"),
            (Some("a"), None, "x"),
            (long, Some("INFO"), "END of it"),
            (None, Some("INFO"), "END"),
        ]);
        let second = batch(&[
            (long, Some("INFO"), "y"),
            (long, Some("ERROR"), "z"),
            (Some("a"), None, "w"),
        ]);
        let mut places: Vec<_> = (0..4).map(|row| (0, row)).collect();
        places.extend((0..3).map(|row| (1, row)));
        by_function(&[&first, &second], &mut places);
        let expected = [(0, 3), (0, 1), (1, 2), (1, 1), (0, 2), (1, 0), (0, 0)];
        assert_eq!(places, expected);
    }

    #[test]
    fn the_key_stands_where_it_is_looked_for() {
        let schema = crate::events_schema();
        assert_eq!(schema.index_of("function").unwrap(), FUNCTION_COLUMN);
        assert_eq!(schema.index_of("level").unwrap(), LEVEL_COLUMN);
        assert_eq!(schema.index_of("message").unwrap(), MESSAGE_COLUMN);
    }
}
