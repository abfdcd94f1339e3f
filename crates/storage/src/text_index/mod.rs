//! The text index beside a segment: which pages can hold what a search asks for.
//!
//! The rows of a segment are numbered as they stand in its file, and every [`PAGE_ROWS`] of them
//! are a page. tantivy keeps the words, with a page as the document, and the values of columns
//! that have few; a bloom filter per page keeps tokens that are mostly unique, such as request
//! ids. An index can let pages through that hold nothing; it must never leave out a page that
//! holds something. What it lets through is checked again on the text.

mod bloom;
mod builder;
mod container;
mod directory;
mod literal;
mod pages;
mod rows;
mod tokens;
mod words;

use std::path::Path;

use memchr::memmem;
use tantivy::directory::{MmapDirectory, OwnedBytes};
use tantivy::schema::IndexRecordOption;
use tantivy::{Directory, DocSet, Index, InvertedIndexReader, SegmentReader, TERMINATED};

pub(crate) use builder::IndexBuilder;
pub use literal::Literal;
pub use pages::Pages;
pub use rows::{Rows, Word};
pub use tokens::fold;

use crate::{EVENT_TEXT_COLUMNS, Result, StorageError};
use container::{Sections, unpack};
use directory::PackedDirectory;
use literal::Clue;
use rows::RowLists;

/// Rows in a page.
pub const PAGE_ROWS: usize = 2_048;
/// Segments of fewer rows have no index: reading them is as fast as asking.
pub const INDEXED_ROWS_MIN: u64 = 4 * PAGE_ROWS as u64;
/// Columns of text whose tokens are indexed, all together.
const TEXT_COLUMNS: [&str; 2] = [MESSAGE_COLUMN, "fields"];
/// The one whose words are also known by row.
const MESSAGE_COLUMN: &str = "message";
/// Columns whose values are indexed, by column.
const VALUE_COLUMNS: [&str; EVENT_TEXT_COLUMNS.len() - 1] = {
    let mut columns = [""; EVENT_TEXT_COLUMNS.len() - 1];
    let mut index = 0;
    while index < columns.len() {
        columns[index] = EVENT_TEXT_COLUMNS[index];
        index += 1;
    }
    columns
};
/// A column with more values than this is only in the bloom filters.
const VALUES_MAX: usize = 1_024;
/// A segment with more words than this is not indexed.
const WORDS_MAX: usize = 1 << 20;
/// With more runs of letters inside ids than this, they are left out.
const RUNS_MAX: usize = 1 << 18;
/// With more names of values than this, they are left out.
const NAMES_MAX: usize = 1 << 16;

const WORDS_FIELD: &str = "words";
const VALUES_FIELD: &str = "values";
const SECTION_FACTS: &str = "facts";
const SECTION_OPAQUE: &str = "opaque pages";
const SECTION_ESCAPED: &str = "escaped pages";
const SECTION_ENDS: &str = "bloom ends";
const SECTION_BLOCKS: &str = "bloom blocks";
const SECTION_ROWS: &str = "rows of words";
const SECTION_NAMES: &str = "names";

/// The values of a column are all known.
const FACT_ALL_VALUES: u8 = 1;
/// Values of a column are left out that are words of the message of the same row.
const FACT_IN_TEXT: u8 = 2;

/// The term of a value of a column, or of its absence.
fn value_term(column: usize, value: Option<&str>) -> String {
    let column = char::from(b'a' + column as u8);
    match value {
        Some(value) => format!("{column}={value}"),
        None => format!("{column}!"),
    }
}

/// Where a column stands among those whose values are indexed.
fn column_number(name: &str) -> Option<usize> {
    VALUE_COLUMNS.iter().position(|known| *known == name)
}

/// The index of one segment, open.
pub struct TextIndex {
    rows: u64,
    pages: usize,
    words: std::sync::Arc<InvertedIndexReader>,
    values: std::sync::Arc<InvertedIndexReader>,
    has_all_runs: bool,
    /// What is known of each column.
    columns: Vec<u8>,
    opaque: Pages,
    escaped: Pages,
    ends: OwnedBytes,
    blocks: OwnedBytes,
    /// Whether names are among the words; they are not in an index that an earlier version wrote.
    has_all_names: bool,
    /// None in an index that an earlier version wrote, or if they would have been too long.
    lists: Option<RowLists>,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextIndex")
            .field("rows", &self.rows)
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}

