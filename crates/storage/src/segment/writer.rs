//! Writes rows as segments: one Parquet file per table, partition and window, events sorted by
//! function and level, samples by series.
//!
//! The layout is described in `format.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use model::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::derived::AS_UUID;
use super::event_order::by_function;
use super::form::Form;
use super::gather::{Gather, Place};
use super::index_file::IndexWriter;
use super::series_order::by_series;
use super::{Generation, ROWS_SUFFIX, SegmentKey, SegmentMeta, window_start};
use crate::disk::{Disk, DiskFile, TEMPORARY_SUFFIX};
use crate::files::Summing;
use crate::memory::event_times;
use crate::{MemorySegment, PAGE_ROWS, PARTITION_DEFAULT, Result, StorageError, Table};

/// The version of the layout, written into every file.
pub(crate) const FORMAT_VERSION: &str = "3";
/// The versions whose rows come in the order of those that are written now.
pub(super) const VERSIONS_IN_ORDER: [&str; 2] = ["2", FORMAT_VERSION];
/// Under which key it stands there.
pub(super) const FORMAT_KEY: &str = "nephoscope.segment.format";
/// Rows in a row group; the last one of a file has the rest.
pub const ROW_GROUP_ROWS: usize = 131_072;
/// The columns of events of which the least and the greatest value of every page are kept.
const STATISTICS: [&str; 3] = ["event_time", "receipt_time", "function"];
/// Rows that are sorted into one batch.
pub(crate) const WRITE_ROWS: usize = 8_192;
/// The folder of all segments, by table.
pub(crate) const SEGMENTS_DIR: &str = "segments";

/// Writes all rows of `pieces` below `data_dir`, durably. Nothing is in the catalog yet.
pub(crate) fn write_segments(
    disk: &Disk,
    data_dir: &Path,
    pieces: &[Arc<MemorySegment>],
    now: Timestamp,
) -> Result<Vec<SegmentMeta>> {
    let mut written = Vec::new();
    for table in Table::ALL {
        let batches: Vec<&RecordBatch> = pieces
            .iter()
            .filter(|piece| piece.table == table)
            .flat_map(|piece| &piece.batches)
            .collect();
        let Some(gather) = Gather::new(&batches, WRITE_ROWS) else {
            continue;
        };
        let form = Form::of(table, &batches);
        for (key, mut places) in groups(table, &batches) {
            match table {
                Table::Events => by_function(&batches, &mut places),
                Table::Samples => by_series(&batches, &mut places),
                Table::Invocations => {}
            }
            let mut writer =
                SegmentWriter::begin(disk, data_dir, key, Generation::Fresh, form, now)?;
            for places in places.chunks(WRITE_ROWS) {
                writer.write(&gather.take(places)?)?;
            }
            written.push(writer.finish()?);
        }
        disk.sync_dir(&folder_of(data_dir, table))?;
    }
    Ok(written)
}

/// The folder that holds the segments of `table`.
pub(crate) fn folder_of(data_dir: &Path, table: Table) -> PathBuf {
    data_dir.join(SEGMENTS_DIR).join(table.name())
}

/// Divides rows among the segments that they belong to, each row list sorted by event time;
/// equal times keep their order.
fn groups(table: Table, batches: &[&RecordBatch]) -> Vec<(SegmentKey, Vec<Place>)> {
    let mut partitions = Vec::new();
    let mut rows: Vec<(u32, i64, Place)> = Vec::new();
    rows.reserve_exact(batches.iter().map(|batch| batch.num_rows()).sum());
    for (batch, values) in (0..).zip(batches) {
        let numbers = partition_numbers(values, &mut partitions);
        let times = (0..).zip(event_times(values).iter().zip(numbers));
        rows.extend(times.map(|(row, (time, partition))| (partition, *time, Place { batch, row })));
    }
    rows.sort_by_key(|(partition, time, _)| (*partition, *time));
    let window = |time: i64| window_start(Timestamp::from_nanos(time));
    rows.chunk_by(|a, b| a.0 == b.0 && window(a.1) == window(b.1))
        .map(|run| {
            let key = SegmentKey {
                table,
                partition: partitions[run[0].0 as usize].clone(),
                window_start: window(run[0].1),
            };
            (key, run.iter().map(|(_, _, place)| *place).collect())
        })
        .collect()
}

/// For every row, where its partition stands among `partitions`, which grow as needed. Tables
/// without the column have one partition.
fn partition_numbers(batch: &RecordBatch, partitions: &mut Vec<String>) -> Vec<u32> {
    let mut number = |name: &str| {
        let known = partitions.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            partitions.push(name.to_owned());
            partitions.len() - 1
        });
        u32::try_from(number).unwrap_or(u32::MAX)
    };
    let Some(column) = batch.column_by_name("partition") else {
        return vec![number(PARTITION_DEFAULT); batch.num_rows()];
    };
    let column = column.as_string_view();
    let mut last: Option<(&str, u32)> = None;
    let rows = (0..batch.num_rows()).map(|row| {
        let name = match column.is_valid(row) {
            true => column.value(row),
            false => PARTITION_DEFAULT,
        };
        match last {
            Some((known, found)) if known == name => found,
            _ => {
                let found = number(name);
                last = Some((name, found));
                found
            }
        }
    });
    rows.collect()
}

