//! Which rows of evidence tell an invocation alone, and which must be merged with others.
//!
//! Merging compares the request ids of all rows, and costs more than all else that a panel asks.
//! After compaction nearly every invocation is one row, so the rows are told apart before they are
//! read: of each request id a hash of 32 bits is kept in memory, by segment. A row whose hash no
//! other row has is alone. Others have company, or perhaps only the hash in common with it: they
//! are merged, by the whole key, so that a hash costs time at most and changes no answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory as _;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::TryStreamExt as _;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use storage::{Derived, Rows, SegmentMeta, Snapshot, Store};
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::xxh3_64;

const REQUEST_ID: &str = "request_id";
/// So many snapshots are remembered: the panels of a dashboard ask about few.
const REMEMBERED: usize = 16;
/// Bits of the filter that holds the ids in memory: half a megabyte.
const FILTER_BITS: u32 = 22;

/// The hashes of a segment's request ids, in the order of its rows.
type Hashes = Arc<[u32]>;
/// Is filled once, however many ask at the same time.
type Once<T> = Arc<OnceCell<T>>;
/// Segments by their ids, and the company among them.
type Remembered = (Vec<String>, Once<Arc<Company>>);

/// The rows of the segments of one snapshot that have company.
#[derive(Debug, Default)]
pub(crate) struct Company {
    by_segment: HashMap<String, Rows>,
}

impl Company {
    /// The rows of a segment that have company.
    pub(super) fn of(&self, segment: &SegmentMeta) -> Option<&Rows> {
        self.by_segment.get(&segment.id)
    }

    /// How many rows have company.
    pub(crate) fn len(&self) -> usize {
        self.by_segment.values().map(Rows::len).sum()
    }
}

/// Knows the company of evidence. What it remembers is bounded.
#[derive(Debug)]
pub(crate) struct Companies {
    store: Store,
    /// Rows whose hashes are kept, four bytes each.
    rows_max: usize,
    hashes: Mutex<HashMap<String, Once<Hashes>>>,
    remembered: Mutex<VecDeque<Remembered>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Companies {
    /// Knows nothing yet, and will keep at most `rows_max` hashes.
    pub(crate) fn new(store: Store, rows_max: usize) -> Self {
        Companies {
            store,
            rows_max,
            hashes: Mutex::default(),
            remembered: Mutex::default(),
        }
    }

    /// Tells which rows of the segments of `evidence` have company, in segments or in memory, where
    /// every row counts as one that has. `None` if there are too many to know.
    pub(crate) async fn of(&self, evidence: &Snapshot) -> Result<Option<Arc<Company>>> {
        let rows = evidence.segments.iter().map(|segment| segment.rows);
        let rows: u64 = rows.sum();
        if usize::try_from(rows).map_or(true, |rows| rows > self.rows_max) {
            return Ok(None);
        }
        let ids: Vec<String> = evidence.segments.iter().map(|one| one.id.clone()).collect();
        let found = self.remember(ids);
        let company = found.get_or_try_init(|| self.among(&evidence.segments));
        let company = Arc::clone(company.await?);
        if evidence.memory.is_empty() {
            return Ok(Some(company));
        }
        self.with_memory(evidence, &company).await.map(Some)
    }

    fn remember(&self, ids: Vec<String>) -> Once<Arc<Company>> {
        let mut remembered = lock(&self.remembered);
        if let Some((_, known)) = remembered.iter().find(|(known, _)| *known == ids) {
            return Arc::clone(known);
        }
        let found = Once::default();
        remembered.push_front((ids, Arc::clone(&found)));
        remembered.truncate(REMEMBERED);
        found
    }

    /// The rows of `segments` that have company in these.
    async fn among(&self, segments: &[Arc<SegmentMeta>]) -> Result<Arc<Company>> {
        let all = self.hashes(segments).await?;
        let mut sorted = all.concat();
        sorted.sort_unstable();
        let repeated = sorted.windows(2).filter(|pair| pair[0] == pair[1]);
        let mut repeated: Vec<u32> = repeated.map(|pair| pair[0]).collect();
        repeated.dedup();
        let filter = Filter::of(repeated.iter().copied());
        Ok(Arc::new(chosen(segments, &all, |hash| {
            filter.may_hold(hash) && repeated.binary_search(&hash).is_ok()
        })))
    }

    /// The same, and those that may have company in memory.
    async fn with_memory(&self, evidence: &Snapshot, known: &Company) -> Result<Arc<Company>> {
        let mut filter = Filter::of([].into_iter());
        for batch in evidence.memory.iter().flat_map(|piece| &piece.batches) {
            let ids = batch.column_by_name(REQUEST_ID);
            let ids = ids.ok_or_else(|| exec_datafusion_err!("evidence has no request ids"))?;
            each_hash(ids, |hash| filter.add(hash))?;
        }
        let all = self.hashes(&evidence.segments).await?;
        let mut company = chosen(&evidence.segments, &all, |hash| filter.may_hold(hash));
        for (segment, rows) in &known.by_segment {
            company
                .by_segment
                .entry(segment.clone())
                .or_default()
                .add(rows);
        }
        Ok(Arc::new(company))
    }

    async fn hashes(&self, segments: &[Arc<SegmentMeta>]) -> Result<Vec<Hashes>> {
        let cells: Vec<Once<Hashes>> = {
            let mut hashes = lock(&self.hashes);
            let kept = hashes.values().filter_map(|cell| cell.get());
            let kept: usize = kept.map(|hashes| hashes.len()).sum();
            if kept > self.rows_max {
                hashes.retain(|id, _| segments.iter().any(|segment| segment.id == *id));
            }
            let cells = segments.iter().map(|segment| {
                let cell = hashes.entry(segment.id.clone()).or_default();
                Arc::clone(cell)
            });
            cells.collect()
        };
        let mut all = Vec::with_capacity(cells.len());
        for (segment, cell) in segments.iter().zip(&cells) {
            let hashes = cell.get_or_try_init(|| self.read(segment)).await?;
            all.push(Arc::clone(hashes));
        }
        Ok(all)
    }

    async fn read(&self, segment: &SegmentMeta) -> Result<Hashes> {
        let mut file = PartitionedFile::new(segment.path.as_ref(), segment.bytes);
        file.object_meta.location = segment.path.clone();
        let files = DefaultParquetFileReaderFactory::new(self.store.object_store());
        let file: Box<dyn AsyncFileReader> =
            files.create_reader(0, file, None, &ExecutionPlanMetricsSet::new())?;
        let builder = ParquetRecordBatchStreamBuilder::new(file).await?;
        let derived = Derived::of(REQUEST_ID, builder.schema());
        let parts = derived.map_or(&[REQUEST_ID][..], |derived| derived.parts);
        let columns = ProjectionMask::columns(builder.parquet_schema(), parts.iter().copied());
        let mut batches = builder.with_projection(columns).build()?;
        let mut hashes = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            let parts = parts.iter().map(|part| {
                let column = batch.column_by_name(part);
                column.ok_or_else(|| exec_datafusion_err!("{} has no column {part}", segment.id))
            });
            let parts: Vec<&ArrayRef> = parts.collect::<Result<_>>()?;
            match derived {
                Some(derived) => each_hash(&derived.make(&parts)?, |hash| hashes.push(hash))?,
                None => each_hash(parts[0], |hash| hashes.push(hash))?,
            }
        }
        Ok(hashes.into())
    }
}

