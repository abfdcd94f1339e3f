//! What the golden cases of both languages share: where they lie, the node that answers them, how mistakes look.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect_file;
use ingest::{Ingest, IngestConfig};
use model::{EventBatch, EventSink, ManualClock, Timestamp};
use query::Diagnostic;
use serde::de::DeserializeOwned;
use storage::{Store, StoreConfig};

/// 2025-11-23T14:00:00Z: times in the cases count seconds from here.
pub(crate) const ZERO_MS: i64 = 1_763_906_400_000;

fn path(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder)
}

/// The names of the case files in `folder`, sorted.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(path(folder)).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = files
        .map(|file| file.file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// A case file as it is written.
pub(crate) fn text(folder: &str, name: &str) -> String {
    std::fs::read_to_string(path(folder).join(format!("{name}.toml"))).unwrap()
}

/// A case file.
pub(crate) fn read<T: DeserializeOwned>(folder: &str, name: &str) -> T {
    toml::from_str(&text(folder, name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Holds the answers against those written down.
pub(crate) fn compare(folder: &str, name: &str, answers: &str) {
    expect_file![path(folder).join(format!("{name}.expected"))].assert_eq(answers);
}

/// A node at `data`, with the hour of the cases as its time, that holds `batch`.
pub(crate) async fn node(data: &Path, batch: EventBatch) -> (Store, Ingest) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(ZERO_MS)));
    let store = Store::open(StoreConfig::at(data), clock).await.unwrap();
    let ingest = Ingest::start(store.clone(), IngestConfig::default())
        .await
        .unwrap();
    ingest.append(batch).await.unwrap();
    (store, ingest)
}

/// A mistake in a query, in one line.
pub(crate) fn mistake(found: &Diagnostic) -> String {
    let mut text = format!("  error at {}: {}", found.column, found.message);
    if let Some(expected) = &found.expected {
        write!(text, "; expected {expected}").unwrap();
    }
    if let Some(suggestion) = &found.suggestion {
        write!(text, "; did you mean `{suggestion}`?").unwrap();
    }
    text + "\n"
}
