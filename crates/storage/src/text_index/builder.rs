//! Builds the index of a segment while its rows are written, page by page.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use tantivy::directory::RamDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::TokenizerManager;
use tantivy::{Directory, Index, TantivyDocument};

use super::bloom::BloomBuilder;
use super::container::{Header, pack};
use super::directory::PREFIX;
use super::rows::{self, ByKey, RowList};
use super::tokens::{
    Escape, Kind, RUN_BYTES_MIN, Token, WORD_BYTES_MAX, each_token, fold_into, token_key, value_key,
};
use super::words::{END, Words};
use super::{
    FACT_ALL_VALUES, FACT_IN_TEXT, MESSAGE_COLUMN, NAMES_MAX, PAGE_ROWS, Pages, RUNS_MAX,
    SECTION_BLOCKS, SECTION_ENDS, SECTION_ESCAPED, SECTION_FACTS, SECTION_NAMES, SECTION_OPAQUE,
    SECTION_ROWS, TEXT_COLUMNS, VALUE_COLUMNS, VALUES_FIELD, VALUES_MAX, WORDS_FIELD, WORDS_MAX,
    value_term,
};
use crate::hashing::KeyHasher;
use crate::segment::IS_IN_MESSAGE;
use crate::{Result, StorageError};

/// What tantivy begins with; it grows as it must.
const WRITER_BYTES: usize = 16 << 20;
/// Only the builder needs it: whoever reads asks for terms.
const WORDS_TOKENIZER: &str = "words";

type Keys = HashSet<u64, BuildHasherDefault<KeyHasher>>;

/// Everything that is gathered for one page.
#[derive(Debug, Default)]
struct Page {
    /// From 1 on.
    number: u32,
    rows: usize,
    /// Ids and values that are noted already.
    seen: Keys,
    /// Each followed by [`END`].
    words: String,
    /// Terms of values.
    values: Vec<String>,
    /// Keys of the bloom filter.
    keys: Vec<u64>,
    is_opaque: bool,
    has_escapes: bool,
}

impl Page {
    fn clear(&mut self) {
        self.number += 1;
        self.rows = 0;
        self.seen.clear();
        self.words.clear();
        self.values.clear();
        self.keys.clear();
        self.is_opaque = false;
        self.has_escapes = false;
    }
}

/// A term of the segment.
#[derive(Debug, Default)]
struct Term {
    /// How many pages there were with the last one that holds it.
    pages: u32,
    is_word: bool,
    /// Whether it stands inside ids.
    is_run: bool,
    is_name: bool,
    /// The messages in which it is a word.
    rows: RowList,
}

/// What a segment's terms have come to.
#[derive(Debug, Default)]
struct Vocabulary {
    terms: ByKey<Term>,
    words: usize,
    runs: usize,
    names: usize,
    has_all_runs: bool,
    has_all_names: bool,
}

impl Vocabulary {
    /// Returns what is known of a term; `page`, the one at hand, learns of it.
    fn term(&mut self, text: &[u8], page: &mut Page) -> &mut Term {
        let term = self.terms.entry(token_key(text)).or_default();
        if term.pages != page.number {
            term.pages = page.number;
            page.words.push_str(&String::from_utf8_lossy(text));
            page.words.push(END);
        }
        term
    }

    /// Notes a word; `row` is the message that holds it, if it stands there as a word.
    fn word(&mut self, text: &[u8], page: &mut Page, row: Option<u32>) {
        let term = self.term(text, page);
        if let Some(row) = row {
            term.rows.push(row);
        }
        let is_new = !term.is_word;
        term.is_word = true;
        self.words += usize::from(is_new);
    }

    /// Notes a run of letters.
    fn run(&mut self, text: &[u8], page: &mut Page) {
        let term = self.term(text, page);
        let is_new = !term.is_run;
        term.is_run = true;
        self.runs += usize::from(is_new);
        self.has_all_runs &= self.runs <= RUNS_MAX;
    }

    /// Notes the name of a value.
    fn name(&mut self, text: &[u8], page: &mut Page) {
        if !self.has_all_names {
            return;
        }
        let term = self.term(text, page);
        let is_new = !term.is_name;
        term.is_name = true;
        self.names += usize::from(is_new);
        self.has_all_names = self.names <= NAMES_MAX;
    }
}

/// An index under construction.
pub(crate) struct IndexBuilder {
    writer: SingleSegmentIndexWriter,
    directory: RamDirectory,
    words: Field,
    values: Field,
    page: Page,
    folded: Vec<u8>,
    rows: u64,
    pages: u32,
    blooms: BloomBuilder,
    opaque: Vec<usize>,
    escaped: Vec<usize>,
    vocabulary: Vocabulary,
    /// Distinct values of each column; `None` when there are too many.
    columns: Vec<Option<Keys>>,
    /// Whether request ids were left out that stand in messages.
    has_ids_in_text: bool,
}

