//! The part of the Logging query language that clients and collectors use: comparisons of fields
//! with `=`, `!=`, `<`, `<=`, `>`, `>=`, `:` and `=~`, lists of values in parentheses, `AND`, `OR`,
//! `NOT` and `-`, and words alone. Words beside each other mean `AND`.

use model::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::error::GoogleError;
use super::service::parse;

const SEVERITIES: &[&str] = &[
    "DEFAULT",
    "DEBUG",
    "INFO",
    "NOTICE",
    "WARNING",
    "ERROR",
    "CRITICAL",
    "ALERT",
    "EMERGENCY",
];
const FILTER_BYTES_MAX: usize = 20_000;
/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 32;

/// A filter; the empty one lets everything through.
#[derive(Debug)]
pub(super) struct Filter(Node);

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Compare {
        path: Vec<String>,
        operator: &'static str,
        value: String,
        pattern: Option<Regex>,
    },
    /// Anywhere in the entry.
    Word(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A word or a quoted text; of a quoted text it is true.
    Text(String, bool),
    Operator(&'static str),
    Open,
    Close,
    Dot,
    Minus,
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(text: &str) -> Result<Filter, GoogleError> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(GoogleError::invalid("The filter is too long"));
        }
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            depth: 0,
        };
        let node = parser.any()?;
        match parser.at == tokens.len() {
            true => Ok(Filter(node)),
            false => Err(unparsable()),
        }
    }

    /// Whether the entry is let through.
    pub(super) fn matches(&self, entry: &Value) -> bool {
        self.0.matches(entry)
    }

    /// What the filter says about `timestamp` in any case: from, and up to but without.
    pub(super) fn time_bounds(&self) -> (Timestamp, Timestamp) {
        let mut bounds = (Timestamp::from_nanos(i64::MIN), Timestamp::MAX);
        self.0.narrow(&mut bounds);
        bounds
    }
}

impl Node {
    fn narrow(&self, bounds: &mut (Timestamp, Timestamp)) {
        match self {
            Node::All(nodes) => nodes.iter().for_each(|node| node.narrow(bounds)),
            Node::Compare {
                path,
                operator,
                value,
                ..
            } if path.len() == 1 && path[0] == "timestamp" => {
                let Some(time) = parse(value) else { return };
                match *operator {
                    ">=" | ">" => bounds.0 = bounds.0.max(time),
                    "<" => bounds.1 = bounds.1.min(time),
                    "<=" => bounds.1 = bounds.1.min(time.saturating_add_nanos(1)),
                    _ => {}
                }
                bounds.1 = bounds.1.max(bounds.0);
            }
            _ => {}
        }
    }

    fn matches(&self, entry: &Value) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.matches(entry)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(entry)),
            Node::Not(node) => !node.matches(entry),
            Node::Word(word) => entry.to_string().to_lowercase().contains(word),
            Node::Compare {
                path,
                operator,
                value,
                pattern,
            } => {
                let found = path
                    .iter()
                    .try_fold(entry, |value, part| value.get(part.as_str()));
                compare(path, found, operator, value, pattern.as_ref())
            }
        }
    }
}

fn compare(
    path: &[String],
    found: Option<&Value>,
    operator: &str,
    value: &str,
    pattern: Option<&Regex>,
) -> bool {
    let found = match found {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None if path[0] == "severity" => "DEFAULT".to_owned(),
        None => return operator == "!=",
    };
    if let Some(pattern) = pattern {
        return pattern.is_match(&found);
    }
    let rank = |text: &str| {
        SEVERITIES
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name))
    };
    let order = if path[0] == "severity" {
        rank(&found).cmp(&rank(value))
    } else if path[0].ends_with("imestamp") {
        parse(&found).cmp(&parse(value))
    } else if let (Ok(found), Ok(value)) = (found.parse::<f64>(), value.parse::<f64>()) {
        found.total_cmp(&value)
    } else {
        found.to_lowercase().cmp(&value.to_lowercase())
    };
    match operator {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        // `labels.a:*` asks whether there is one.
        _ => value == "*" || found.to_lowercase().contains(&value.to_lowercase()),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Node, GoogleError> {
        let mut nodes = vec![self.all()?];
        while self.takes_word("OR") {
            nodes.push(self.all()?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all(&mut self) -> Result<Node, GoogleError> {
        let mut nodes = Vec::new();
        loop {
            let is_end = matches!(self.tokens.get(self.at), None | Some(Token::Close));
            if is_end || self.is_word("OR") {
                return Ok(one_or(nodes, Node::All));
            }
            if self.takes_word("AND") {
                continue;
            }
            nodes.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Node, GoogleError> {
        if self.takes_word("NOT") || self.takes(&Token::Minus) {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.takes(&Token::Open) {
            return self.inside(Parser::any);
        }
        let mut path = vec![self.text()?];
        while self.takes(&Token::Dot) {
            path.push(self.text()?);
        }
        let Some(&Token::Operator(operator)) = self.tokens.get(self.at) else {
            return Ok(Node::Word(path.join(".").to_lowercase()));
        };
        self.at += 1;
        self.values(&path, operator)
    }

    /// A value, or several in parentheses: `("a" OR "b")`.
    fn values(&mut self, path: &[String], operator: &'static str) -> Result<Node, GoogleError> {
        if self.takes(&Token::Open) {
            return self.inside(|parser| {
                let mut any = Vec::new();
                loop {
                    let mut all = vec![parser.values(path, operator)?];
                    while parser.takes_word("AND") {
                        all.push(parser.values(path, operator)?);
                    }
                    any.push(one_or(all, Node::All));
                    if !parser.takes_word("OR") {
                        return Ok(one_or(any, Node::Any));
                    }
                }
            });
        }
        let value = self.text()?;
        let pattern = match operator {
            "=~" => Some(Regex::new(&value).map_err(|_| unparsable())?),
            _ => None,
        };
        Ok(Node::Compare {
            path: path.to_vec(),
            operator,
            value,
            pattern,
        })
    }

    fn inside(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Node, GoogleError>,
    ) -> Result<Node, GoogleError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(unparsable());
        }
        let node = read(self)?;
        self.depth -= 1;
        match self.takes(&Token::Close) {
            true => Ok(node),
            false => Err(unparsable()),
        }
    }

    fn text(&mut self) -> Result<String, GoogleError> {
        match self.tokens.get(self.at) {
            Some(Token::Text(text, _)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(unparsable()),
        }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_it = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(is_it);
        is_it
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Text(text, false)) if text == word)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = self.is_word(word);
        self.at += usize::from(is_it);
        is_it
    }
}

fn one_or(mut nodes: Vec<Node>, make: fn(Vec<Node>) -> Node) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(node)) => node,
        (_, last) => {
            nodes.extend(last);
            make(nodes)
        }
    }
}

