//! Builds text columns of what repeats: from row to row, or in the message of the same row. Rows
//! wait in memory until they are flushed, so what is not there twice lets more of them wait.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ByteView, StringViewArray, StringViewBuilder, new_null_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::rows::BATCH_ROWS;

/// A text column. One value in all rows costs next to nothing, other values that come again are
/// not copied again.
pub(crate) struct TextColumn {
    rows: usize,
    /// The value of all rows so far, until there is another.
    uniform: Option<String>,
    /// Gets the rows as soon as values differ.
    builder: StringViewBuilder,
    is_mixed: bool,
    /// The last column of one value, which the next batch may share.
    last: Option<(String, ArrayRef)>,
}

impl TextColumn {
    /// Longer values are not looked for among those before.
    const REPEATED_BYTES_MAX: u32 = 256;

    pub(crate) fn new() -> Self {
        TextColumn {
            rows: 0,
            uniform: None,
            builder: StringViewBuilder::new()
                .with_deduplicate_strings()
                .with_max_deduplication_len(Self::REPEATED_BYTES_MAX),
            is_mixed: false,
            last: None,
        }
    }

    pub(crate) fn push(&mut self, value: Option<&str>) {
        self.rows += 1;
        if !self.is_mixed {
            if self.rows == 1 {
                self.uniform = value.map(str::to_owned);
                return;
            }
            if self.uniform.as_deref() == value {
                return;
            }
            self.is_mixed = true;
            for _ in 1..self.rows {
                self.builder.append_option(self.uniform.as_deref());
            }
        }
        self.builder.append_option(value);
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        let rows = std::mem::take(&mut self.rows);
        if std::mem::take(&mut self.is_mixed) {
            return Arc::new(self.builder.finish());
        }
        match self.uniform.take() {
            None => nulls(rows),
            Some(value) => self.repeated(value, rows),
        }
    }

    fn repeated(&mut self, value: String, rows: usize) -> ArrayRef {
        if let Some((last, column)) = &self.last
            && *last == value
            && column.len() >= rows
        {
            return column.slice(0, rows);
        }
        for _ in 0..rows {
            self.builder.append_value(&value);
        }
        let column: ArrayRef = Arc::new(self.builder.finish());
        self.last = Some((value, Arc::clone(&column)));
        column
    }
}

/// A text column without values; all share their memory.
pub(crate) fn nulls(rows: usize) -> ArrayRef {
    static NULLS: LazyLock<ArrayRef> =
        LazyLock::new(|| new_null_array(&DataType::Utf8View, BATCH_ROWS));
    match rows <= BATCH_ROWS {
        true => NULLS.slice(0, rows),
        false => new_null_array(&DataType::Utf8View, rows),
    }
}

/// The request ids of a batch. Nearly all stand in their messages and are not copied again.
#[derive(Default)]
pub(crate) struct RequestIds(Vec<RequestId>);

enum RequestId {
    None,
    /// Where it begins in the message, and its length.
    InMessage(u32, u32),
    Own(String),
}

impl RequestIds {
    /// Shorter ids are stored without a buffer anyway.
    const SHARED_BYTES_MIN: usize = 13;

    pub(crate) fn push(&mut self, id: Option<&str>, message: &str) {
        self.0.push(match id {
            None => RequestId::None,
            Some(id) => Self::place(id, message).unwrap_or_else(|| RequestId::Own(id.to_owned())),
        });
    }

    fn place(id: &str, message: &str) -> Option<RequestId> {
        if id.len() < Self::SHARED_BYTES_MIN {
            return None;
        }
        // Ids are long and of mixed bytes: most places where the first byte stands are soon
        // dismissed, and no searcher need be built for each.
        let (message, id_bytes) = (message.as_bytes(), id.as_bytes());
        let mut starts = memchr::memchr_iter(*id_bytes.first()?, message);
        let start = starts.find(|start| message[*start..].starts_with(id_bytes))?;
        let start = u32::try_from(start).ok()?;
        Some(RequestId::InMessage(start, u32::try_from(id.len()).ok()?))
    }

    pub(crate) fn finish(&mut self, messages: &StringViewArray) -> Result<ArrayRef, ArrowError> {
        let ids = std::mem::take(&mut self.0);
        if ids.iter().all(|id| matches!(id, RequestId::None)) {
            return Ok(nulls(ids.len()));
        }
        let mut column = StringViewBuilder::with_capacity(ids.len());
        for block in messages.data_buffers() {
            column.append_block(block.clone());
        }
        for (id, view) in ids.into_iter().zip(messages.views()) {
            match id {
                RequestId::None => column.append_null(),
                RequestId::Own(id) => column.append_value(id),
                RequestId::InMessage(start, length) => {
                    let message = ByteView::from(*view);
                    column.try_append_view(message.buffer_index, message.offset + start, length)?;
                }
            }
        }
        Ok(Arc::new(column.finish()))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use proptest::prelude::*;

    use super::*;

    fn texts(column: &ArrayRef) -> Vec<Option<&str>> {
        column.as_string_view().iter().collect()
    }

    proptest! {
        #[test]
        fn a_column_holds_what_was_pushed(
            batches in prop::collection::vec(
                prop::collection::vec(prop::option::of("[ab]{0,1}|a text that is quite long|x"), 0..6),
                1..5,
            ),
        ) {
            let mut column = TextColumn::new();
            for batch in batches {
                batch.iter().for_each(|value| column.push(value.as_deref()));
                let built = column.finish();
                let expected: Vec<_> = batch.iter().map(Option::as_deref).collect();
                prop_assert_eq!(texts(&built), expected);
            }
        }
    }

    #[test]
    fn a_value_that_all_rows_have_is_shared_between_batches() {
        let mut column = TextColumn::new();
        let mut build = |rows: usize| {
            (0..rows).for_each(|_| column.push(Some("the name of the source")));
            column.finish()
        };
        let (first, second) = (build(3), build(2));
        let place = |column: &ArrayRef| column.as_string_view().views().as_ptr();
        assert_eq!(place(&first), place(&second));
        assert_eq!(texts(&second), [Some("the name of the source"); 2]);
        assert_eq!(place(&nulls(5)), place(&nulls(7)));
    }

    #[test]
    fn request_ids_stand_in_their_messages() {
        let rows = [
            (
                Some("11111111-aaaa-4444-8888-222222222222"),
                "START 11111111-aaaa-4444-8888-222222222222 x",
            ),
            (Some("short"), "short"),
            (None, "nothing to see in this line"),
            (Some("an id that the message does not have"), "y"),
        ];
        let messages = StringViewArray::from_iter_values(rows.iter().map(|row| row.1));
        let mut ids = RequestIds::default();
        rows.iter().for_each(|(id, message)| ids.push(*id, message));
        let column = ids.finish(&messages).unwrap();
        let expected: Vec<_> = rows.iter().map(|row| row.0).collect();
        assert_eq!(texts(&column), expected);
        let first = column.as_string_view().data_buffers()[0].as_ptr();
        assert_eq!(first, messages.data_buffers()[0].as_ptr());
        ids.push(None, "x");
        assert_eq!(ids.finish(&messages.slice(0, 1)).unwrap().null_count(), 1);
    }
}
