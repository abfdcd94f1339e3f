//! What parsing leaves behind besides fields: columns that nobody sees, fields whose names only the
//! data tells, and which fields are part of the message.

use std::collections::HashMap;

use datafusion::logical_expr::Expr;
use model::limits::QUERY_JSON_AUTO_MAX;

use super::planner::{Planner, Typed, column, text_literal};
use super::{FieldType, ResultKind};
use crate::functions::json::flatten;
use crate::functions::kernels::call;
use crate::syntax::tokens::Name;

/// How a field stands in the text that it was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Character by character.
    AsWritten,
    /// As a value of JSON, perhaps with escapes.
    Json,
}

/// The traces of earlier stages.
#[derive(Clone, Debug, Default)]
pub(super) struct Traces {
    /// Columns that later stages need and nobody sees: what the `nodrop` parses found.
    hidden: Vec<String>,
    /// Where further fields of messages are looked up, once the column `fields` holds more only to
    /// be shown.
    looked_up: Option<String>,
    /// The hidden column with further fields of records.
    further: Option<String>,
    /// Columns of fields that are part of the message.
    origins: HashMap<String, Origin>,
    /// Texts whose JSON has become fields, and which of its keys.
    automatic: Vec<(Expr, flatten::Options)>,
    /// Whether further fields come before the table's columns of the same name.
    do_further_win: bool,
    /// How many columns have been hidden so far.
    hidden_count: usize,
}

impl Traces {
    /// Forgets everything: an aggregation leaves nothing of the rows before.
    pub(super) fn clear(&mut self) {
        let hidden_count = self.hidden_count;
        *self = Traces {
            hidden_count,
            ..Traces::default()
        };
    }

    /// Drops the hidden columns; says whether there were any.
    pub(super) fn hide_nothing(&mut self) -> bool {
        !std::mem::take(&mut self.hidden).is_empty()
    }

    /// A hidden column has served its purpose.
    pub(super) fn hand_on_no_more(&mut self, hidden: &Expr) {
        if let Expr::Column(hidden) = hidden {
            self.hidden.retain(|known| *known != hidden.name);
        }
    }

    pub(super) fn hidden(&self) -> &[String] {
        &self.hidden
    }

    pub(super) const fn do_further_win(&self) -> bool {
        self.do_further_win
    }

    /// A column gets another value, which need not be part of the message.
    pub(super) fn forget(&mut self, column: &str) {
        self.origins.remove(column);
    }
}

impl Planner<'_> {
    /// Adds a column that nobody sees, and returns it. Unless it is kept, the next `assign` drops
    /// it.
    pub(crate) fn hide(&mut self, value: Expr, is_kept: bool) -> Expr {
        self.traces.hidden_count += 1;
        let name = format!("__hidden_{}", self.traces.hidden_count);
        let mut outputs = self.outputs();
        outputs.push((name.clone(), value));
        self.project(outputs);
        let hidden = column(&name);
        if is_kept {
            self.traces.hidden.push(name);
        }
        hidden
    }

    /// The column that holds fields whose names only the data tells, as a JSON object.
    pub(crate) fn further_fields(&self) -> Option<String> {
        match self.kind {
            ResultKind::Messages => Some("fields".to_owned()),
            ResultKind::Records => self.traces.further.clone(),
        }
    }

    /// Gives other further fields to the rows.
    pub(crate) fn set_further_fields(&mut self, value: Expr) {
        if self.kind == ResultKind::Records {
            if let Expr::Column(hidden) = self.hide(value, true) {
                self.traces.further = Some(hidden.name);
            }
            return;
        }
        self.traces.do_further_win = true;
        self.traces.looked_up = None;
        self.put_fields(value);
    }

    /// Shows other further fields of messages, without looking names up in them: what nobody looks at
    /// is not computed.
    pub(crate) fn show_further_fields(&mut self, value: Expr) {
        if self.traces.looked_up.is_none()
            && let Expr::Column(before) = self.hide(column("fields"), true)
        {
            self.traces.looked_up = Some(before.name);
        }
        self.put_fields(value);
    }

    /// The value of a further field of an event.
    pub(super) fn further_field(&self, name: &str) -> Expr {
        let fields = self.traces.looked_up.as_deref().unwrap_or("fields");
        named(column(fields), name)
    }

    fn put_fields(&mut self, value: Expr) {
        let mut outputs = self.outputs();
        outputs.retain(|(known, _)| known != "fields");
        outputs.push(("fields".to_owned(), value));
        self.project(outputs);
    }

    /// Notes that a field is part of the message.
    pub(crate) fn set_origin(&mut self, name: &str, origin: Origin) {
        let mut fields = self.fields.iter();
        if let Some(field) = fields.find(|field| field.name.eq_ignore_ascii_case(name)) {
            self.traces.origins.insert(field.column.clone(), origin);
        }
    }

    /// Whether a field is part of a text, and of which.
    pub(crate) fn origin(&self, name: &str) -> Option<(Origin, Expr)> {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        let origin = self.traces.origins.get(&field.column)?;
        Some((*origin, column("message")))
    }

    /// Makes fields of the keys of JSON, whatever they are; they win over fields of the same name.
    /// Returns false if there are too many such texts already.
    #[must_use]
    pub(crate) fn add_automatic(&mut self, text: Expr, options: flatten::Options) -> bool {
        if self.traces.automatic.len() >= QUERY_JSON_AUTO_MAX {
            return false;
        }
        let text = self.hide(text, true);
        self.traces.automatic.push((text, options));
        let known = self.fields.clone().into_iter();
        let values: Vec<_> = known
            .filter(|field| field.field_type == FieldType::String)
            .filter_map(|field| {
                let found = self.automatic_field(&field.name)?;
                let value = datafusion::prelude::coalesce(vec![found, column(&field.column)]);
                let name = Name {
                    text: field.name,
                    span: 0..0,
                };
                Some((name, Typed::new(value, FieldType::String)))
            })
            .collect();
        if !values.is_empty() {
            self.assign(values);
        }
        true
    }

    /// What the JSON of earlier stages says about a name; the last stage first.
    pub(super) fn automatic_field(&self, name: &str) -> Option<Expr> {
        let sources = self.traces.automatic.iter().rev();
        let values: Vec<Expr> = sources
            .filter(|(_, options)| options.wants(name))
            .map(|(text, _)| {
                let arguments = vec![text.clone(), text_literal(name)];
                call("json_auto", flatten::AUTO, arguments)
            })
            .collect();
        (!values.is_empty()).then(|| datafusion::prelude::coalesce(values))
    }

    /// Makes a row of each element of a list in a hidden column.
    pub(crate) fn unnest(&mut self, list: &Expr) -> Expr {
        if let Expr::Column(list) = list {
            self.build(|builder| builder.unnest_column(list.clone()));
        }
        list.clone()
    }
}

/// The value of a name in a JSON object of fields.
pub(super) fn named(fields: Expr, name: &str) -> Expr {
    call(
        "field_named",
        flatten::NAMED,
        vec![fields, text_literal(name)],
    )
}
