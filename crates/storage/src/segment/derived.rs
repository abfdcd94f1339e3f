//! Columns that files and the log do not hold as they are, because another column says the same:
//! request ids stand in messages, and are UUIDs.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder,
    RecordBatch, StringViewArray, StringViewBuilder, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::Table;
use crate::schema::adapted;

/// Letters in a UUID.
const UUID_CHARS: usize = 36;
/// Bytes that they stand for.
const UUID_BYTES: usize = 16;
/// Where the dashes of a UUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];

const REQUEST_ID: &str = "request_id";
/// Whether the request id of an event is the first UUID of its message.
pub(crate) const IS_IN_MESSAGE: &str = "request_id_is_in_message";
/// The request id of evidence, if it is a UUID in lower case.
pub(super) const AS_UUID: &str = "request_uuid";

/// A column of a table that files have in parts.
#[derive(Clone, Copy)]
pub struct Derived {
    /// The table.
    pub table: Table,
    /// The column of the table.
    pub column: &'static str,
    /// The columns of the file that it is made of.
    pub parts: &'static [&'static str],
    make: fn(&[&ArrayRef]) -> Result<ArrayRef, ArrowError>,
}

impl std::fmt::Debug for Derived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Derived").field(&self.parts).finish()
    }
}

impl PartialEq for Derived {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Derived {}

impl std::hash::Hash for Derived {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

/// The first part tells a file that has the parts from one that has the column.
static DERIVED: [Derived; 2] = [
    Derived {
        table: Table::Events,
        column: REQUEST_ID,
        parts: &[IS_IN_MESSAGE, "message", REQUEST_ID],
        make: |parts| match parts {
            [in_message, messages, own] => request_ids(
                in_message.as_boolean(),
                messages.as_string_view(),
                own.as_string_view(),
            ),
            _ => Err(wrong_parts()),
        },
    },
    Derived {
        table: Table::Invocations,
        column: REQUEST_ID,
        parts: &[AS_UUID, REQUEST_ID],
        make: |parts| match parts {
            [uuids, own] => texts_of_uuids(uuids.as_fixed_size_binary(), own.as_string_view()),
            _ => Err(wrong_parts()),
        },
    },
];

fn wrong_parts() -> ArrowError {
    ArrowError::InvalidArgumentError("a column is made of other parts".to_owned())
}

impl Derived {
    /// Says how `column` is made of the columns of a file, if the file does not hold it as it is.
    pub fn of(column: &str, file: &Schema) -> Option<&'static Derived> {
        let has_parts = |derived: &&Derived| file.index_of(derived.parts[0]).is_ok();
        let mut known = DERIVED.iter().filter(|derived| derived.column == column);
        known.find(has_parts)
    }

    /// Makes the column of its parts, given in their order.
    ///
    /// # Errors
    /// If these are not the parts.
    pub fn make(&self, parts: &[&ArrayRef]) -> Result<ArrayRef, ArrowError> {
        let types = parts.iter().map(|part| part.data_type());
        let expected = self.parts.iter().map(|part| match *part {
            IS_IN_MESSAGE => DataType::Boolean,
            AS_UUID => DataType::FixedSizeBinary(UUID_BYTES as i32),
            _ => DataType::Utf8View,
        });
        if types.eq(expected.collect::<Vec<_>>().iter()) {
            (self.make)(parts)
        } else {
            Err(wrong_parts())
        }
    }
}

/// The columns of a table, apart: those that are derived in their parts. Parts that are no columns
/// of the table follow.
pub(crate) fn schema_apart(table: Table) -> SchemaRef {
    static SCHEMAS: LazyLock<[SchemaRef; Table::ALL.len()]> = LazyLock::new(|| {
        Table::ALL.map(|table| {
            let columns = table.schema();
            let columns = columns.fields().iter().map(|field| {
                let is_apart = has_parts(table) && field.name() == REQUEST_ID;
                let field = field.as_ref().clone();
                let is_nullable = field.is_nullable() || is_apart;
                field.with_nullable(is_nullable)
            });
            Arc::new(Schema::new(columns.chain(part(table)).collect::<Vec<_>>()))
        })
    });
    Arc::clone(&SCHEMAS[table.index()])
}

fn has_parts(table: Table) -> bool {
    DERIVED.iter().any(|derived| derived.table == table)
}

/// The part of a table's derived column that is no column of the table.
fn part(table: Table) -> Option<Field> {
    let (name, kind, id) = match table {
        Table::Events => (IS_IN_MESSAGE, DataType::Boolean, "101"),
        Table::Invocations => (AS_UUID, DataType::FixedSizeBinary(UUID_BYTES as i32), "102"),
        Table::Samples => return None,
    };
    let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_owned());
    Some(Field::new(name, kind, true).with_metadata([id].into()))
}

