//! Graphite's plain text: `path number time`, optionally with tags as in `path;tag=value`.

use super::{Grammar, Pairs, series_number_time};

pub(super) const GRAMMAR: Grammar = Grammar {
    cut: series_number_time,
    series,
};

fn series(text: &str) -> Result<(String, Pairs), String> {
    let mut parts = text.split(';');
    let path = parts.next().unwrap_or_default();
    if path.is_empty() || path.contains(char::is_whitespace) {
        return Err("does not begin with a path without blanks".to_owned());
    }
    let tags = parts.map(|tag| match tag.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("has no `tag=value` in `{tag}`")),
    });
    Ok((path.to_owned(), tags.collect::<Result<_, _>>()?))
}
