//! `parse xml`: takes fields out of XML by path.

use super::Entry;
use super::extraction::{Options, Stage};
use super::json::{paths_and_names, same_count};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::kinds::XML;
use crate::functions::extract::xml::Xml;
use crate::plan::planner::Planner;
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "parse xml",
        kind: UnitKind::Operator,
        syntax: "parse xml [field=<field>] \"<path>\", … [as <field>, …] [nodrop]",
        summary: "Takes the texts and attributes at paths of XML.",
        examples: &["* | parse xml \"/order/@id\", \"/order/item[1]\" as id, item nodrop"],
    },
    apply,
)
.or(&["parsexml"]);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut options = Options::default();
    let (paths, names) = paths_and_names(tokens, &mut options)?;
    same_count(tokens, &paths, &names, "path")?;
    for path in &paths {
        if Xml::new(std::slice::from_ref(&path.text)).is_none() {
            return Err(
                Diagnostic::error(path.span.clone(), "this path cannot be read")
                    .expecting("a path such as `/a/b[1]` or `/a/b/@id`"),
            );
        }
    }
    let stage = Stage {
        kind: XML,
        constants: paths.into_iter().map(|path| path.text).collect(),
        source: options.source(planner),
        is_optional: options.is_optional,
        origin: None,
    };
    stage.plan(planner, names);
    Ok(())
}
