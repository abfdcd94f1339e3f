//! What the operators of the parse family share: where the text comes from, and which rows are
//! kept with which values.

use datafusion::logical_expr::Expr;
use datafusion::prelude::coalesce;

use crate::functions::extract::kinds::Kind;
use crate::functions::extract::{Extraction, part};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, column};
use crate::plan::traces::Origin;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// What may stand before and after the pattern of any stage that parses.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// The text that is parsed, if it is not the message.
    pub(super) field: Option<Name>,
    /// Whether rows that do not match stay.
    pub(super) is_optional: bool,
}

impl Options {
    /// Reads one option, if one comes next.
    pub(super) fn read(&mut self, tokens: &mut Tokens) -> Parsed<bool> {
        if tokens.word("nodrop") {
            self.is_optional = true;
            return Ok(true);
        }
        if let Some(name) = tokens.field_option()? {
            self.field = Some(name);
            return Ok(true);
        }
        Ok(false)
    }

    /// Reads all options that come next.
    pub(super) fn read_all(&mut self, tokens: &mut Tokens) -> Parsed<()> {
        while self.read(tokens)? {}
        Ok(())
    }

    /// The text to be parsed.
    pub(super) fn source(&self, planner: &mut Planner<'_>) -> Expr {
        let typed = match &self.field {
            Some(name) => planner.resolve(&name.text, &name.span),
            None => planner.resolve("_raw", &(0..0)),
        };
        typed.text()
    }
}

/// One stage: how parts are found in which text.
pub(super) struct Stage {
    pub(super) kind: Kind,
    pub(super) constants: Vec<String>,
    pub(super) source: Expr,
    pub(super) is_optional: bool,
    /// How the parts stand in the text; `None` if they are rewritten.
    pub(super) origin: Option<Origin>,
}

impl Stage {
    /// Names the parts, in order. A row stays if it matched this stage or an earlier optional one;
    /// where nothing is found, a field keeps the value it had.
    pub(super) fn plan(self, planner: &mut Planner<'_>, names: Vec<Name>) {
        let origin = self.origin.filter(|_| self.source == column("message"));
        let found = Extraction::call(self.kind, self.source, &self.constants);
        let mut found = planner.hide(found, self.is_optional);
        if self.kind.is_multi {
            found = planner.unnest(&found);
        }
        let keeps_earlier = self.is_optional || !planner.matched.is_empty();
        let matched = part(found.clone(), names.len());
        if self.is_optional {
            planner.matched.push(matched);
        } else {
            let any = planner.matched.iter().cloned().fold(matched, Expr::or);
            planner.filter(any);
        }
        let mut fresh = Vec::new();
        let mut values = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            let value = part(found.clone(), index);
            let value = match planner.existing(&name.text).filter(|_| keeps_earlier) {
                Some(earlier) => coalesce(vec![value, earlier]),
                None => {
                    fresh.push(name.text.clone());
                    value
                }
            };
            values.push((name, Typed::new(value, FieldType::String)));
        }
        planner.assign(values);
        if let Some(origin) = origin {
            for name in fresh {
                planner.set_origin(&name, origin);
            }
        }
    }
}