impl std::fmt::Debug for IndexBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexBuilder")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl IndexBuilder {
    /// Begins an index without rows.
    pub(crate) fn new() -> Result<Self> {
        // What is given to tantivy is cut into terms already.
        let options = |tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing)
        };
        let mut schema = Schema::builder();
        let words = schema.add_text_field(WORDS_FIELD, options(WORDS_TOKENIZER));
        let values = schema.add_text_field(VALUES_FIELD, options("raw"));
        let tokenizers = TokenizerManager::default();
        tokenizers.register(WORDS_TOKENIZER, Words::default());
        let directory = RamDirectory::create();
        let writer = Index::builder()
            .schema(schema.build())
            .tokenizers(tokenizers)
            .single_segment_index_writer(directory.clone(), WRITER_BYTES)
            .map_err(StorageError::index("begin a text index"))?;
        Ok(IndexBuilder {
            writer,
            directory,
            words,
            values,
            page: Page {
                number: 1,
                ..Page::default()
            },
            folded: Vec::new(),
            rows: 0,
            pages: 0,
            blooms: BloomBuilder::default(),
            opaque: Vec::new(),
            escaped: Vec::new(),
            vocabulary: Vocabulary {
                has_all_runs: true,
                has_all_names: true,
                ..Vocabulary::default()
            },
            columns: vec![Some(Keys::default()); VALUE_COLUMNS.len()],
            has_ids_in_text: false,
        })
    }

    /// Adds the rows that are written next, as the file holds them.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let end = batch.num_rows().min(start + PAGE_ROWS - self.page.rows);
            self.add_part(&batch.slice(start, end - start));
            if self.page.rows == PAGE_ROWS {
                self.end_page()?;
            }
            start = end;
        }
        Ok(())
    }

    fn add_part(&mut self, batch: &RecordBatch) {
        for name in TEXT_COLUMNS {
            let Some(column) = batch.column_by_name(name) else {
                continue;
            };
            let column: &StringViewArray = column.as_string_view();
            if column.null_count() == column.len() {
                continue;
            }
            let is_message = name == MESSAGE_COLUMN;
            for (text, row) in column.iter().zip(self.rows..) {
                let row = u32::try_from(row).ok().filter(|_| is_message);
                if let Some(text) = text {
                    self.add_text(text, row);
                }
            }
        }
        for (index, name) in VALUE_COLUMNS.iter().enumerate() {
            if let Some(column) = batch.column_by_name(name) {
                self.add_values(index, column.as_string_view());
            }
        }
        if let Some(flags) = batch.column_by_name(IS_IN_MESSAGE) {
            self.has_ids_in_text |= flags.as_boolean().has_true();
        }
        self.page.rows += batch.num_rows();
        self.rows += batch.num_rows() as u64;
    }

    /// Notes what a text holds; `row` is that of a message.
    fn add_text(&mut self, text: &str, row: Option<u32>) {
        self.page.is_opaque |= !fold_into(text, &mut self.folded);
        let (page, vocabulary, folded) = (&mut self.page, &mut self.vocabulary, &self.folded);
        if memchr::memchr(b'\\', folded).is_none() {
            each_token(folded, |token| {
                note(page, vocabulary, token, row);
                if let Some(name) = token.name(folded) {
                    vocabulary.name(name, page);
                }
            });
            return;
        }
        each_token(folded, |token| {
            note(page, vocabulary, token, row);
            if let Some(name) = token.name(folded) {
                vocabulary.name(name, page);
            }
            match token.behind_escape(folded) {
                Escape::None => {}
                Escape::Separator(rest) => {
                    each_token(rest, |token| note(page, vocabulary, token, None));
                }
                Escape::Letter => page.has_escapes = true,
            }
        });
    }

    fn add_values(&mut self, index: usize, column: &StringViewArray) {
        // Equal views of one column are equal values.
        let mut last: Option<(u128, bool)> = None;
        for (row, view) in column.views().iter().enumerate() {
            let is_null = column.is_null(row);
            if last.replace((*view, is_null)) == Some((*view, is_null)) {
                continue;
            }
            let value = (!is_null).then(|| column.value(row));
            let key = value.map_or(0, |value| value_key(index, value.as_bytes()));
            // Values are told apart from tokens and from each other's columns by their keys.
            let noted = key ^ value_key(index, b"\0noted");
            if !self.page.seen.insert(noted) {
                continue;
            }
            if let Some(value) = value {
                let is_plain = fold_into(value, &mut self.folded);
                self.page.is_opaque |= !is_plain;
                self.page.keys.push(value_key(index, &self.folded));
            }
            let is_long = value.is_some_and(|value| value.len() > WORD_BYTES_MAX);
            let known = self.columns[index].take();
            self.columns[index] = known.filter(|_| !is_long).and_then(|mut known| {
                known.insert(key);
                (known.len() <= VALUES_MAX).then_some(known)
            });
            if self.columns[index].is_some() {
                self.page.values.push(value_term(index, value));
            }
        }
    }

    fn end_page(&mut self) -> Result<()> {
        let mut document = TantivyDocument::default();
        document.add_text(self.words, &self.page.words);
        for value in &self.page.values {
            document.add_text(self.values, value);
        }
        self.writer
            .add_document(document)
            .map_err(StorageError::index("add a page to a text index"))?;
        self.blooms.add_page(&self.page.keys);
        let page = self.pages as usize;
        if self.page.is_opaque {
            self.opaque.push(page);
        }
        if self.page.has_escapes {
            self.escaped.push(page);
        }
        self.pages += 1;
        self.page.clear();
        Ok(())
    }

    /// Returns the bytes of the finished index; `None` if the segment's vocabulary is too large
    /// for one to be of use.
    pub(crate) fn finish(mut self) -> Result<Option<Vec<u8>>> {
        if self.page.rows > 0 {
            self.end_page()?;
        }
        if self.vocabulary.words > WORDS_MAX {
            return Ok(None);
        }
        let index = self
            .writer
            .finalize()
            .map_err(StorageError::index("finish a text index"))?;
        let mut sections = Vec::new();
        let metas = index
            .load_metas()
            .map_err(StorageError::index("finish a text index"))?;
        let mut files: Vec<PathBuf> = metas.list_segment_files().into_iter().collect();
        files.sort();
        files.push("meta.json".into());
        for path in files {
            if let Some(bytes) = read(&self.directory, &path)? {
                sections.push((format!("{PREFIX}{}", path.display()), bytes));
            }
        }
        let pages = |numbers: &[usize]| {
            let mut pages = Pages::none(self.pages as usize);
            numbers.iter().for_each(|page| pages.insert(*page));
            pages.to_bytes()
        };
        let (ends, blocks) = self.blooms.finish();
        let mut facts = vec![u8::from(self.vocabulary.has_all_runs)];
        let columns = self.columns.iter().zip(VALUE_COLUMNS);
        facts.extend(columns.map(|(values, name)| match values {
            _ if name == "request_id" && self.has_ids_in_text => FACT_IN_TEXT,
            Some(_) => FACT_ALL_VALUES,
            None => 0,
        }));
        sections.push((SECTION_FACTS.to_owned(), facts));
        sections.push((SECTION_OPAQUE.to_owned(), pages(&self.opaque)));
        sections.push((SECTION_ESCAPED.to_owned(), pages(&self.escaped)));
        sections.push((SECTION_ENDS.to_owned(), ends));
        sections.push((SECTION_BLOCKS.to_owned(), blocks));
        let terms = self.vocabulary.terms.iter();
        let lists = terms.map(|(key, term)| (*key, &term.rows));
        if self.vocabulary.has_all_names {
            sections.push((SECTION_NAMES.to_owned(), Vec::new()));
        }
        if let Some(lists) = rows::pack(self.rows, lists) {
            sections.push((SECTION_ROWS.to_owned(), lists));
        }
        let header = Header {
            rows: self.rows,
            pages: self.pages,
        };
        Ok(Some(pack(header, &sections)))
    }
}

fn note(page: &mut Page, vocabulary: &mut Vocabulary, token: Token<'_>, row: Option<u32>) {
    page.is_opaque |= token.is_unindexable();
    match token.kind() {
        Kind::Word => {
            vocabulary.word(token.bytes, page, row.filter(|_| token.is_ascii));
            return;
        }
        Kind::Id => {
            let key = token_key(token.bytes);
            if !page.seen.insert(key) {
                return;
            }
            page.keys.push(key);
        }
        Kind::Other => {}
    }
    if !(token.has_digit && token.has_letter && vocabulary.has_all_runs) {
        return;
    }
    for (_, run) in token.runs() {
        if run.len() >= RUN_BYTES_MIN && run.len() <= WORD_BYTES_MAX {
            vocabulary.run(run, page);
        }
    }
}

fn read(directory: &RamDirectory, path: &Path) -> Result<Option<Vec<u8>>> {
    let exists = directory
        .exists(path)
        .map_err(|error| StorageError::index("pack a text index")(error.into()))?;
    if !exists {
        return Ok(None);
    }
    let file = directory
        .atomic_read(path)
        .map_err(|error| StorageError::index("pack a text index")(error.into()))?;
    Ok(Some(file))
}
