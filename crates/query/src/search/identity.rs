//! Ids of messages: the same for the same event whenever and however it is searched for.
//!
//! Nothing is stored for it. An id is a digest of where the event came from, when, what it says,
//! and, among events that are alike in all of these, its ordinal.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use arrow::util::display::array_value_to_string;
use xxhash_rust::xxh3::Xxh3;

/// The columns that say where an event came from and what it says.
const ORIGIN: [&str; 5] = [
    "_source",
    "_sourceHost",
    "_sourceName",
    "_collector",
    "message",
];

/// Gives out ids, row by row.
#[derive(Debug)]
pub(super) struct Identities {
    /// How many rows alike have been seen, by digest.
    seen: HashMap<u64, u64>,
}

impl Identities {
    /// Ready for the rows from `offset` on, counted over all `batches`, up to `limit` of them.
    ///
    /// Of the rows before, only those count that share a moment with one to come.
    pub(super) fn new(batches: &[RecordBatch], offset: usize, limit: usize) -> Self {
        let mut identities = Identities {
            seen: HashMap::new(),
        };
        let end = offset.saturating_add(limit);
        let mut moments = HashSet::new();
        each_row(batches, |batch, row, place| {
            if (offset..end).contains(&place) {
                moments.insert(moment(batch, row));
            }
        });
        each_row(batches, |batch, row, place| {
            if place < offset && moments.contains(&moment(batch, row)) {
                identities.next(batch, row);
            }
        });
        identities
    }

    /// The id of the next row, in decimal.
    pub(super) fn next(&mut self, batch: &RecordBatch, row: usize) -> String {
        let alike = digest(batch, row);
        let ordinal = self.seen.entry(alike).or_default();
        let mut hasher = Xxh3::new();
        hasher.update(&alike.to_le_bytes());
        hasher.update(&ordinal.to_le_bytes());
        *ordinal += 1;
        // Clients keep ids as signed numbers.
        (hasher.digest() >> 1).to_string()
    }
}

fn each_row(batches: &[RecordBatch], mut each: impl FnMut(&RecordBatch, usize, usize)) {
    let mut place = 0;
    for batch in batches {
        for row in 0..batch.num_rows() {
            each(batch, row, place);
            place += 1;
        }
    }
}

/// The event's time in nanoseconds, if the rows have it.
fn moment(batch: &RecordBatch, row: usize) -> Option<i64> {
    let times = batch
        .column_by_name("event_time")?
        .as_primitive_opt::<TimestampNanosecondType>()?;
    Some(times.value(row))
}

fn digest(batch: &RecordBatch, row: usize) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&moment(batch, row).unwrap_or_default().to_le_bytes());
    for name in ORIGIN {
        let column = batch
            .column_by_name(name)
            .filter(|column| column.is_valid(row));
        if let Some(column) = column {
            match column.as_string_view_opt() {
                Some(texts) => hasher.update(texts.value(row).as_bytes()),
                None => {
                    let text = array_value_to_string(column, row).unwrap_or_default();
                    hasher.update(text.as_bytes());
                }
            }
        }
        // What ends one text must not begin the next.
        hasher.update(&[0xff]);
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringViewArray, TimestampNanosecondArray};

    use super::*;

    fn batch(rows: &[(i64, &str)]) -> RecordBatch {
        let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|(time, _)| *time));
        let texts = StringViewArray::from_iter_values(rows.iter().map(|(_, text)| *text));
        let columns: [(&str, ArrayRef); 2] = [
            ("event_time", Arc::new(times)),
            ("message", Arc::new(texts)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn ids(batches: &[RecordBatch], offset: usize, limit: usize) -> Vec<String> {
        let mut identities = Identities::new(batches, offset, limit);
        let mut found = Vec::new();
        each_row(batches, |batch, row, place| {
            if place >= offset && place < offset + limit {
                found.push(identities.next(batch, row));
            }
        });
        found
    }

    #[test]
    fn an_id_does_not_depend_on_what_else_is_found() {
        let all = [batch(&[(9, "c"), (5, "b")]), batch(&[(5, "a"), (1, "a")])];
        let some = [batch(&[(5, "a")])];
        assert_eq!(ids(&all, 0, 9)[2..3], ids(&some, 0, 9));
        let distinct: HashSet<String> = ids(&all, 0, 9).into_iter().collect();
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn events_alike_have_different_ids_on_whatever_page_they_stand() {
        let all = [batch(&[(5, "a"), (5, "b"), (5, "a")]), batch(&[(5, "a")])];
        let whole = ids(&all, 0, 9);
        let pages: Vec<String> = (0..4).flat_map(|place| ids(&all, place, 1)).collect();
        assert_eq!(whole, pages);
        let distinct: HashSet<&String> = whole.iter().collect();
        assert_eq!(distinct.len(), 4);
    }
}