/// The rows of a table with the columns of [`schema_apart`].
pub(crate) fn apart(table: Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut columns = batch.columns().to_vec();
    if has_parts(table) {
        let place = batch.schema_ref().index_of(REQUEST_ID)?;
        let ids = columns[place].as_string_view();
        let (part, own) = match table {
            Table::Events => {
                let place = batch.schema_ref().index_of("message")?;
                found_in_messages(ids, batch.column(place).as_string_view())
            }
            Table::Invocations | Table::Samples => uuids(ids),
        };
        columns[place] = own;
        columns.push(part);
    }
    RecordBatch::try_new(schema_apart(table), columns)
}

/// The rows of a table, from those of a file of any version or of the log: what it does not have
/// is null, what it has in another form is cast, what it has in parts is made of them.
pub(crate) fn whole(table: Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let batch = adapted(batch, &schema_apart(table))?;
    let schema = table.schema();
    let mut columns = batch.columns().to_vec();
    for derived in DERIVED.iter().filter(|derived| derived.table == table) {
        let parts = derived
            .parts
            .iter()
            .map(|part| batch.schema_ref().index_of(part));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let parts: Vec<&ArrayRef> = parts.iter().map(|place| batch.column(*place)).collect();
        columns[schema.index_of(derived.column)?] = derived.make(&parts)?;
    }
    columns.truncate(schema.fields().len());
    RecordBatch::try_new(schema, columns)
}

