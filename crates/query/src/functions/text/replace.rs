//! `replace`: other text in place of a part or pattern.

use crate::functions::calls::PATTERN_MARK;
use crate::functions::entry::{Entry, text};
use crate::functions::java_pattern::translate_replacement;
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "replace",
    3,
    "replace(text, \"part\"|/pattern/, \"by\")",
    "Replaces every occurrence; `$1` and `${name}` stand for groups of the pattern.",
    &["* | replace(_raw, /\\d+/, \"#\") as x"],
    |_, a| text("text_replace", REPLACE, a),
)];

/// `text_replace(text, part, by)`.
const REPLACE: Run = Run::Text(|row, matchers| {
    let [Some(text), Some(part), Some(by)] = row else {
        return None;
    };
    match part.strip_prefix(PATTERN_MARK) {
        Some(pattern) => {
            let matcher = matchers.get(pattern)?;
            let by = translate_replacement(by, matcher.group_count());
            Some(matcher.replace_all(text, &by))
        }
        None => Some(text.replace(part, by)),
    }
});
