//! What rows must hold for a condition to be true, as far as an index can tell.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::physical_expr::PhysicalExpr;
use storage::{Literal, Pages, StorageError, TextIndex};

/// Where a text comes from that a literal must stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is all of a column of text.
    Whole,
    /// It is a part of one.
    Part,
    /// It is a value inside JSON in one.
    Json,
}

/// A condition that is necessary and that an index can answer. What satisfies it is only a
/// candidate: the plan checks every row again.
#[derive(Clone)]
pub(super) enum Need {
    /// Nothing is known; every row is a candidate.
    Anything,
    /// No row can satisfy the condition.
    Never,
    /// A literal in a column of text.
    Text(Literal),
    /// A literal in a value inside JSON.
    Json(Literal),
    /// A condition on one column.
    Column(ColumnTest),
    /// All of these.
    All(Vec<Need>),
    /// One of these.
    Any(Vec<Need>),
}

/// A condition on one column of text.
#[derive(Clone)]
pub(super) struct ColumnTest {
    pub(super) column: String,
    /// The condition over that column alone.
    pub(super) test: Arc<dyn PhysicalExpr>,
    /// The one value, folded, that satisfies it, if it is only one.
    pub(super) only_value: Option<String>,
    /// The condition as people read it.
    pub(super) shown: String,
}

impl Need {
    /// A literal in a text from `origin`.
    pub(super) fn literal(literal: Literal, origin: Origin) -> Need {
        match origin {
            _ if !literal.is_useful() => Need::Anything,
            Origin::Whole | Origin::Part => Need::Text(literal),
            Origin::Json => Need::Json(literal),
        }
    }

    /// All of `needs`.
    pub(super) fn all(needs: Vec<Need>) -> Need {
        let mut kept = Vec::new();
        for need in needs {
            match need {
                Need::Anything => {}
                Need::Never => return Need::Never,
                Need::All(inner) => inner.into_iter().for_each(|need| need.join(&mut kept)),
                other => other.join(&mut kept),
            }
        }
        match kept.len() {
            0 => Need::Anything,
            1 => kept.remove(0),
            _ => Need::All(kept),
        }
    }

    /// One of `needs`.
    pub(super) fn any(needs: Vec<Need>) -> Need {
        let mut kept = Vec::new();
        for need in needs {
            match need {
                Need::Anything => return Need::Anything,
                Need::Never => {}
                Need::Any(inner) => inner.into_iter().for_each(|need| need.join(&mut kept)),
                other => other.join(&mut kept),
            }
        }
        match kept.len() {
            0 => Need::Never,
            1 => kept.remove(0),
            _ => Need::Any(kept),
        }
    }

    /// Adds this to `needs`, unless it says what one of them says already.
    fn join(self, needs: &mut Vec<Need>) {
        let says_the_same = |other: &Need| match (&self, other) {
            (Need::Text(one), Need::Text(other)) | (Need::Json(one), Need::Json(other)) => {
                one == other
            }
            _ => false,
        };
        if !needs.iter().any(says_the_same) {
            needs.push(self);
        }
    }

    /// Whether nothing is known.
    pub(super) fn is_anything(&self) -> bool {
        matches!(self, Need::Anything)
    }

    /// Returns the candidates among the pages of `index`; `None` if it cannot tell.
    pub(super) fn pages(&self, index: &TextIndex) -> Result<Option<Pages>> {
        match self {
            Need::Anything => Ok(None),
            Need::Never => Ok(Some(Pages::none(index.pages()))),
            Need::Text(literal) => index.text(literal).map_err(unreadable),
            Need::Json(literal) => index.json(literal).map_err(unreadable),
            Need::Column(test) => test.pages(index),
            Need::All(needs) => {
                let mut kept: Option<Pages> = None;
                for need in needs {
                    match (&mut kept, need.pages(index)?) {
                        (_, None) => {}
                        (Some(kept), Some(pages)) => kept.keep(&pages),
                        (None, pages) => kept = pages,
                    }
                    if kept.as_ref().is_some_and(Pages::is_empty) {
                        break;
                    }
                }
                Ok(kept)
            }
            Need::Any(needs) => {
                let mut found = Pages::none(index.pages());
                for need in needs {
                    match need.pages(index)? {
                        Some(pages) => found.add(&pages),
                        None => return Ok(None),
                    }
                }
                Ok(Some(found))
            }
        }
    }
}

impl ColumnTest {
    fn pages(&self, index: &TextIndex) -> Result<Option<Pages>> {
        let Some(values) = index.values(&self.column).map_err(unreadable)? else {
            return match &self.only_value {
                Some(value) => index.with_value(&self.column, value).map_err(unreadable),
                None => Ok(None),
            };
        };
        let schema = Schema::new(vec![Field::new(&self.column, DataType::Utf8View, true)]);
        let column = Arc::new(
            values
                .iter()
                .map(Option::as_deref)
                .collect::<StringViewArray>(),
        );
        let batch = RecordBatch::try_new(Arc::new(schema), vec![column])?;
        let passed = self.test.evaluate(&batch)?.into_array(values.len())?;
        let passed = passed
            .as_boolean_opt()
            .ok_or_else(|| exec_datafusion_err!("the condition {} is no condition", self.shown))?;
        let passing = values
            .iter()
            .enumerate()
            .filter(|(row, _)| passed.is_valid(*row) && passed.value(*row))
            .map(|(_, value)| value.as_deref());
        let pages = index
            .with_values(&self.column, passing)
            .map_err(unreadable)?;
        Ok(Some(pages))
    }
}

fn unreadable(error: StorageError) -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::External(Box::new(error))
}

impl fmt::Display for Need {
    /// `|` marks a known end of a word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, needs: &[Need], word: &str| {
            for (index, need) in needs.iter().enumerate() {
                if index > 0 {
                    f.write_str(word)?;
                }
                match need {
                    Need::All(_) | Need::Any(_) => write!(f, "({need})")?,
                    _ => write!(f, "{need}")?,
                }
            }
            Ok(())
        };
        match self {
            Need::Anything => f.write_str("anything"),
            Need::Never => f.write_str("nothing"),
            Need::Text(literal) | Need::Json(literal) => {
                let mark = |is_known: bool| if is_known { "|" } else { "" };
                let (begins, ends) = (mark(literal.begins_word), mark(literal.ends_word));
                write!(f, "{begins}{}{ends}", literal.text())
            }
            Need::Column(test) => f.write_str(&test.shown),
            Need::All(needs) => join(f, needs, " and "),
            Need::Any(needs) => join(f, needs, " or "),
        }
    }
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