/// Where the first UUID of a text begins that is no part of a longer word, so that an index of
/// words knows it.
fn first_uuid(text: &[u8]) -> Option<usize> {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
    let mut dashes = memchr::memchr_iter(b'-', text);
    dashes.find_map(|dash| {
        let start = dash.checked_sub(DASHES[0])?;
        let end = start + UUID_CHARS;
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let is_alone =
            is_uuid(text.get(start..end)?) && !is_word(before) && !is_word(text.get(end));
        is_alone.then_some(start)
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_uuid(text: &[u8]) -> bool {
    // Dates have dashes as well: most are told apart by the next one.
    DASHES.iter().all(|dash| text[*dash] == b'-')
        && (0..UUID_CHARS).all(|at| DASHES.contains(&at) || text[at].is_ascii_hexdigit())
}

/// Divides request ids into those that are found in their messages and the others.
fn found_in_messages(ids: &StringViewArray, messages: &StringViewArray) -> (ArrayRef, ArrayRef) {
    let is_found = |row: usize| {
        ids.is_valid(row) && ids.value(row).len() == UUID_CHARS && {
            let (message, id) = (messages.value(row).as_bytes(), ids.value(row).as_bytes());
            first_uuid(message).is_some_and(|start| message[start..].starts_with(id))
        }
    };
    let found: BooleanArray = match ids.null_count() == ids.len() {
        true => vec![false; ids.len()].into(),
        false => (0..ids.len()).map(is_found).collect::<Vec<_>>().into(),
    };
    if found.true_count() + ids.null_count() == ids.len() {
        let own = new_null_array(&DataType::Utf8View, ids.len());
        return (Arc::new(found), own);
    }
    let others = (0..ids.len()).map(|row| {
        let is_own = ids.is_valid(row) && !found.value(row);
        is_own.then(|| ids.value(row))
    });
    let others: StringViewArray = others.collect();
    (Arc::new(found), Arc::new(others))
}

/// The reverse of [`found_in_messages`]. Ids stay where they are in the memory of the messages.
fn request_ids(
    in_message: &BooleanArray,
    messages: &StringViewArray,
    own: &StringViewArray,
) -> Result<ArrayRef, ArrowError> {
    if !in_message.has_true() {
        return Ok(Arc::new(own.clone()));
    }
    let mut ids = StringViewBuilder::with_capacity(own.len());
    let blocks = messages.data_buffers();
    let blocks: Vec<u32> = blocks
        .iter()
        .map(|block| ids.append_block(block.clone()))
        .collect();
    for row in 0..own.len() {
        if !(in_message.is_valid(row) && in_message.value(row)) {
            ids.append_option(own.is_valid(row).then(|| own.value(row)));
            continue;
        }
        let view = arrow::array::ByteView::from(messages.views()[row]);
        let start = first_uuid(messages.value(row).as_bytes()).ok_or_else(|| {
            ArrowError::ParseError("a message has no longer the request id in it".to_owned())
        })?;
        let block = blocks[view.buffer_index as usize];
        ids.try_append_view(block, view.offset + start as u32, UUID_CHARS as u32)?;
    }
    Ok(Arc::new(ids.finish()))
}

/// Divides ids into those that are UUIDs in lower case, and the others.
fn uuids(ids: &StringViewArray) -> (ArrayRef, ArrayRef) {
    let mut uuids = FixedSizeBinaryBuilder::with_capacity(ids.len(), UUID_BYTES as i32);
    let mut others = StringViewBuilder::with_capacity(ids.len());
    for id in ids {
        match id.and_then(uuid) {
            // Sixteen bytes are what the builder takes.
            Some(bytes) if uuids.append_value(bytes).is_ok() => others.append_null(),
            _ => {
                uuids.append_null();
                others.append_option(id);
            }
        }
    }
    (Arc::new(uuids.finish()), Arc::new(others.finish()))
}

fn uuid(text: &str) -> Option<[u8; UUID_BYTES]> {
    let bytes = text.as_bytes();
    if bytes.len() != UUID_CHARS || bytes.iter().any(u8::is_ascii_uppercase) || !is_uuid(bytes) {
        return None;
    }
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}

/// The reverse of [`uuids`].
fn texts_of_uuids(
    uuids: &FixedSizeBinaryArray,
    own: &StringViewArray,
) -> Result<ArrayRef, ArrowError> {
    let mut ids = StringViewBuilder::with_capacity(own.len());
    let mut text = [0; UUID_CHARS];
    for row in 0..own.len() {
        if uuids.is_valid(row) {
            let bytes = uuids.value(row).try_into().map_err(|_| wrong_parts())?;
            ids.append_value(
                uuid::Uuid::from_bytes(bytes)
                    .hyphenated()
                    .encode_lower(&mut text),
            );
        } else {
            ids.append_option(own.is_valid(row).then(|| own.value(row)));
        }
    }
    Ok(Arc::new(ids.finish()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "459921b5-681c-4a96-beb0-81e0aa586026";
    const OTHER: &str = "459921B5-681c-4a96-beb0-81e0aa586027";

    fn ids() -> impl Strategy<Value = Option<String>> {
        prop_oneof![
            Just(None),
            Just(Some(ID.to_owned())),
            Just(Some(OTHER.to_owned())),
            "[0-9a-f]{0,3}|[0-9a-f-]{36}|[a-z ]{13,40}".prop_map(Some),
        ]
    }

    proptest! {
        #[test]
        fn ids_are_found_again_in_their_messages(
            rows in prop::collection::vec(
                (ids(), "[a-f0-9 -]{0,12}", prop::option::of(ids()), ".{0,9}"),
                1..20,
            ),
        ) {
            let messages: StringViewArray = rows
                .iter()
                .map(|(id, before, other, behind)| {
                    // The row's own id, another one, or none.
                    let text = other.as_ref().unwrap_or(id).clone().unwrap_or_default();
                    Some(format!("{before}{text}{behind}"))
                })
                .collect();
            let given: StringViewArray = rows.iter().map(|row| row.0.as_deref()).collect();
            let (found, own) = found_in_messages(&given, &messages);
            let made = request_ids(found.as_boolean(), &messages, own.as_string_view()).unwrap();
            prop_assert_eq!(made.as_string_view(), &given);
        }

        #[test]
        fn uuids_are_written_as_they_were(given in prop::collection::vec(ids(), 1..20)) {
            let given: StringViewArray = given.iter().map(Option::as_deref).collect();
            let (packed, own) = uuids(&given);
            let made = texts_of_uuids(packed.as_fixed_size_binary(), own.as_string_view()).unwrap();
            prop_assert_eq!(made.as_string_view(), &given);
        }
    }

    #[test]
    fn ids_in_messages_are_not_held_twice() {
        let text = |values: &[Option<&str>]| StringViewArray::from(values.to_vec());
        let start = format!("START RequestId: {ID} Version: 3");
        let other = format!("2026-11-23T10:00:00.000Z {OTHER} not {ID}");
        let messages = text(&[Some(&start), Some(&other), Some("none"), Some(ID)]);
        let given = text(&[Some(ID), Some(ID), Some("exec-1"), None]);
        let (found, own) = found_in_messages(&given, &messages);
        assert_eq!(
            found.as_boolean(),
            &BooleanArray::from(vec![true, false, false, false])
        );
        assert_eq!(
            own.as_string_view(),
            &text(&[None, Some(ID), Some("exec-1"), None])
        );
    }

    #[test]
    fn a_part_of_a_word_is_no_uuid() {
        for around in [" ", "\t", "\"", "ä", "-"] {
            let text = format!("{around}{ID}{around}");
            assert_eq!(first_uuid(text.as_bytes()), Some(around.len()), "{text}");
        }
        for (before, behind) in [("n", ""), ("", "0"), ("_", ""), ("", "_")] {
            let text = format!("{before}{ID}{behind} {ID}");
            let second = text.len() - UUID_CHARS;
            assert_eq!(first_uuid(text.as_bytes()), Some(second), "{text}");
        }
        assert_eq!(first_uuid(b"2026-11-23-aaaa-bbbb-ccccdddd"), None);
        assert_eq!(first_uuid(b""), None);
    }

    #[test]
    fn only_what_is_written_in_lower_case_is_packed() {
        let given = StringViewArray::from(vec![Some(ID), Some(OTHER), Some("x")]);
        let (packed, own) = uuids(&given);
        assert_eq!(packed.null_count(), 2);
        assert_eq!(own.null_count(), 1);
    }

    #[test]
    fn other_parts_are_refused() {
        let text: ArrayRef = Arc::new(StringViewArray::from(vec!["a"]));
        assert!(DERIVED[0].make(&[&text, &text, &text]).is_err());
        assert!(DERIVED[1].make(&[&text]).is_err());
    }
}
