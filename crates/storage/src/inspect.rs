//! A look at a store's files from outside, beside a running node or without one: which segments
//! there are, whether they are what was written, and copies of them for other tools.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use model::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::catalog::{Catalog, Retired};
use crate::disk;
use crate::files::Remote;
use crate::segment::measure_index;
use crate::{
    Result, SegmentMeta, SegmentReader, StorageError, StoreConfig, TextIndex, orphans, window_start,
};

/// What was seen of a store at one moment.
#[derive(Debug)]
pub struct Inspection {
    /// The folder that holds everything.
    pub data_dir: PathBuf,
    /// The segments whose rows count, oldest window first.
    pub segments: Vec<SegmentMeta>,
    /// The segments that were replaced or dropped, and whose files still wait to be deleted.
    pub retired: Vec<Retired>,
    /// Files that no catalog row names. `None` if a node is running: it may be writing them.
    pub orphans: Option<Vec<PathBuf>>,
    catalog: Catalog,
    remote: Option<Remote>,
}

impl Inspection {
    /// Looks at the store of `config`. Nothing is changed.
    ///
    /// # Errors
    /// If there is no store, or its catalog cannot be read.
    pub fn of(config: &StoreConfig) -> BoxFuture<'_, Result<Inspection>> {
        Box::pin(async move {
            let data_dir = &config.data_dir;
            let data_dir = data_dir
                .canonicalize()
                .map_err(StorageError::io("find", data_dir))?;
            let catalog = match &config.catalog {
                Some(url) => Catalog::connect(url.as_str()).await?,
                None => {
                    let path = data_dir.join("catalog.sqlite");
                    fs::metadata(&path).map_err(StorageError::io("find", &path))?;
                    Catalog::open(&path).await?
                }
            };
            let lock = disk::lock_dir(&data_dir).ok();
            let segments = catalog.segments().await?;
            let retired = catalog.retired().await?;
            let known: HashSet<&str> = segments
                .iter()
                .chain(retired.iter().map(|retired| &retired.segment))
                .map(|segment| segment.id.as_str())
                .collect();
            let remote = config.remote()?;
            let orphans = match (lock, &remote) {
                (None, _) => None,
                (Some(_), None) => Some(orphans::find(&data_dir, &known)?),
                (Some(_), Some(remote)) => {
                    let mut found = orphans::find(&data_dir, &known)?;
                    let there = orphans::find_remote(remote, &known).await?;
                    found.extend(there.iter().map(|path| remote.name(path).into()));
                    Some(found)
                }
            };
            Ok(Inspection {
                data_dir,
                segments,
                retired,
                orphans,
                catalog,
                remote,
            })
        })
    }

    /// Reads all of `segment` and compares it with what the catalog says. Returns what is wrong
    /// in words, or `None`; a segment that a running node has replaced meanwhile is not wrong.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn verify<'a>(&'a self, segment: &'a SegmentMeta) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let checked = match self.at_hand(segment).await {
                Ok(place) => check(place.folder(), segment),
                Err(error) => Err(error.with_causes()),
            };
            let Err(complaint) = checked else {
                return Ok(None);
            };
            let live = self.catalog.segments().await?;
            let is_live = live.iter().any(|live| live.id == segment.id);
            Ok(is_live.then_some(complaint))
        })
    }

    /// Writes the rows of `segment` as a plain Parquet file below `folder`, in the columns of
    /// this version; returns its path.
    ///
    /// # Errors
    /// If the segment cannot be read or the file not be written.
    pub fn export<'a>(
        &'a self,
        segment: &'a SegmentMeta,
        folder: &'a Path,
    ) -> BoxFuture<'a, Result<PathBuf>> {
        Box::pin(self.export_to(segment, folder))
    }

    async fn export_to(&self, segment: &SegmentMeta, folder: &Path) -> Result<PathBuf> {
        let place = self.at_hand(segment).await?;
        let folder = folder.join(segment.table.name());
        fs::create_dir_all(&folder).map_err(StorageError::io("make folder", &folder))?;
        let hour = segment.window_start.to_string().replace(':', "");
        let path = folder.join(format!(
            "{hour}-{}-{}.parquet",
            segment.partition, segment.id
        ));
        let file = File::create(&path).map_err(StorageError::io("make", &path))?;
        let writing = || StorageError::parquet("export a segment");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("nephoscope".to_owned())
            .build();
        let mut writer = ArrowWriter::try_new(file, segment.table.schema(), Some(properties))
            .map_err(writing())?;
        for batch in SegmentReader::open(place.folder(), segment)? {
            writer.write(&batch?).map_err(writing())?;
        }
        writer.close().map_err(writing())?;
        Ok(path)
    }

    /// The files of a segment as they rest: those in the data folder, or fresh copies of those
    /// in the object store. The copies of a running node are its own.
    async fn at_hand(&self, segment: &SegmentMeta) -> Result<AtHand> {
        let Some(remote) = &self.remote else {
            return Ok(AtHand::Resting(self.data_dir.clone()));
        };
        let name = format!("nephoscope-{}", uuid::Uuid::new_v4().simple());
        let place = AtHand::Fetched(std::env::temp_dir().join(name));
        let mut wanted = vec![segment.path.clone()];
        if segment.index_bytes != Some(0) {
            wanted.push(segment.index_path());
        }
        for location in wanted {
            let path = place.folder().join(location.as_ref());
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(StorageError::io("make folder", folder))?;
            }
            remote.download(&location, &path).await?;
        }
        Ok(place)
    }
}

