//! The order of rows in segments of events: function, level, whether the platform wrote the line,
//! then time. Lines that read alike stand together, so that a word is found on few pages; the
//! file is no larger for it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray};

use super::gather::Place;
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

/// Sorts `places`, which are in the order of time, by function and level; rows of equal function
/// and level keep their order.
pub(super) fn by_function(batches: &[&RecordBatch], places: &mut Vec<Place>) {
    let mut groups = Groups::default();
    let numbers: Vec<Vec<u32>> = batches.iter().map(|batch| groups.numbers(batch)).collect();
    let number = |place: &Place| numbers[place.batch as usize][place.row as usize] as usize;
    let mut counts = vec![0; groups.numbers.len()];
    places.iter().for_each(|place| counts[number(place)] += 1);
    // Where the next row of each group goes.
    let mut ends = counts.clone();
    let mut end = 0;
    for group in groups.in_order() {
        ends[group] = end;
        end += counts[group];
    }
    let mut sorted = vec![Place::default(); places.len()];
    for place in places.iter() {
        let end = &mut ends[number(place)];
        sorted[*end] = *place;
        *end += 1;
    }
    *places = sorted;
}

/// Rows of equal function and level, those that the platform wrote apart from the others.
#[derive(Default)]
struct Groups<'a> {
    functions: Values<'a>,
    levels: Values<'a>,
    numbers: HashMap<u128, u32, BuildHasherDefault<ViewHasher>>,
}

impl<'a> Groups<'a> {
    /// The number of every row's group.
    fn numbers(&mut self, batch: &'a RecordBatch) -> Vec<u32> {
        let text = |column: usize| batch.column(column).as_string_view();
        let functions = self.functions.numbers(text(FUNCTION_COLUMN));
        let levels = self.levels.numbers(text(LEVEL_COLUMN));
        let messages = text(MESSAGE_COLUMN);
        let rows = functions.into_iter().zip(levels).enumerate();
        rows.map(|(row, (function, level))| {
            let is_platform = is_platform_line(messages, row);
            let key = u128::from(function) << 64 | u128::from(level) << 1 | u128::from(is_platform);
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            *self.numbers.entry(key).or_insert(next)
        })
        .collect()
    }

    /// The numbers, in the order in which the rows stand.
    fn in_order(&self) -> impl Iterator<Item = usize> {
        let mut groups: Vec<_> = self.numbers.iter().collect();
        groups.sort_unstable_by_key(|(key, _)| {
            let (function, level) = ((**key >> 64) as usize, **key as u64 >> 1);
            let (functions, levels) = (&self.functions.values, &self.levels.values);
            (functions[function], levels[level as usize], **key & 1)
        });
        groups.into_iter().map(|(_, number)| *number as usize)
    }
}

/// Whether the platform wrote each event: the part of the order that no column has.
pub(crate) fn platform_lines(events: &RecordBatch) -> BooleanArray {
    let messages = events.column(MESSAGE_COLUMN).as_string_view();
    let rows = 0..events.num_rows();
    BooleanArray::from_iter(rows.map(|row| Some(is_platform_line(messages, row))))
}

fn is_platform_line(messages: &StringViewArray, row: usize) -> bool {
    // The first four bytes stand in the view: most lines need not be looked at.
    let begins = ((messages.views()[row] >> 32) as u32).to_le_bytes();
    PLATFORM_LINES.iter().any(|start| {
        start.as_bytes().starts_with(&begins) && messages.value(row).starts_with(start)
    })
}

/// Different values of a column, numbered as they come.
#[derive(Default)]
struct Values<'a> {
    values: Vec<Option<&'a str>>,
    numbers: HashMap<Option<&'a str>, u32>,
}

impl<'a> Values<'a> {
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
        let mut places: Vec<_> = (0..4).map(|row| Place { batch: 0, row }).collect();
        places.extend((0..3).map(|row| Place { batch: 1, row }));
        by_function(&[&first, &second], &mut places);
        let expected = [(0, 3), (0, 1), (1, 2), (1, 1), (0, 2), (1, 0), (0, 0)];
        let expected = expected.map(|(batch, row)| Place { batch, row });
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