impl TextIndex {
    /// Opens the index in the file `path`, checking all of it. The file stays mapped.
    ///
    /// # Errors
    /// [`StorageError::BadIndex`] if the file is missing, damaged or of another version: rows
    /// must be looked for without it.
    pub fn open(path: &Path) -> Result<TextIndex> {
        let bad = |what: String| StorageError::BadIndex {
            path: path.to_owned(),
            what,
        };
        let (folder, name) = path
            .parent()
            .zip(path.file_name())
            .ok_or_else(|| bad("it is no file".to_owned()))?;
        let bytes = MmapDirectory::open(folder)
            .map_err(|error| error.to_string())
            .and_then(|folder| {
                folder
                    .open_read(Path::new(name))
                    .map_err(|error| error.to_string())
            })
            .and_then(|file| file.read_bytes().map_err(|error| error.to_string()))
            .map_err(bad)?;
        TextIndex::read(&bytes).map_err(bad)
    }

    fn read(bytes: &OwnedBytes) -> Result<TextIndex, String> {
        let (header, sections) = unpack(bytes)?;
        let facts = sections.get(SECTION_FACTS)?;
        let pages = header.pages as usize;
        let set = |name| {
            Pages::from_bytes(&sections.get(name)?, pages)
                .ok_or_else(|| format!("the section `{name}` has the wrong length"))
        };
        let segment = open_words(&sections).map_err(|error| error.to_string())?;
        if segment.max_doc() as usize != pages
            || header.rows.div_ceil(PAGE_ROWS as u64) != pages as u64
        {
            return Err("its parts disagree about the number of pages".to_owned());
        }
        let field = |name| {
            let field = segment
                .schema()
                .get_field(name)
                .map_err(|error| error.to_string())?;
            segment
                .inverted_index(field)
                .map_err(|error| error.to_string())
        };
        let (has_all_runs, columns) = facts.split_first().ok_or("its facts are missing")?;
        if columns.len() != VALUE_COLUMNS.len() {
            return Err("it knows other columns".to_owned());
        }
        Ok(TextIndex {
            rows: header.rows,
            pages,
            words: field(WORDS_FIELD)?,
            values: field(VALUES_FIELD)?,
            has_all_runs: *has_all_runs == 1,
            columns: columns.to_vec(),
            opaque: set(SECTION_OPAQUE)?,
            escaped: set(SECTION_ESCAPED)?,
            ends: sections.get(SECTION_ENDS)?,
            blocks: sections.get(SECTION_BLOCKS)?,
            has_all_names: sections.get(SECTION_NAMES).is_ok(),
            lists: sections.get(SECTION_ROWS).ok().map(RowLists),
        })
    }

    /// Rows of the segment.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Pages of the segment.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Returns the pages on which `literal` may stand in a text column; `None` if the index
    /// cannot tell.
    ///
    /// # Errors
    /// If the dictionary cannot be read.
    pub fn text(&self, literal: &Literal) -> Result<Option<Pages>> {
        self.with_clues(literal.clues(false))
    }

    fn with_clues(&self, mut clues: Vec<Clue>) -> Result<Option<Pages>> {
        // A look into the filters takes longest, and less the fewer pages are left.
        clues.sort_by_key(|clue| matches!(clue, Clue::Id(_)));
        let mut found: Option<Pages> = None;
        for clue in clues {
            if found.as_ref().is_some_and(Pages::is_empty) {
                break;
            }
            let pages = match clue {
                Clue::Term(word) => self.term(&word)?,
                Clue::Part {
                    text,
                    is_prefix,
                    is_suffix,
                } if self.has_all_runs => self.terms_with(&text, is_prefix, is_suffix)?,
                Clue::Part { .. } => continue,
                Clue::Id(key) => self.with_key(key, found.as_ref()),
                Clue::Name { .. } if !self.has_all_names => continue,
                Clue::Name { text, is_suffix } if is_suffix => {
                    self.terms_with(&text, false, true)?
                }
                Clue::Name { text, .. } => self.term(&text)?,
            };
            match &mut found {
                Some(found) => found.keep(&pages),
                None => found = Some(pages),
            }
        }
        if let Some(found) = &mut found {
            found.add(&self.opaque);
        }
        Ok(found)
    }

    /// Returns the rows in whose messages `word` stands, in any case, and nothing of a word, ASCII
    /// that is, right before it and right behind it: these and no others. `None` if the index cannot tell.
    pub fn rows_with(&self, word: &Word) -> Option<Rows> {
        let lists = self.lists.as_ref().filter(|_| self.opaque.is_empty())?;
        lists.with(word)
    }

    /// As [`TextIndex::text`], for a literal that stands in a value inside JSON text: there it
    /// may be written with escapes.
    ///
    /// # Errors
    /// As [`TextIndex::text`].
    pub fn json(&self, literal: &Literal) -> Result<Option<Pages>> {
        let mut found = self.with_clues(literal.clues(true))?;
        if let Some(found) = &mut found {
            found.add(&self.escaped);
        }
        Ok(found)
    }

