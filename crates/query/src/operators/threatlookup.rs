//! `threatlookup`: adds what is known of something that may come from an attacker.

use super::Entry;
use super::lookup::{Asked, add};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::{Planner, text_literal};
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "threatlookup",
        kind: UnitKind::Operator,
        syntax: "threatlookup [singleIndicator] [source=\"<name>\"] [include=\"<which>\"] <field>",
        summary: "Adds what the file `lookups/threat/indicators.csv` knows of an address, a domain or a hash, as `_threatlookup.actors` and so on.",
        examples: &[
            "* | parse \"client * \" as ip | threatlookup singleIndicator ip | where _threatlookup.confidence > 50",
        ],
    },
    apply,
);

const COLUMNS: [&str; 13] = [
    "actors",
    "confidence",
    "fields",
    "id",
    "imported",
    "indicator",
    "kill_chain",
    "source",
    "threat_type",
    "type",
    "updated",
    "valid_from",
    "valid_until",
];

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    // One entry for each row is all there is.
    tokens.word("singleindicator");
    let mut source = None;
    loop {
        let is_source = tokens.word("source");
        if !is_source && !tokens.word("include") {
            break;
        }
        tokens.expect_symbol("=")?;
        let (_, value, _) = tokens.text()?;
        if is_source {
            source = Some(value);
        }
    }
    let field = tokens.name()?;
    let indicator = planner.resolve(&field.text, &field.span).text();
    let mut keys = vec![("indicator".to_owned(), indicator)];
    keys.extend(source.map(|source| ("source".to_owned(), text_literal(&source))));
    let asked = Asked {
        table: "sumo://threat/indicators".to_owned(),
        at: field.span.clone(),
        keys,
        may_lack_columns: true,
    };
    let wanted = COLUMNS.iter().map(|column| {
        let name = Name {
            text: format!("_threatlookup.{column}"),
            span: field.span.clone(),
        };
        ((*column).to_owned(), name)
    });
    add(planner, &asked, Some(wanted.collect()))
}
