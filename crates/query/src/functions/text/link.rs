//! `tourl`: a link with a label.

use crate::functions::entry::{Entry, text};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "tourl",
    2,
    "tourl(url, label)",
    "A link, written `[label](url)`; without a label the address itself.",
    &["* | tourl(concat(\"https://example.com/\", function), function) as link"],
    |_, a| text("to_url", LINK, a),
)];

const LINK: Run = Run::Text(|row, _| {
    let [Some(url), label] = row else {
        return None;
    };
    Some(match label {
        Some(label) if !label.is_empty() => format!("[{label}]({url})"),
        _ => (*url).to_owned(),
    })
});