/// A folder with a segment's files.
enum AtHand {
    Resting(PathBuf),
    /// Copies, which go when this does.
    Fetched(PathBuf),
}

impl AtHand {
    fn folder(&self) -> &Path {
        match self {
            AtHand::Resting(folder) | AtHand::Fetched(folder) => folder,
        }
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        if let AtHand::Fetched(folder) = self
            && let Err(error) = fs::remove_dir_all(&*folder)
        {
            tracing::debug!(%error, "cannot delete the copies of a segment");
        }
    }
}

/// Compares a file with its row in the catalog.
fn check(data_dir: &Path, segment: &SegmentMeta) -> Result<(), String> {
    let path = data_dir.join(segment.path.as_ref());
    let bytes = fs::metadata(&path)
        .map_err(|error| error.to_string())?
        .len();
    differ("bytes", &segment.bytes, &bytes)?;
    check_index(data_dir, segment)?;
    let reader = SegmentReader::open(data_dir, segment).map_err(|error| error.with_causes())?;
    let (mut rows, mut time_min, mut time_max) = (0, Timestamp::MAX, Timestamp::MIN);
    for batch in reader {
        let batch = batch.map_err(|error| error.with_causes())?;
        rows += batch.num_rows() as u64;
        for &time in crate::memory::event_times(&batch) {
            time_min = time_min.min(Timestamp::from_nanos(time));
            time_max = time_max.max(Timestamp::from_nanos(time));
        }
    }
    differ("rows", &segment.rows, &rows)?;
    differ("earliest event time", &segment.time_min, &time_min)?;
    differ("latest event time", &segment.time_max, &time_max)?;
    differ("window", &segment.window_start, &window_start(time_min))?;
    differ("window", &segment.window_start, &window_start(time_max))
}

/// Reads all of a segment's text index, if it has one.
fn check_index(data_dir: &Path, segment: &SegmentMeta) -> Result<(), String> {
    let path = data_dir.join(segment.index_path().as_ref());
    let bytes = measure_index(data_dir, segment).map_err(|error| error.with_causes())?;
    differ(
        "bytes of the text index",
        &segment.index_bytes.unwrap_or(bytes),
        &bytes,
    )?;
    if bytes == 0 {
        return Ok(());
    }
    let index = TextIndex::open(&path).map_err(|error| error.with_causes())?;
    differ("rows in the text index", &segment.rows, &index.rows())
}

fn differ<T: PartialEq + std::fmt::Display>(what: &str, told: &T, found: &T) -> Result<(), String> {
    match told == found {
        true => Ok(()),
        false => Err(format!(
            "{what}: the catalog says {told}, the file has {found}"
        )),
    }
}
