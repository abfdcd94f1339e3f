//! Carbon 2.0: `tag=value tag=value  meta=value number time`. Two blanks end the tags that
//! identify a series; tags and metadata both become dimensions. The tag `metric` (or, as
//! metrics 2.0 has it, `what`) is the metric's name.

use super::{Grammar, Pairs, series_number_time};

pub(super) const GRAMMAR: Grammar = Grammar {
    cut: series_number_time,
    series,
};

fn series(text: &str) -> Result<(String, Pairs), String> {
    let mut pairs = Pairs::new();
    for word in text.split_ascii_whitespace() {
        match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                pairs.push((name.to_owned(), value.to_owned()));
            }
            _ => return Err(format!("has no `tag=value` in `{word}`")),
        }
    }
    for name in ["metric", "what"] {
        if let Some(place) = pairs.iter().position(|pair| pair.0 == name) {
            let (_, metric) = pairs.remove(place);
            return Ok((metric, pairs));
        }
    }
    Err("has no `metric=name` among its tags".to_owned())
}
