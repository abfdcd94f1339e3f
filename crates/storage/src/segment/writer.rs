//! Writes rows as segments: one Parquet file per table and window, events sorted by
//! function and level, samples by series.
//!
//! The layout is described in `format.md`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use model::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::event_order::by_function;
use super::index_file::IndexWriter;
use super::series_order::by_series;
use super::{INDEX_SUFFIX, ROWS_SUFFIX, SegmentMeta, window_start};
use crate::disk::{Disk, TEMPORARY_SUFFIX};
use crate::memory::event_times;
use crate::{MemorySegment, PAGE_ROWS, PARTITION_DEFAULT, Result, StorageError, Table};

/// The version of the layout, written into every file.
const FORMAT_VERSION: &str = "2";
/// Rows in a row group; the last one of a file has the rest.
pub const ROW_GROUP_ROWS: usize = 131_072;
const WRITE_ROWS: usize = 8_192;
const SEGMENTS_DIR: &str = "segments";

/// A row: which batch, which row in it.
type Place = (usize, usize);

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
        if batches.is_empty() {
            continue;
        }
        let folder = data_dir.join(SEGMENTS_DIR).join(table.name());
        disk.create_dir(&data_dir.join(SEGMENTS_DIR))?;
        disk.create_dir(&folder)?;
        for (window, places) in windows(&batches) {
            written.push(write_window(
                disk, &folder, table, window, &batches, places, now,
            )?);
        }
        disk.sync_dir(&folder)?;
    }
    Ok(written)
}

/// Sorts rows by event time (equal times keep their order) and cuts them into windows.
fn windows(batches: &[&RecordBatch]) -> BTreeMap<Timestamp, Vec<Place>> {
    let mut rows: Vec<(i64, Place)> = Vec::new();
    for (batch, times) in batches.iter().map(|batch| event_times(batch)).enumerate() {
        rows.extend(
            times
                .iter()
                .enumerate()
                .map(|(row, time)| (*time, (batch, row))),
        );
    }
    rows.sort_by_key(|(time, _)| *time);
    let mut windows: BTreeMap<Timestamp, Vec<Place>> = BTreeMap::new();
    for run in rows.chunk_by(|(a, _), (b, _)| {
        window_start(Timestamp::from_nanos(*a)) == window_start(Timestamp::from_nanos(*b))
    }) {
        let window = window_start(Timestamp::from_nanos(run[0].0));
        windows.insert(window, run.iter().map(|(_, place)| *place).collect());
    }
    windows
}

fn write_window(
    disk: &Disk,
    folder: &Path,
    table: Table,
    window: Timestamp,
    batches: &[&RecordBatch],
    mut places: Vec<Place>,
    now: Timestamp,
) -> Result<SegmentMeta> {
    let time = |place: Option<&Place>| {
        let (batch, row) = place.copied().unwrap_or_default();
        Timestamp::from_nanos(event_times(batches[batch])[row])
    };
    let (time_min, time_max) = (time(places.first()), time(places.last()));
    match table {
        Table::Events => by_function(batches, &mut places),
        Table::Samples => by_series(batches, &mut places),
        Table::Invocations => {}
    }
    let id = segment_id(now);
    let name = format!("{id}{ROWS_SUFFIX}");
    let path = folder.join(&name);
    let temporary = folder.join(format!("{name}{TEMPORARY_SUFFIX}"));
    let file = disk.create(&temporary)?;
    let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties(table)))
        .map_err(StorageError::parquet("begin a segment"))?;
    let mut index = IndexWriter::new(table);
    for places in places.chunks(WRITE_ROWS) {
        let batch = interleave_record_batch(batches, places)
            .map_err(StorageError::arrow("sort rows of a segment"))?;
        writer
            .write(&batch)
            .map_err(StorageError::parquet("write a segment"))?;
        index.add(&batch)?;
    }
    writer
        .finish()
        .map_err(StorageError::parquet("finish a segment"))?;
    let bytes = writer.inner().bytes()?;
    disk.publish(writer.inner(), &path)?;
    index.finish(disk, folder, &id)?;
    Ok(SegmentMeta {
        id,
        table,
        path: object_store::path::Path::from_iter([SEGMENTS_DIR, table.name(), &name]),
        bytes,
        rows: places.len() as u64,
        time_min,
        time_max,
        partition: PARTITION_DEFAULT.to_owned(),
        window_start: window,
    })
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

fn properties(table: Table) -> WriterProperties {
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("nephoscope".to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "nephoscope.segment.format".to_owned(),
            FORMAT_VERSION.to_owned(),
        )]));
    if table == Table::Samples {
        // Times repeat from series to series: dictionaries are smallest.
        return properties.build();
    }
    let time = ColumnPath::from("event_time");
    let properties = properties
        .set_column_dictionary_enabled(time.clone(), false)
        .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED);
    if table == Table::Invocations {
        return properties.build();
    }
    let mut properties = properties;
    for name in ["message", "fields"] {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    properties.build()
}

/// Deletes files of segments that never reached the catalog: nobody knows them, and nobody else
/// writes here while the folder is locked.
pub(crate) fn delete_orphans(
    disk: &Disk,
    data_dir: &Path,
    segments: &[Arc<SegmentMeta>],
) -> Result<()> {
    let known: HashSet<String> = segments
        .iter()
        .flat_map(|segment| [segment.path.clone(), segment.index_path()])
        .filter_map(|path| path.filename().map(str::to_owned))
        .collect();
    for table in Table::ALL {
        let folder = data_dir.join(SEGMENTS_DIR).join(table.name());
        if !folder.is_dir() {
            continue;
        }
        let files = fs::read_dir(&folder).map_err(StorageError::io("list", &folder))?;
        for file in files {
            let file = file.map_err(StorageError::io("list", &folder))?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            let suffixes = [ROWS_SUFFIX, INDEX_SUFFIX, TEMPORARY_SUFFIX];
            let is_ours = suffixes.iter().any(|suffix| name.ends_with(suffix));
            if is_ours && !known.contains(name.as_ref()) {
                let path = file.path();
                disk.delete(&path)?;
                tracing::info!(path = %path.display(), "deleted a file that no catalog row names");
            }
        }
    }
    Ok(())
}
