//! The order of rows in segments of events: function, level, whether the platform wrote the line,
//! then time. Lines that read alike stand together, so that a word is found on few pages; the
//! file is no larger for it.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};

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

type Key<'a> = (Option<&'a str>, Option<&'a str>, bool);

/// Sorts `places` (batch, row), which are in the order of time, by function and level; rows of
/// equal function and level keep their order.
pub(super) fn by_function(batches: &[&RecordBatch], places: &mut Vec<(usize, usize)>) {
    let column = |index: usize| -> Vec<&StringViewArray> {
        let columns = batches.iter().map(|batch| batch.column(index));
        columns.map(|column| column.as_string_view()).collect()
    };
    let (functions, levels) = (column(FUNCTION_COLUMN), column(LEVEL_COLUMN));
    let messages = column(MESSAGE_COLUMN);
    let mut runs: HashMap<Key<'_>, Vec<(usize, usize)>> = HashMap::new();
    for &(batch, row) in places.iter() {
        let (functions, levels) = (functions[batch], levels[batch]);
        let function = functions.is_valid(row).then(|| functions.value(row));
        let level = levels.is_valid(row).then(|| levels.value(row));
        let message = messages[batch].value(row);
        let is_platform = PLATFORM_LINES
            .iter()
            .any(|start| message.starts_with(start));
        runs.entry((function, level, is_platform))
            .or_default()
            .push((batch, row));
    }
    let mut runs: Vec<_> = runs.into_iter().collect();
    runs.sort_unstable_by_key(|(key, _)| *key);
    places.clear();
    places.extend(runs.into_iter().flat_map(|(_, run)| run));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stands_where_it_is_looked_for() {
        let schema = crate::events_schema();
        assert_eq!(schema.index_of("function").unwrap(), FUNCTION_COLUMN);
        assert_eq!(schema.index_of("level").unwrap(), LEVEL_COLUMN);
        assert_eq!(schema.index_of("message").unwrap(), MESSAGE_COLUMN);
    }
}
