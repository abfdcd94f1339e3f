//! `json auto`: all keys of JSON become fields.

use model::limits::QUERY_JSON_AUTO_MAX;

use super::Entry;
use super::extraction::Options;
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::json::flatten;
use crate::functions::kernels::call;
use crate::plan::ResultKind;
use crate::plan::planner::{Planner, column, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "json auto",
        kind: UnitKind::Operator,
        syntax: "json auto [field=<field>] [keys \"<key>\", …] [maxdepth <n>] [extractarrays]",
        summary: "Makes fields of all keys of the JSON in a message, up to 100, named by their path, \
                  such as `%\"user.id\"`; never drops a row.",
        examples: &[
            "* | json auto | count by %\"user.id\"",
            "* | json auto keys \"level\", \"user.id\" maxdepth 2",
        ],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut options = Options::default();
    let mut wanted = flatten::Options::default();
    loop {
        let span = tokens.span();
        if options.read(tokens)? || tokens.word("refonly") || tokens.word("auto") {
        } else if tokens.word("extractarrays") {
            wanted.takes_lists = true;
        } else if tokens.word("maxdepth") {
            let depth = tokens.count()?;
            if depth == 0 {
                return Err(Diagnostic::error(span, "`maxdepth` is at least 1"));
            }
            wanted.depth_max = Some(depth);
        } else if tokens.word("keys") || matches!(tokens.peek(), Some(TokenKind::Text { .. })) {
            loop {
                let (_, key, _) = tokens.text()?;
                wanted.keys.push(key);
                if !tokens.symbol(",") {
                    break;
                }
            }
        } else {
            break;
        }
    }
    wanted.takes_lists |= wanted.keys.iter().any(|key| key.contains('['));
    let source = options.source(planner);
    if !planner.add_automatic(source.clone(), wanted.clone()) {
        return Err(Diagnostic::error(
            tokens.span(),
            format!("more than {QUERY_JSON_AUTO_MAX} `json auto` (QUERY_JSON_AUTO_MAX)"),
        )
        .expecting("`json` with the keys that are wanted"));
    }
    let wanted = serde_json::to_string(&wanted).unwrap_or_default();
    // Messages show all of them. Where nobody looks, nothing is computed.
    if planner.kind == ResultKind::Messages {
        let arguments = vec![column("fields"), source, text_literal(&wanted)];
        planner.show_further_fields(call("json_flatten", flatten::MERGE, arguments));
    }
    Ok(())
}
