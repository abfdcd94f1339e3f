//! The part of OData's `$filter` that the table service knows: comparisons of properties with
//! literals, `and`, `or`, `not` and parentheses
//! (<https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities>).

use std::cmp::Ordering;

use model::Timestamp;

use super::error::AzureError;
use super::tables::{Entity, Key, Property};
use super::times;

/// How many comparisons a filter has at most.
const COMPARISONS_MAX: usize = 15;
/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 32;

/// A filter; the empty one lets everything through.
#[derive(Debug)]
pub(super) struct Filter(Option<Node>);

#[derive(Debug)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(String, Operator, Literal),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
    Time(Timestamp),
    Guid(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Literal(Literal),
    Open,
    Close,
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(text: &str) -> Result<Filter, AzureError> {
        if text.trim().is_empty() {
            return Ok(Filter(None));
        }
        let tokens = tokens(text).ok_or_else(AzureError::invalid_input)?;
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            depth: 0,
            comparisons: 0,
        };
        let node = parser.either();
        let is_whole = parser.at == tokens.len() && parser.comparisons <= COMPARISONS_MAX;
        match node.filter(|_| is_whole) {
            Some(node) => Ok(Filter(Some(node))),
            None => Err(AzureError::invalid_input()),
        }
    }

    /// Whether the entity is let through.
    pub(super) fn matches(&self, (partition, row): &Key, entity: &Entity) -> bool {
        let value = |name: &str| match name {
            "PartitionKey" => Some(Literal::Text(partition.clone())),
            "RowKey" => Some(Literal::Text(row.clone())),
            "Timestamp" => Some(Literal::Time(entity.timestamp)),
            name => entity.property(name).map(Literal::of),
        };
        self.0.as_ref().is_none_or(|node| node.matches(&value))
    }

    /// Whether the table of this name is let through.
    pub(super) fn matches_table(&self, table: &str) -> bool {
        let value = |name: &str| (name == "TableName").then(|| Literal::Text(table.to_owned()));
        self.0.as_ref().is_none_or(|node| node.matches(&value))
    }

    /// The partition that everything that is let through is in, if there is one, and the row keys
    /// between which it lies, both inclusive.
    pub(super) fn bounds(&self) -> (Option<&str>, &str, Option<&str>) {
        let mut bounds = (None, "", None);
        if let Some(node) = &self.0 {
            node.narrow(&mut bounds);
        }
        bounds
    }
}

impl Literal {
    fn of(property: &Property) -> Literal {
        match property {
            Property::Text(text) => Literal::Text(text.clone()),
            Property::Int32(number) => Literal::Number(f64::from(*number)),
            Property::Boolean(value) => Literal::Boolean(*value),
            Property::Time(time) => Literal::Time(*time),
            Property::Guid(id) => Literal::Guid(id.clone()),
        }
    }

