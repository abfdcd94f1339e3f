//! What one frame of the log holds: a batch as it was appended, with everything that moves
//! with it.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use model::{Checkpoint, EventId, Timestamp};
use serde::{Deserialize, Serialize};
use zstd::stream::write::Encoder;

use super::narrow::narrow;
use crate::segment::{apart, schema_apart, whole};
use crate::{Result, StorageError, Table};

const COMPRESSION_LEVEL: i32 = 1;

/// One appended batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The (source, origin) that the ids belong to.
    pub origin: Option<(String, String)>,
    /// The checkpoint that moves with the rows.
    pub checkpoint: Option<Checkpoint>,
    /// The sender's key for the batch.
    pub idempotency_key: Option<String>,
    /// How many events and samples were stored, before long ones were cut into parts.
    pub stored: u64,
    /// Ids of the events, with their event times.
    pub ids: Vec<(EventId, Timestamp)>,
    /// Rows of `events`.
    pub events: Vec<RecordBatch>,
    /// Rows of `invocations`.
    pub invocations: Vec<RecordBatch>,
    /// Rows of `samples`.
    pub samples: Vec<RecordBatch>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Checkpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    stored: u64,
    /// Number of ids, which follow the header: 24 bytes each.
    ids: usize,
    /// Bytes of the compressed rows of `events`, which follow the ids; 0 if there are none.
    events: usize,
    /// Bytes of the compressed rows of `invocations`, which follow; 0 if there are none.
    invocations: usize,
    /// Bytes of the compressed rows of `samples`, which follow; 0 if there are none.
    #[serde(default)]
    samples: usize,
}

impl Record {
    /// Returns the bytes of a frame.
    ///
    /// # Errors
    /// If rows cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let events = encode_rows(Table::Events, &self.events)?;
        let invocations = encode_rows(Table::Invocations, &self.invocations)?;
        let samples = encode_rows(Table::Samples, &self.samples)?;
        let header = Header {
            origin: self.origin.clone(),
            checkpoint: self.checkpoint.clone(),
            idempotency_key: self.idempotency_key.clone(),
            stored: self.stored,
            ids: self.ids.len(),
            events: events.len(),
            invocations: invocations.len(),
            samples: samples.len(),
        };
        let header = serde_json::to_vec(&header)
            .map_err(|error| StorageError::Decode(format!("header of a frame: {error}")))?;
        let ids = crate::catalog::encode_ids(&self.ids);
        let length = u32::try_from(header.len())
            .map_err(|_| StorageError::Decode("header of a frame is too long".to_owned()))?;
        Ok([
            &length.to_le_bytes()[..],
            &header,
            &ids,
            &events,
            &invocations,
            &samples,
        ]
        .concat())
    }

    /// Reads the bytes of a frame.
    ///
    /// # Errors
    /// [`StorageError::Decode`] if they were not made by [`Record::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Record> {
        let mut rest = bytes;
        let mut length = [0; 4];
        length.copy_from_slice(take(&mut rest, 4)?);
        let header = take(&mut rest, u32::from_le_bytes(length) as usize)?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| StorageError::Decode(format!("header of a frame: {error}")))?;
        let ids = take(
            &mut rest,
            header.ids.saturating_mul(crate::catalog::ID_BYTES),
        )?;
        let events = take(&mut rest, header.events)?;
        let invocations = take(&mut rest, header.invocations)?;
        let samples = take(&mut rest, header.samples)?;
        Ok(Record {
            origin: header.origin,
            checkpoint: header.checkpoint,
            idempotency_key: header.idempotency_key,
            stored: header.stored,
            ids: crate::catalog::decode_ids(ids),
            events: decode_rows(Table::Events, events)?,
            invocations: decode_rows(Table::Invocations, invocations)?,
            samples: decode_rows(Table::Samples, samples)?,
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, left) = rest
        .split_at_checked(length)
        .ok_or_else(|| StorageError::Decode("a frame ends too early".to_owned()))?;
    *rest = left;
    Ok(taken)
}

fn encode_rows(table: Table, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let action = "encode rows for the log";
    let batches = batches.iter().map(|batch| apart(table, batch));
    let batches: Vec<RecordBatch> = batches
        .collect::<Result<_, _>>()
        .map_err(StorageError::arrow(action))?;
    let (schema, batches) = narrow(&schema_apart(table), &batches)?;
    let compressing = |error: std::io::Error| StorageError::Decode(error.to_string());
    // Compressed as it is written, so that no second copy of the rows stands in memory.
    let compressor = Encoder::new(Vec::new(), COMPRESSION_LEVEL).map_err(compressing)?;
    let mut writer =
        StreamWriter::try_new(compressor, &schema).map_err(StorageError::arrow(action))?;
    for batch in &batches {
        writer.write(batch).map_err(StorageError::arrow(action))?;
    }
    writer.finish().map_err(StorageError::arrow(action))?;
    let compressor = writer.into_inner().map_err(StorageError::arrow(action))?;
    compressor.finish().map_err(compressing)
}

fn decode_rows(table: Table, bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let action = "decode rows of the log";
    let bytes = zstd::decode_all(bytes)
        .map_err(|error| StorageError::Decode(format!("rows of the log: {error}")))?;
    let reader =
        StreamReader::try_new(Cursor::new(bytes), None).map_err(StorageError::arrow(action))?;
    reader
        .map(|batch| {
            let batch = batch.map_err(StorageError::arrow(action))?;
            whole(table, &batch).map_err(StorageError::arrow(action))
        })
        .collect()
}
