//! Reads segments back as rows of their table, whatever version wrote them.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::SegmentMeta;
use super::derived::whole;
use super::form::Form;
use super::writer::{FORMAT_KEY, VERSIONS_IN_ORDER};
use crate::files::open_checked;
use crate::{Result, StorageError, Table};

/// Rows that are decoded at once: one page.
const READ_ROWS: usize = 2_048;

/// The rows of one segment, in their order, a page at a time.
pub struct SegmentReader {
    path: PathBuf,
    table: Table,
    form: Form,
    batches: ParquetRecordBatchReader,
    is_in_order: bool,
}

impl std::fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SegmentReader {
    /// Opens `segment`, whose path is relative to `data_dir`, after checking the whole file.
    ///
    /// # Errors
    /// If the file is missing or is not what was written.
    pub fn open(data_dir: &Path, segment: &SegmentMeta) -> Result<SegmentReader> {
        let (path, file) = open_checked(data_dir, segment)?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable(&path))?;
        let entries = builder.metadata().file_metadata().key_value_metadata();
        let version = entries.and_then(|entries| {
            let entry = entries.iter().find(|entry| entry.key == FORMAT_KEY)?;
            entry.value.as_deref()
        });
        let is_in_order = version.is_some_and(|version| VERSIONS_IN_ORDER.contains(&version));
        let form = Form::of_file(segment.table, builder.schema());
        let batches = builder.with_batch_size(READ_ROWS).build();
        let batches = batches.map_err(unreadable(&path))?;
        Ok(SegmentReader {
            path,
            table: segment.table,
            form,
            batches,
            is_in_order,
        })
    }

    /// The columns.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    /// In which form the file holds them.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Whether a version like this one wrote the segment, so that rows come in the order of
    /// [`crate::Table`]'s segments as they are written now.
    pub(crate) fn is_in_order(&self) -> bool {
        self.is_in_order
    }
}

impl Iterator for SegmentReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        Some(match batch {
            Ok(batch) => whole(self.table, &batch)
                .map_err(StorageError::arrow("read the columns of a segment")),
            Err(source) => Err(unreadable(&self.path)(source.into())),
        })
    }
}

fn unreadable(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Unreadable { path, source }
}