/// The rows of segments whose hashes, `all`, satisfy `has_company`.
fn chosen(
    segments: &[Arc<SegmentMeta>],
    all: &[Hashes],
    has_company: impl Fn(u32) -> bool,
) -> Company {
    let by_segment = segments.iter().zip(all).map(|(segment, hashes)| {
        let rows = (0u32..).zip(hashes.iter());
        let rows = rows.filter_map(|(row, hash)| has_company(*hash).then_some(row));
        (segment.id.clone(), rows.collect::<Rows>())
    });
    Company {
        by_segment: by_segment.filter(|(_, rows)| !rows.is_empty()).collect(),
    }
}

fn each_hash(ids: &ArrayRef, mut tell: impl FnMut(u32)) -> Result<()> {
    let ids = cast(ids, &DataType::Utf8View)?;
    for id in ids.as_string_view() {
        let hash = xxh3_64(id.unwrap_or_default().as_bytes());
        tell((hash >> 32) as u32);
    }
    Ok(())
}

/// Says which hashes it does not hold.
struct Filter(Vec<u64>);

impl Filter {
    fn of(hashes: impl Iterator<Item = u32>) -> Filter {
        let mut filter = Filter(vec![0; 1 << (FILTER_BITS - 6)]);
        hashes.for_each(|hash| filter.add(hash));
        filter
    }

    fn add(&mut self, hash: u32) {
        let bit = hash >> (32 - FILTER_BITS);
        self.0[bit as usize / 64] |= 1 << (bit % 64);
    }

    fn may_hold(&self, hash: u32) -> bool {
        let bit = hash >> (32 - FILTER_BITS);
        self.0[bit as usize / 64] & (1 << (bit % 64)) != 0
    }
}
