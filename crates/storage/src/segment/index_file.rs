//! The text index of a segment while the segment is written, and its file.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use arrow::array::RecordBatch;

use super::INDEX_SUFFIX;
use crate::disk::{Disk, TEMPORARY_SUFFIX};
use crate::text_index::IndexBuilder;
use crate::{INDEXED_ROWS_MIN, Result, SegmentMeta, StorageError, Table};

/// Returns how many bytes the text index of `segment` has on disk, 0 if there is none.
pub(crate) fn measure_index(data_dir: &Path, segment: &SegmentMeta) -> Result<u64> {
    let path = data_dir.join(segment.index_path().as_ref());
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(StorageError::io("measure", &path)(error)),
    }
}

/// Indexes the rows of a segment, once they are enough to be worth it.
#[derive(Debug)]
pub(super) enum IndexWriter {
    /// Segments of this table have no index.
    None,
    /// The rows so far are too few.
    Waiting(Vec<RecordBatch>, u64),
    /// They are not.
    Building(Box<IndexBuilder>),
}

impl IndexWriter {
    /// Begins the index of a segment of `table`.
    pub(super) fn new(table: Table) -> Self {
        match table {
            Table::Events => IndexWriter::Waiting(Vec::new(), 0),
            Table::Invocations | Table::Samples => IndexWriter::None,
        }
    }

    /// Adds the rows that are written next, as the file holds them.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            IndexWriter::None => {}
            IndexWriter::Building(builder) => builder.add(batch)?,
            IndexWriter::Waiting(batches, rows) => {
                batches.push(batch.clone());
                *rows += batch.num_rows() as u64;
                if *rows >= INDEXED_ROWS_MIN {
                    let mut builder = IndexBuilder::new()?;
                    batches.iter().try_for_each(|batch| builder.add(batch))?;
                    *self = IndexWriter::Building(Box::new(builder));
                }
            }
        }
        Ok(())
    }

    /// Writes the index of the segment `id` into `folder`, durably, if it has one; making the
    /// folder durable is left to the caller. Returns the size of the file.
    pub(super) fn finish(self, disk: &Disk, folder: &Path, id: &str) -> Result<u64> {
        let IndexWriter::Building(builder) = self else {
            return Ok(0);
        };
        let Some(bytes) = builder.finish()? else {
            tracing::info!(
                segment = id,
                "no text index: the segment has too many words"
            );
            return Ok(0);
        };
        let path = folder.join(format!("{id}{INDEX_SUFFIX}"));
        let mut file =
            disk.create(&folder.join(format!("{id}{INDEX_SUFFIX}{TEMPORARY_SUFFIX}")))?;
        file.write_all(&bytes)
            .map_err(StorageError::io("write", file.path()))?;
        disk.publish(&file, &path)?;
        Ok(bytes.len() as u64)
    }
}
