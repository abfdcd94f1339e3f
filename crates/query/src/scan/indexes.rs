//! The text indexes that are open, and what they say about a segment.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::Result;
use storage::{INDEXED_ROWS_MIN, Pages, Rows, SegmentMeta, Store, TextIndex};

use super::need::Need;
use super::words::Words;

/// Indexes kept open; each is a mapped file and a few kilobytes.
const OPEN_MAX: usize = 4_096;
/// After so many more have been opened, those whose segments are gone are closed: a file that is
/// deleted takes space as long as it is mapped.
const OPENED_BETWEEN_LOOKS: usize = 32;

/// An index, or nothing if it cannot be used.
type Opened = Option<Arc<TextIndex>>;

/// Opens the indexes of segments and keeps them open.
#[derive(Debug)]
pub(crate) struct Indexes {
    store: Store,
    is_on: bool,
    /// By segment, with the files.
    open: Mutex<HashMap<String, (PathBuf, Opened)>>,
}

/// Which pages of a segment a scan reads, and why.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) decision: Decision,
    /// The reason, for people.
    pub(crate) why: String,
}

/// Which pages of a segment a scan reads.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// None of them can hold a row that is looked for.
    Nothing,
    /// These; the others cannot hold any.
    Some(Pages),
    /// These rows.
    Rows(Rows),
    /// All but these rows.
    Without(Rows),
    /// All of them.
    Everything,
}

impl Choice {
    /// All rows but these.
    pub(super) fn without(rows: &Rows) -> Choice {
        Choice {
            why: format!("all but {} rows, which are merged with others", rows.len()),
            decision: Decision::Without(rows.clone()),
        }
    }

    /// Whether no row is read.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.decision, Decision::Nothing)
    }
}

impl Indexes {
    /// Returns no open index of the segments in `store`; without `is_on` none will be used.
    pub(crate) fn new(store: Store, is_on: bool) -> Self {
        Indexes {
            store,
            is_on,
            open: Mutex::default(),
        }
    }

    /// Brings the index of `segment` here, if it will be asked and rests elsewhere. Without it
    /// answers are the same, later.
    pub(super) async fn fetch(&self, segment: &SegmentMeta, need: &Need) {
        let is_asked = self.is_on && segment.rows >= INDEXED_ROWS_MIN && !need.is_anything();
        if !is_asked || self.lock().contains_key(&segment.id) {
            return;
        }
        if let Err(error) = self.store.fetch_index(segment).await {
            tracing::warn!(
                segment = segment.id,
                error = error.with_causes(),
                "cannot fetch the text index; searches read the segment instead"
            );
        }
    }

    /// Returns the rows of `segment` whose messages satisfy `words`: these and no others. `None`
    /// if that is not known here and now.
    pub(super) fn rows(&self, segment: &SegmentMeta, words: &Words) -> Option<Rows> {
        if !self.is_on || segment.rows < INDEXED_ROWS_MIN || self.is_elsewhere(segment) {
            return None;
        }
        words.rows(&*self.open(segment)?)
    }

    /// Decides which rows of `segment` can satisfy `need`; of `known`, if others are of no use.
    pub(super) fn choose(
        &self,
        segment: &SegmentMeta,
        need: &Need,
        known: Option<&Rows>,
    ) -> Result<Choice> {
        let choice = self.choose_pages(segment, need)?;
        let Some(mut rows) = known.cloned() else {
            return Ok(choice);
        };
        match &choice.decision {
            Decision::Nothing => return Ok(choice),
            Decision::Some(pages) => rows.keep_on(pages),
            Decision::Rows(_) | Decision::Without(_) | Decision::Everything => {}
        }
        Ok(Choice {
            why: format!("the index knows the {} rows with these words", rows.len()),
            decision: match rows.is_empty() {
                true => Decision::Nothing,
                false => Decision::Rows(rows),
            },
        })
    }

    /// The same, if the index is open already: then asking takes less than to read in vain, or
    /// to plan a read that is not needed.
    pub(super) fn choose_if_open(
        &self,
        segment: &SegmentMeta,
        need: &Need,
        known: Option<&Rows>,
    ) -> Result<Option<Choice>> {
        if need.is_anything() || !self.lock().contains_key(&segment.id) {
            return Ok(None);
        }
        self.choose(segment, need, known).map(Some)
    }

    fn choose_pages(&self, segment: &SegmentMeta, need: &Need) -> Result<Choice> {
        let everything = |why: &str| {
            Ok(Choice {
                decision: Decision::Everything,
                why: why.to_owned(),
            })
        };
        if let Need::Never = need {
            return Ok(Choice {
                decision: Decision::Nothing,
                why: "the condition is never true".to_owned(),
            });
        }
        if need.is_anything() {
            return everything("no condition that an index could answer");
        }
        if segment.rows < INDEXED_ROWS_MIN {
            return everything("no index: the segment is small");
        }
        if !self.is_on {
            return everything("indexes are switched off");
        }
        if self.is_elsewhere(segment) {
            return everything("the index rests in the object store; a search fetches it first");
        }
        let Some(index) = self.open(segment) else {
            return everything("the index cannot be used; see the server's log");
        };
        let Some(pages) = need.pages(&index)? else {
            return everything("the index cannot tell about this condition");
        };
        let (kept, all) = (pages.count(), pages.len());
        let decision = match kept {
            0 => Decision::Nothing,
            _ if kept == all => Decision::Everything,
            _ => Decision::Some(pages),
        };
        Ok(Choice {
            decision,
            why: format!("the index keeps {kept} of {all} pages"),
        })
    }

    /// Whether the index must be fetched before it can be asked.
    fn is_elsewhere(&self, segment: &SegmentMeta) -> bool {
        let path = || self.store.data_dir().join(segment.index_path().as_ref());
        self.store.is_remote() && !self.lock().contains_key(&segment.id) && !path().exists()
    }

    fn open(&self, segment: &SegmentMeta) -> Opened {
        let known = self.lock().get(&segment.id).cloned();
        if let Some((_, known)) = known {
            return known;
        }
        let path = self.store.data_dir().join(segment.index_path().as_ref());
        let opened = match TextIndex::open(&path) {
            Ok(index) if index.rows() == segment.rows => Some(Arc::new(index)),
            Ok(index) => {
                tracing::warn!(
                    segment = segment.id,
                    "the text index is about {} rows, the segment has {}; searches read all of it",
                    index.rows(),
                    segment.rows
                );
                None
            }
            Err(error) => {
                tracing::warn!(
                    segment = segment.id,
                    "{error}; searches read the segment instead"
                );
                None
            }
        };
        let mut open = self.lock();
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        if open.len() % OPENED_BETWEEN_LOOKS == OPENED_BETWEEN_LOOKS - 1 {
            open.retain(|_, (path, opened)| opened.is_none() || path.exists());
        }
        open.insert(segment.id.clone(), (path, opened.clone()));
        opened
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (PathBuf, Opened)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