fn unparsable() -> GoogleError {
    GoogleError::invalid("Unparseable filter: syntax error")
}

fn tokens(text: &str) -> Result<Vec<Token>, GoogleError> {
    const OPERATORS: &[&str] = &["<=", ">=", "!=", "=~", "=", "<", ">", ":"];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let operator = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(**operator));
        let (token, after) = if let Some(operator) = operator {
            (Token::Operator(operator), rest.strip_prefix(operator))
        } else if first == '"' {
            let (text, after) = quoted(rest)?;
            (Token::Text(text, true), Some(after))
        } else {
            match first {
                '(' => (Token::Open, rest.strip_prefix('(')),
                ')' => (Token::Close, rest.strip_prefix(')')),
                '.' => (Token::Dot, rest.strip_prefix('.')),
                '-' => (Token::Minus, rest.strip_prefix('-')),
                _ => {
                    let is_end = |c: char| c.is_whitespace() || "()<>=!:.\"".contains(c);
                    let (word, after) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
                    (Token::Text(word.to_owned(), false), Some(after))
                }
            }
        };
        tokens.push(token);
        rest = after
            .filter(|after| after.len() < rest.len())
            .ok_or_else(unparsable)?
            .trim_start();
    }
    Ok(tokens)
}

/// Reads `"text"`, with `\"` and `\\` in it.
fn quoted(text: &str) -> Result<(String, &str), GoogleError> {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((out, text.split_at(at + 1).1)),
            '\\' => out.extend(characters.next().map(|(_, next)| next)),
            other => out.push(other),
        }
    }
    Err(unparsable())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_let_through_what_they_say() {
        let entry = json!({
            "severity": "ERROR", "timestamp": "2025-11-23T14:52:00.5Z", "textPayload": "Out of Memory",
            "resource": {"type": "cloud_function", "labels": {"function_name": "pay"}},
            "labels": {"execution_id": "e1", "goog-managed-by": "cloudfunctions"},
            "httpRequest": {"status": 504},
        });
        let matches = |filter: &str| Filter::parse(filter).unwrap().matches(&entry);
        for filter in [
            "",
            r#"resource.type=("cloud_function" OR "cloud_run_revision")"#,
            r#"(resource.type="cloud_function") AND timestamp>="2025-11-23T14:52:00Z""#,
            "severity>=WARNING severity<CRITICAL",
            r#"labels."goog-managed-by"="cloudfunctions" AND labels.execution_id:*"#,
            "httpRequest.status>=500",
            r#"textPayload:"of mem" AND textPayload=~"^Out""#,
            r#"NOT textPayload:"nothing" -severity=INFO"#,
            "memory",
            r#"resource.type="other" OR severity=ERROR"#,
            r#"labels.none!="x""#,
        ] {
            assert!(matches(filter), "{filter}");
        }
        for filter in [
            r#"resource.type=("a" OR "b")"#,
            "severity=INFO OR severity>ERROR",
            r#"timestamp<"2025-11-23T14:52:00.5Z""#,
            "labels.none:*",
            "labels.none=x",
            "httpRequest.status=200",
        ] {
            assert!(!matches(filter), "{filter}");
        }
        for filter in ["(", "a=", "a=\"b", "a=~\"(\"", "a b)", &"(".repeat(99)] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn bounds_of_time_are_those_that_hold_in_any_case() {
        let bounds = |filter: &str| Filter::parse(filter).unwrap().time_bounds();
        let at = |text: &str| parse(text).unwrap();
        let (low, high) = (at("2025-11-23T14:52:00Z"), at("2025-11-23T15:52:00Z"));
        let both = r#"timestamp>="2025-11-23T14:52:00Z" AND timestamp<"2025-11-23T15:52:00Z" a"#;
        assert_eq!(bounds(both), (low, high));
        let either = r#"timestamp>="2025-11-23T14:52:00Z" OR a=b"#;
        assert!(bounds(either).0 < low);
        let contrary = r#"timestamp>="2025-11-23T15:52:00Z" timestamp<"2025-11-23T14:52:00Z""#;
        assert_eq!(bounds(contrary), (high, high));
    }
}