/// Writes one segment, from batches that are in its order.
pub(crate) struct SegmentWriter {
    disk: Disk,
    key: SegmentKey,
    generation: Generation,
    form: Form,
    /// The columns of the file.
    columns: SchemaRef,
    now: Timestamp,
    id: String,
    folder: PathBuf,
    path: PathBuf,
    writer: ArrowWriter<Summing<DiskFile>>,
    index: IndexWriter,
    rows: u64,
    time_min: Timestamp,
    time_max: Timestamp,
}

impl SegmentWriter {
    /// Makes the file, under a temporary name.
    pub(crate) fn begin(
        disk: &Disk,
        data_dir: &Path,
        key: SegmentKey,
        generation: Generation,
        form: Form,
        now: Timestamp,
    ) -> Result<Self> {
        let folder = folder_of(data_dir, key.table);
        disk.create_dir(&folder)?;
        let id = segment_id(now);
        let path = folder.join(format!("{id}{ROWS_SUFFIX}"));
        let file = disk.create(&folder.join(format!("{id}{ROWS_SUFFIX}{TEMPORARY_SUFFIX}")))?;
        let columns = form.schema();
        let properties = properties(key.table, generation, &columns);
        let writer =
            ArrowWriter::try_new(Summing::new(file), Arc::clone(&columns), Some(properties))
                .map_err(StorageError::parquet("begin a segment"))?;
        Ok(SegmentWriter {
            disk: disk.clone(),
            index: IndexWriter::new(key.table),
            key,
            generation,
            form,
            columns,
            now,
            id,
            folder,
            path,
            writer,
            rows: 0,
            time_min: Timestamp::MAX,
            time_max: Timestamp::MIN,
        })
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for &time in event_times(batch) {
            self.time_min = self.time_min.min(Timestamp::from_nanos(time));
            self.time_max = self.time_max.max(Timestamp::from_nanos(time));
        }
        self.rows += batch.num_rows() as u64;
        let narrowed = self.form.narrowed(&self.columns, batch)?;
        self.writer
            .write(&narrowed)
            .map_err(StorageError::parquet("write a segment"))?;
        self.index.add(&narrowed)
    }

    /// Gives the file its name, durably; making the folder durable is left to the caller.
    pub(crate) fn finish(mut self) -> Result<SegmentMeta> {
        self.writer
            .finish()
            .map_err(StorageError::parquet("finish a segment"))?;
        let checksums = self.writer.inner().checksums();
        let file = self.writer.inner().inner();
        let bytes = file.bytes()?;
        self.disk.publish(file, &self.path)?;
        let table = self.key.table;
        let index_bytes = self.index.finish(&self.disk, &self.folder, &self.id)?;
        let name = format!("{}{ROWS_SUFFIX}", self.id);
        Ok(SegmentMeta {
            path: object_store::path::Path::from_iter([SEGMENTS_DIR, table.name(), &name]),
            id: self.id,
            table,
            bytes,
            checksums: Some(checksums),
            index_bytes: Some(index_bytes),
            rows: self.rows,
            time_min: self.time_min,
            time_max: self.time_max,
            partition: self.key.partition,
            window_start: self.key.window_start,
            generation: self.generation,
            created_at: self.now,
        })
    }
}

/// Ids sort by the time they were made.
fn segment_id(now: Timestamp) -> String {
    let nanos = u64::try_from(now.nanos()).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(
        uuid::NoContext,
        nanos / 1_000_000_000,
        (nanos % 1_000_000_000) as u32,
    );
    uuid::Uuid::new_v7(time).simple().to_string()
}

fn properties(table: Table, generation: Generation, columns: &Schema) -> WriterProperties {
    let level = ZstdLevel::try_new(generation.compression_level()).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("nephoscope".to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(
            FORMAT_KEY.to_owned(),
            FORMAT_VERSION.to_owned(),
        )]));
    if table == Table::Samples {
        // Times repeat from series to series: dictionaries are smallest.
        return properties.build();
    }
    for field in columns.fields() {
        let column = ColumnPath::from(field.name().as_str());
        if table == Table::Events && !STATISTICS.contains(&field.name().as_str()) {
            // The text index knows on which pages a value is, if it is asked for.
            properties =
                properties.set_column_statistics_enabled(column.clone(), EnabledStatistics::None);
        }
        let encoding = match field.name().as_str() {
            "event_time" | "start" | "duration_ms" | "billed_ms" if is_whole(field) => {
                Encoding::DELTA_BINARY_PACKED
            }
            "message" | "fields" => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            // There is hardly one twice in evidence, and they look like noise.
            AS_UUID => Encoding::PLAIN,
            "request_id" if table == Table::Invocations => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            _ => continue,
        };
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column.clone(), encoding);
    }
    properties.build()
}

/// Whether a file holds whole numbers in a column.
fn is_whole(field: &Field) -> bool {
    matches!(
        field.data_type(),
        DataType::Timestamp(..) | DataType::Decimal64(..)
    )
}
