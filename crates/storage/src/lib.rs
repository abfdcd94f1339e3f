//! Where data rests: WAL, segments, catalog, and the one view of them that searches see.
//!
//! An event arrives as rows of a [`Table`]: first as a frame of the WAL, then at once in
//! memory ([`MemorySegment`]), later as a Parquet file ([`SegmentMeta`]). [`Store::snapshot`]
//! returns memory and files of one moment, each row exactly once. The [`catalog`] is the truth
//! about files: a segment that it does not name does not exist.

pub mod catalog;
mod config;
pub mod disk;
mod error;
mod memory;
mod schema;
mod segment;
mod store;
mod text_index;
pub mod wal;

pub use config::StoreConfig;
pub use error::{Result, StorageError};
pub use memory::MemorySegment;
pub use schema::{
    EVENT_TEXT_COLUMNS, PARTITION_DEFAULT, Table, events_schema, invocations_schema, samples_schema,
};
pub use segment::{ROW_GROUP_ROWS, SegmentMeta, WINDOW_NANOS, window_start};
pub use store::{Pending, Sealed, Snapshot, Store, StoreStats};
pub use text_index::{INDEXED_ROWS_MIN, Literal, PAGE_ROWS, Pages, TextIndex, fold};
