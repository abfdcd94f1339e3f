//! `threatip`: adds what is known of an address that attacks.

use super::Entry;
use super::lookup::{Asked, add};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "threatip",
        kind: UnitKind::Operator,
        syntax: "threatip <field>",
        summary: "Adds what the table `sumo://threat/cs` (the file `lookups/threat/cs.csv`) knows of an address: type, actor, raw, threatlevel, malicious_confidence.",
        examples: &["* | parse \"client * \" as ip | threatip ip | where !isNull(actor)"],
    },
    apply,
);

/// Columns of the table and the fields that they become.
const FIELDS: [(&str, &str); 5] = [
    ("type", "type"),
    ("actor", "actor"),
    ("raw", "raw"),
    ("threatlevel", "threatlevel"),
    ("threatlevel", "malicious_confidence"),
];

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let field = tokens.name()?;
    let indicator = planner.resolve(&field.text, &field.span).text();
    let asked = Asked {
        table: "sumo://threat/cs".to_owned(),
        at: field.span.clone(),
        may_lack_columns: true,
        keys: vec![("threat".to_owned(), indicator)],
    };
    let wanted = FIELDS.iter().map(|(column, name)| {
        let name = Name {
            text: (*name).to_owned(),
            span: field.span.clone(),
        };
        ((*column).to_owned(), name)
    });
    add(planner, &asked, Some(wanted.collect()))
}
