//! Where data rests: WAL, segments, catalog, and the one view of them that searches see.
//!
//! An event arrives as rows of a [`Table`]: first as a frame of the WAL, then at once in
//! memory ([`MemorySegment`]), later as a Parquet file ([`SegmentMeta`]). [`Store::snapshot`]
//! returns memory and files of one moment, each row exactly once. The [`catalog`] is the truth
//! about files: a segment that it does not name does not exist.
//!
//! Behind it all, [`Upkeep`] merges small segments ([`compact`]), drops what is too old
//! ([`retention`]) and deletes files that nobody needs.

pub mod catalog;
pub mod compact;
mod config;
pub mod disk;
mod erase;
mod error;
mod files;
mod hashing;
mod inspect;
mod lookups;
mod memory;
mod metrics;
mod orphans;
pub mod retention;
mod schema;
mod segment;
mod store;
mod text_index;
mod upkeep;
pub mod wal;

pub use compact::CompactConfig;
pub use config::{CatalogUrl, Secret, StoreConfig};
pub use erase::{Erased, Erasure};
pub use error::{Result, StorageError};
pub use files::Checksums;
pub use inspect::Inspection;
pub use lookups::{
    LookupField, LookupInfo, LookupSchema, LookupType, LookupWrite, Lookups, lookup_place,
    lookup_rows, read_csv,
};
pub use memory::MemorySegment;
pub use retention::{Keep, RetentionConfig};
pub use schema::{
    EVENT_TEXT_COLUMNS, PARTITION_DEFAULT, Table, events_schema, invocations_schema, samples_schema,
};
pub use segment::{
    Derived, Generation, ROW_GROUP_ROWS, SegmentKey, SegmentMeta, SegmentReader, WINDOW_NANOS,
    window_start,
};
pub use store::{Pending, Sealed, Snapshot, Store, StoreStats};
pub use text_index::{INDEXED_ROWS_MIN, Literal, PAGE_ROWS, Pages, Rows, TextIndex, Word, fold};
pub use upkeep::Upkeep;
