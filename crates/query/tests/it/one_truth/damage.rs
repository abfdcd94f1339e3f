//! A flipped byte in a file of a segment never changes what a query finds: it finds the truth, or
//! it fails and names the segment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{Inspection, SegmentMeta};

use super::*;

/// Flipped bytes in each file, beside those at its ends.
const FLIPS: usize = 30;
const ENDS: usize = 4;
const QUESTIONS: [&str; 3] = ["*", "function=checkout error", "* | where level = \"WARN\""];

fn files(store: &Store) -> Vec<(Arc<SegmentMeta>, PathBuf)> {
    let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
    let files = segments.into_iter().flat_map(|segment| {
        let paths = [segment.path.clone(), segment.index_path()];
        paths.map(|path| (Arc::clone(&segment), store.data_dir().join(path.as_ref())))
    });
    files.filter(|(_, path)| path.is_file()).collect()
}

/// What an engine finds that has read nothing yet; or its complaint, with all causes.
async fn found(store: &Store, question: &str) -> Result<BTreeSet<i64>, String> {
    let engine = engine(store, true);
    let found = try_ask(&engine, question, TimeRange::ALL).await;
    found.map_err(|error| {
        let mut causes = vec![error.to_string()];
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        causes.join(": ")
    })
}

async fn check_flip(store: &Store, inspection: &Inspection, truth: &[BTreeSet<i64>], at: Flip<'_>) {
    let Flip {
        segment,
        path,
        content,
        place,
    } = at;
    let mut damaged = content.to_vec();
    damaged[place] ^= 1 << (place % 8);
    fs::write(path, damaged).unwrap();
    let what = format!("byte {place} of {}", path.display());
    for (question, truth) in QUESTIONS.iter().zip(truth) {
        match found(store, question).await {
            Ok(found) => assert_eq!(found, *truth, "{what}: {question}"),
            Err(error) => assert!(error.contains(&segment.id), "{what}: {question}: {error}"),
        }
    }
    let complaint = inspection.verify(segment).await.unwrap();
    assert!(complaint.is_some(), "{what} is not noticed by verify");
    fs::write(path, content).unwrap();
}

struct Flip<'a> {
    segment: &'a SegmentMeta,
    path: &'a Path,
    content: &'a [u8],
    place: usize,
}

#[tokio::test]
async fn a_flipped_byte_is_told_or_harmless() {
    let mut random = Random::new(5);
    let events = events::events(&mut random, FLUSHED + 400);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    publish(&store, 1, &events[..FLUSHED]);
    flush(&store).await;
    publish(&store, 2, &events[FLUSHED..]);
    flush(&store).await;
    let inspection = Inspection::of(&StoreConfig::at(folder.path()))
        .await
        .unwrap();
    let mut truth = Vec::new();
    for question in QUESTIONS {
        truth.push(found(&store, question).await.unwrap());
    }
    assert_eq!(truth[0].len(), events.len());
    let files = files(&store);
    assert_eq!(files.len(), 3, "two files of rows, one of them indexed");
    for (segment, path) in &files {
        let content = fs::read(path).unwrap();
        let ends = (0..ENDS).chain(content.len() - ENDS..content.len());
        let places: Vec<usize> = ends
            .chain((0..FLIPS).map(|_| random.below(content.len())))
            .collect();
        for place in places {
            let flip = Flip {
                segment,
                path,
                content: &content,
                place,
            };
            check_flip(&store, &inspection, &truth, flip).await;
        }
    }
    for (segment, _) in &files {
        assert_eq!(inspection.verify(segment).await.unwrap(), None);
    }
}

/// What people see of it.
#[tokio::test]
async fn a_search_over_a_damaged_segment_says_which_one_it_is() {
    let mut random = Random::new(6);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    publish(&store, 1, &events::events(&mut random, 400));
    flush(&store).await;
    let (segment, path) = files(&store).remove(0);
    let mut content = fs::read(&path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&path, content).unwrap();
    let searches = Searches::new(store, SearchConfig::default()).unwrap();
    let id = searches.start(request("*")).await.unwrap();
    let mut status = searches.subscribe(&id).unwrap();
    let status = status
        .wait_for(|status| status.state.is_final())
        .await
        .unwrap()
        .clone();
    let errors = status.errors.join("\n");
    assert!(
        errors.contains(&segment.id) && errors.contains("restore"),
        "{errors}"
    );
}
