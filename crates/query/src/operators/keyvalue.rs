//! `keyvalue`: takes the values that follow keys.

use super::Entry;
use super::extraction::{Options, Stage};
use super::json::{paths_and_names, same_count};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::key_values::MERGE;
use crate::functions::extract::kinds::KEY_VALUES;
use crate::functions::java_pattern::translate;
use crate::functions::kernels::call;
use crate::functions::matcher::Matcher;
use crate::plan::planner::{Planner, column, null_text, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "keyvalue",
        kind: UnitKind::Operator,
        syntax: "keyvalue [field=<field>] [infer] [keys] \"<key>\", … [as <field>, …] [nodrop] | \
                 keyvalue regex \"<pattern of a value>\" \"<key>\", … | keyvalue auto [delim \"<text>\"]",
        summary: "Takes the values that follow keys, as `key=value`, `key: value` or `key -> value`; \
                  with `auto` all of them.",
        examples: &[
            "* | keyvalue \"user\", \"status\" as user, status nodrop",
            "* | kv regex \"=(.*?)[, ]\" \"user\"",
            "* | keyvalue auto | count by status",
        ],
    },
    apply,
)
.or(&["kv"]);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut options = Options::default();
    let mut pattern = String::new();
    let mut delimiter = String::new();
    let mut is_auto = false;
    loop {
        if options.read(tokens)? || tokens.word("infer") || tokens.word("refonly") {
        } else if tokens.word("auto") {
            is_auto = true;
        } else if tokens.word("regex") {
            let (raw, _, span) = tokens.text()?;
            pattern = raw.replace("\\\"", "\"");
            Matcher::compile(&translate(&pattern)).map_err(|problem| {
                Diagnostic::error(span, format!("the pattern cannot be read: {problem}"))
            })?;
            tokens.symbol(",");
        } else if tokens.word("delim") || tokens.word("delimiter") {
            tokens.symbol("=");
            delimiter = tokens.text()?.1;
        } else {
            break;
        }
    }
    tokens.word("keys");
    if is_auto && tokens.is_done() {
        let source = options.source(planner);
        let delimiter = text_literal(&delimiter);
        let before = planner.further_fields();
        let before = before.map_or_else(|| null_text().expr, |name| column(&name));
        let arguments = vec![before, source, delimiter];
        planner.set_further_fields(call("key_values", MERGE, arguments));
        return Ok(());
    }
    let (keys, names) = paths_and_names(tokens, &mut options)?;
    if tokens.word("delim") || tokens.word("delimiter") {
        tokens.symbol("=");
        delimiter = tokens.text()?.1;
        options.read_all(tokens)?;
    }
    same_count(tokens, &keys, &names, "key")?;
    if pattern.is_empty() && !delimiter.is_empty() {
        pattern = format!(
            r#"[ \t]*{}[ \t]*(?:"([^"]*)"|([^\s,;&|]+))"#,
            regex::escape(&delimiter)
        );
    }
    let mut constants = vec![pattern];
    constants.extend(keys.into_iter().map(|key| key.text));
    let stage = Stage {
        kind: KEY_VALUES,
        constants,
        source: options.source(planner),
        is_optional: options.is_optional,
        origin: None,
    };
    stage.plan(planner, names);
    Ok(())
}