    /// How two of the same type compare.
    fn compare(&self, other: &Literal) -> Option<Ordering> {
        match (self, other) {
            (Literal::Text(left), Literal::Text(right))
            | (Literal::Guid(left), Literal::Guid(right)) => Some(left.cmp(right)),
            (Literal::Number(left), Literal::Number(right)) => left.partial_cmp(right),
            (Literal::Boolean(left), Literal::Boolean(right)) => Some(left.cmp(right)),
            (Literal::Time(left), Literal::Time(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

impl Node {
    fn matches(&self, value: &impl Fn(&str) -> Option<Literal>) -> bool {
        match self {
            Node::And(left, right) => left.matches(value) && right.matches(value),
            Node::Or(left, right) => left.matches(value) || right.matches(value),
            Node::Not(node) => !node.matches(value),
            // What an entity has not, or has of another type, is no match.
            Node::Compare(name, operator, literal) => value(name)
                .and_then(|value| value.compare(literal))
                .is_some_and(|order| operator.allows(order)),
        }
    }

    fn narrow<'a>(&'a self, bounds: &mut (Option<&'a str>, &'a str, Option<&'a str>)) {
        match self {
            Node::And(left, right) => {
                left.narrow(bounds);
                right.narrow(bounds);
            }
            Node::Compare(name, operator, Literal::Text(text)) => {
                use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
                let text = text.as_str();
                match (name.as_str(), operator) {
                    ("PartitionKey", Equal) => bounds.0 = Some(text),
                    ("RowKey", Equal) => (bounds.1, bounds.2) = (text, Some(text)),
                    ("RowKey", Greater | GreaterOrEqual) => bounds.1 = bounds.1.max(text),
                    ("RowKey", Less | LessOrEqual) => {
                        bounds.2 = Some(bounds.2.map_or(text, |end| end.min(text)));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Operator {
    fn parse(word: &str) -> Option<Operator> {
        Some(match word {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return None,
        })
    }

    fn allows(self, order: Ordering) -> bool {
        match self {
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
        }
    }
}

/// `None` means that the text is no filter.
struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    comparisons: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Option<Node> {
        let mut node = self.both()?;
        while self.takes_word("or") {
            node = Node::Or(Box::new(node), Box::new(self.both()?));
        }
        Some(node)
    }

    fn both(&mut self) -> Option<Node> {
        let mut node = self.one()?;
        while self.takes_word("and") {
            node = Node::And(Box::new(node), Box::new(self.one()?));
        }
        Some(node)
    }

    fn one(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let node = if self.takes_word("not") {
            Node::Not(Box::new(self.one()?))
        } else if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            let node = self.either()?;
            if self.next()? != Token::Close {
                return None;
            }
            node
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Some(node)
    }

    fn comparison(&mut self) -> Option<Node> {
        self.comparisons += 1;
        let Token::Word(name) = self.next()? else {
            return None;
        };
        let Token::Word(operator) = self.next()? else {
            return None;
        };
        let operator = Operator::parse(&operator)?;
        match self.next()? {
            Token::Literal(literal) => Some(Node::Compare(name, operator, literal)),
            _ => None,
        }
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there = matches!(self.tokens.get(self.at), Some(Token::Word(next)) if next == word);
        self.at += usize::from(is_there);
        is_there
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            '(' => (Token::Open, rest.strip_prefix('(')?),
            ')' => (Token::Close, rest.strip_prefix(')')?),
            '\'' => {
                let (text, behind) = quoted(rest)?;
                (Token::Literal(Literal::Text(text)), behind)
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "()'".contains(c));
                let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
                match behind.starts_with('\'') {
                    true => typed(word, behind)?,
                    false => (plain(word)?, behind),
                }
            }
        };
        tokens.push(token);
        rest = behind.trim_start();
    }
    Some(tokens)
}

/// A literal of the type that stands in front of its text: `datetime'…'`.
fn typed<'a>(kind: &str, rest: &'a str) -> Option<(Token, &'a str)> {
    let (text, behind) = quoted(rest)?;
    let literal = match kind {
        "datetime" => Literal::Time(times::parse(&text)?),
        "guid" => Literal::Guid(text.to_lowercase()),
        _ => return None,
    };
    Some((Token::Literal(literal), behind))
}

/// A word, or a literal that needs no quotation marks.
fn plain(word: &str) -> Option<Token> {
    let literal = match word {
        "true" => Literal::Boolean(true),
        "false" => Literal::Boolean(false),
        _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            Literal::Number(word.trim_end_matches('L').parse().ok()?)
        }
        _ => return Some(Token::Word(word.to_owned())),
    };
    Some(Token::Literal(literal))
}

/// The text in the quotation marks that `rest` begins with, in which they are doubled, and what is
/// behind.
pub(super) fn quoted(rest: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut rest = rest.strip_prefix('\'')?;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        text.push_str(part);
        match behind.strip_prefix('\'') {
            Some(behind) => {
                text.push('\'');
                rest = behind;
            }
            None => return Some((text, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity() -> (Key, Entity) {
        let key = ("I".to_owned(), "a'b".to_owned());
        let time = times::parse("2026-11-23T14:00:00Z").unwrap();
        let entity = Entity {
            timestamp: time,
            properties: vec![
                ("Count", Property::Int32(7)),
                ("HasError", Property::Boolean(false)),
                ("StartTime", Property::Time(time)),
                ("Id", Property::Guid("0a1b".to_owned())),
            ],
        };
        (key, entity)
    }

    #[test]
    fn comparisons_of_every_type() {
        let (key, entity) = entity();
        for (filter, expected) in [
            ("", true),
            ("PartitionKey eq 'I' and RowKey eq 'a''b'", true),
            (
                "PartitionKey eq 'I' and (RowKey ge 'b' or RowKey lt 'b')",
                true,
            ),
            ("PartitionKey ne 'I'", false),
            ("not (Count gt 7) and Count ge 7 and Count le 7L", true),
            ("Count lt 6.5", false),
            ("HasError eq false", true),
            ("StartTime ge datetime'2026-11-23T14:00:00Z'", true),
            ("Timestamp gt datetime'2026-11-23T14:00:00.0000000Z'", false),
            ("Id eq guid'0A1B'", true),
            // Another type, and nothing at all.
            ("Count eq '7'", false),
            ("EndTime ge datetime'2026-11-23T14:00:00Z'", false),
            (
                "PartitionKey eq 'R2' or PartitionKey eq 'I' and Count eq 7",
                true,
            ),
        ] {
            let read = Filter::parse(filter).unwrap();
            assert_eq!(read.matches(&key, &entity), expected, "{filter}");
        }
    }

    #[test]
    fn keys_that_are_compared_bound_what_is_read() {
        let filter = Filter::parse(
            "PartitionKey eq 'R2' and RowKey ge 'a' and RowKey lt 'c' and RowKey gt 'b'",
        );
        assert_eq!(filter.unwrap().bounds(), (Some("R2"), "b", Some("c")));
        let filter = Filter::parse("PartitionKey eq 'R2' or RowKey ge 'a'");
        assert_eq!(filter.unwrap().bounds(), (None, "", None));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let many = vec!["A eq 1"; COMPARISONS_MAX + 1].join(" and ");
        let deep = "(".repeat(40);
        for filter in [
            "A",
            "A eq",
            "A eq b",
            "A is 1",
            "A eq 'b",
            "A eq 1 B eq 2",
            "(A eq 1",
            "A eq x'1'",
            "A eq datetime'soon'",
            "'a' eq A",
            "and",
            &many,
            &deep,
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