    /// Returns the values of `column`, null among them; `None` if they are not known.
    ///
    /// # Errors
    /// If the dictionary cannot be read.
    pub fn values(&self, column: &str) -> Result<Option<Vec<Option<String>>>> {
        let Some(column) = column_number(column) else {
            return Ok(None);
        };
        if self.columns[column] != FACT_ALL_VALUES {
            return Ok(None);
        }
        let mut values = Vec::new();
        let absent = value_term(column, None);
        if self
            .values
            .terms()
            .get(&absent)
            .map_err(read_error)?
            .is_some()
        {
            values.push(None);
        }
        let prefix = value_term(column, Some(""));
        let mut terms = self
            .values
            .terms()
            .range()
            .ge(&prefix)
            .into_stream()
            .map_err(read_error)?;
        while terms.advance() {
            let Some(value) = terms.key().strip_prefix(prefix.as_bytes()) else {
                break;
            };
            values.push(Some(String::from_utf8_lossy(value).into_owned()));
        }
        Ok(Some(values))
    }

    /// Returns the pages on which `column` has one of `values`, which [`TextIndex::values`] told.
    ///
    /// # Errors
    /// If the dictionary cannot be read.
    pub fn with_values<'a>(
        &self,
        column: &str,
        values: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<Pages> {
        let mut found = Pages::none(self.pages);
        let Some(column) = column_number(column) else {
            return Ok(Pages::all(self.pages));
        };
        for value in values {
            add_postings(
                &self.values,
                value_term(column, value).as_bytes(),
                &mut found,
            )?;
        }
        Ok(found)
    }

    /// Returns the pages on which `column` may have the value `folded`, in any case; `None` if
    /// the index cannot tell.
    ///
    /// # Errors
    /// If the dictionary cannot be read.
    pub fn with_value(&self, column: &str, folded: &str) -> Result<Option<Pages>> {
        let Some(column) = column_number(column) else {
            return Ok(None);
        };
        let mut found = self.with_key(tokens::value_key(column, folded.as_bytes()), None);
        found.add(&self.opaque);
        if self.columns[column] == FACT_IN_TEXT {
            match self.text(&Literal::new(folded, true, true))? {
                Some(pages) => found.add(&pages),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// The pages, of `among` if they are given, whose filter may hold the key.
    fn with_key(&self, key: u64, among: Option<&Pages>) -> Pages {
        let all = || Pages::all(self.pages);
        let among = among.cloned().unwrap_or_else(all);
        bloom::pages_with(key, &among, &self.ends, &self.blocks)
    }

    fn term(&self, word: &str) -> Result<Pages> {
        let mut found = Pages::none(self.pages);
        add_postings(&self.words, word.as_bytes(), &mut found)?;
        Ok(found)
    }

    /// The pages of all terms that hold `part`, at their beginning or end if so.
    fn terms_with(&self, part: &str, is_prefix: bool, is_suffix: bool) -> Result<Pages> {
        let mut found = Pages::none(self.pages);
        let finder = memmem::Finder::new(part);
        let all = self.words.terms().range();
        let all = if is_prefix { all.ge(part) } else { all };
        let mut terms = all.into_stream().map_err(read_error)?;
        while terms.advance() {
            if is_prefix && !terms.key().starts_with(part.as_bytes()) {
                break;
            }
            let holds = match (is_prefix, is_suffix) {
                (_, true) => terms.key().ends_with(part.as_bytes()),
                (true, false) => true,
                (false, false) => finder.find(terms.key()).is_some(),
            };
            if holds {
                let info = terms.value().clone();
                let postings = self
                    .words
                    .read_postings_from_terminfo(&info, IndexRecordOption::Basic)
                    .map_err(read_error)?;
                add_documents(postings, &mut found);
            }
        }
        Ok(found)
    }
}

fn open_words(sections: &Sections) -> tantivy::Result<SegmentReader> {
    let index = Index::open(PackedDirectory(sections.clone()))?;
    let segments = index.searchable_segments()?;
    match segments.as_slice() {
        [segment] => SegmentReader::open(segment),
        _ => Err(tantivy::TantivyError::InternalError(
            "an index has exactly one part".to_owned(),
        )),
    }
}

fn add_postings(index: &InvertedIndexReader, term: &[u8], found: &mut Pages) -> Result<()> {
    if let Some(info) = index.terms().get(term).map_err(read_error)? {
        let postings = index
            .read_postings_from_terminfo(&info, IndexRecordOption::Basic)
            .map_err(read_error)?;
        add_documents(postings, found);
    }
    Ok(())
}

fn add_documents(mut postings: impl DocSet, found: &mut Pages) {
    let mut page = postings.doc();
    while page != TERMINATED {
        found.insert(page as usize);
        page = postings.advance();
    }
}

fn read_error(error: std::io::Error) -> StorageError {
    StorageError::index("read a text index")(error.into())
}

#[cfg(test)]
mod tests;
