//! `geoip`: adds where an address is.

use super::Entry;
use super::lookup::{Asked, add};
use crate::descriptor::{Descriptor, UnitKind};
use crate::lookups::PLACE_COLUMNS;
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "geoip",
        kind: UnitKind::Operator,
        syntax: "geoip <field>[, <column>, …]",
        summary: "Adds where an address is: latitude, longitude, country_code, country_name, region, city and more, from `lookups/geo.mmdb`.",
        examples: &["* | parse \"client * \" as ip | geoip ip | count by country_name"],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let field = tokens.name()?;
    // Further columns may be named; all of them are there anyway.
    while !tokens.is_done() {
        tokens.symbol(",");
        tokens.name()?;
    }
    let address = planner.resolve(&field.text, &field.span).text();
    let asked = Asked {
        table: "geo://location".to_owned(),
        at: field.span.clone(),
        may_lack_columns: true,
        keys: vec![("ip".to_owned(), address)],
    };
    let wanted = PLACE_COLUMNS.iter().map(|column| {
        let name = Name {
            text: (*column).to_owned(),
            span: field.span.clone(),
        };
        ((*column).to_owned(), name)
    });
    add(planner, &asked, Some(wanted.collect()))
}
