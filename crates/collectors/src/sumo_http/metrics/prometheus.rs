//! Prometheus' text format: `name{label="value"} number [time]`; lines that begin with `#` are
//! comments, and so is what follows a `#` behind the number (OpenMetrics exemplars).

use super::{Grammar, Line, Pairs};

pub(super) const GRAMMAR: Grammar = Grammar { cut, series };

fn cut(line: &str) -> Result<Option<Line<'_>>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = match line.find(['{', ' ', '\t']) {
        Some(brace) if line.as_bytes()[brace] == b'{' => {
            closing_brace(line, brace).ok_or("has labels that do not end")?
        }
        Some(blank) => blank,
        None => return Err("has no number".to_owned()),
    };
    let (series, rest) = line.split_at(end);
    let rest = rest.split_once('#').map_or(rest, |(number, _)| number);
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("has no number")?;
    let time = words.next();
    if words.next().is_some() {
        return Err("goes on after number and time".to_owned());
    }
    Ok(Some(Line {
        series,
        value,
        time,
    }))
}

/// Where the labels that begin at `open` end: behind the brace that is not quoted.
fn closing_brace(line: &str, open: usize) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, byte) in line.bytes().enumerate().skip(open) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'}' if !is_quoted => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn series(text: &str) -> Result<(String, Pairs), String> {
    let (name, labels) = match text.split_once('{') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix('}').unwrap_or(rest)),
        None => (text, ""),
    };
    if name.is_empty() {
        return Err("does not begin with a metric's name".to_owned());
    }
    let mut pairs = Pairs::new();
    let mut rest = labels.trim_start();
    while !rest.is_empty() {
        let (label, quoted) = rest
            .split_once('=')
            .ok_or_else(|| format!("has no `label=\"value\"` in `{rest}`"))?;
        let label = label.trim();
        let (value, after) = quoted_text(quoted.trim_start())
            .ok_or_else(|| format!("has no quoted value for the label `{label}`"))?;
        if label.is_empty() {
            return Err("has a label without a name".to_owned());
        }
        pairs.push((label.to_owned(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => "",
            None => return Err(format!("has no comma before `{after}`")),
        };
    }
    Ok((name.to_owned(), pairs))
}

/// Reads `"…"` and returns its meaning and what follows.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, inner.get(index + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other @ ('"' | '\\') => value.push(other),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}
