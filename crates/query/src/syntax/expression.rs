//! Expressions: arithmetic, comparison, logic, calls. Precedence as in most languages: or, and, not, comparison, sum, product.

use std::ops::Range;

use model::limits::QUERY_CONDITIONS_MAX;

use super::Diagnostic;
use super::lexer::TokenKind;
use super::tokens::{Name, Parsed, Tokens};

/// An expression with its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
    /// How many expressions there are from here to the innermost one.
    depth: usize,
}

impl Expression {
    fn new(kind: Kind, span: Range<usize>) -> Self {
        let deepest = |inner: &[Expression]| inner.iter().map(|inner| inner.depth).max();
        let inside = match &kind {
            Kind::Not(inner) | Kind::Negative(inner) => inner.depth,
            Kind::Binary(_, left, right) => left.depth.max(right.depth),
            Kind::In { value, options, .. } => value.depth.max(deepest(options).unwrap_or(0)),
            Kind::Call(_, arguments) => deepest(arguments).unwrap_or(0),
            _ => 0,
        };
        let depth = inside + 1;
        Expression { kind, span, depth }
    }
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Number(f64),
    Text(String),
    Pattern(String),
    Boolean(bool),
    Null,
    Field(String),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operation, Box<Expression>, Box<Expression>),
    In {
        value: Box<Expression>,
        options: Vec<Expression>,
        is_negated: bool,
    },
    Call(String, Vec<Expression>),
    /// A `[subquery: …]`, to be read from its place in the text.
    Subquery,
}

/// What joins two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Or,
    And,
    Equal,
    Differ,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Parentheses and calls inside one another.
const NESTED_MAX: usize = 100;

/// Terms of one sum, factors of one product: they nest from left to right.
const TERMS_MAX: usize = 140;

/// Comparisons of one with the next: what they mean beyond two nobody knows, and each is planned in
/// the time of all before it, squared.
const COMPARISONS_MAX: usize = 10;

/// All of it: whoever walks an expression needs stack for each one inside another. A published
/// query adds up 137 terms.
const DEPTH_MAX: usize = 150;

/// Reads an expression.
pub(crate) fn parse(tokens: &mut Tokens) -> Parsed<Expression> {
    tokens.depth += 1;
    if tokens.depth > NESTED_MAX {
        return Err(too_deep(
            tokens.span(),
            &format!("NESTED_MAX, {NESTED_MAX}"),
        ));
    }
    let condition = disjunction(tokens)?;
    let result = if tokens.symbol("?") {
        let yes = parse(tokens)?;
        tokens.expect_symbol(":")?;
        let no = parse(tokens)?;
        let span = condition.span.start..no.span.end;
        Expression::new(Kind::Call("if".to_owned(), vec![condition, yes, no]), span)
    } else {
        condition
    };
    if result.depth > DEPTH_MAX {
        return Err(too_deep(result.span, &format!("DEPTH_MAX, {DEPTH_MAX}")));
    }
    tokens.depth -= 1;
    Ok(result)
}

fn too_deep(span: Range<usize>, limit: &str) -> Diagnostic {
    let message = format!("the expression is nested too deeply ({limit})");
    Diagnostic::error(span, message).expecting("parts with names of their own")
}

fn binary(operation: Operation, left: Expression, right: Expression) -> Expression {
    let span = left.span.start..right.span.end;
    Expression::new(
        Kind::Binary(operation, Box::new(left), Box::new(right)),
        span,
    )
}

fn disjunction(tokens: &mut Tokens) -> Parsed<Expression> {
    let mut parts = vec![conjunction(tokens)?];
    while tokens.word("or") || tokens.symbol("||") {
        parts.push(conjunction(tokens)?);
        at_most_conditions(tokens, &parts)?;
    }
    Ok(balanced(Operation::Or, parts))
}

fn conjunction(tokens: &mut Tokens) -> Parsed<Expression> {
    let mut parts = vec![negation(tokens)?];
    while tokens.word("and") || tokens.symbol("&&") {
        parts.push(negation(tokens)?);
        at_most_conditions(tokens, &parts)?;
    }
    Ok(balanced(Operation::And, parts))
}

/// The optimiser puts conditions in a row again, whatever the tree.
fn at_most_conditions(tokens: &Tokens, parts: &[Expression]) -> Parsed<()> {
    if parts.len() <= QUERY_CONDITIONS_MAX {
        return Ok(());
    }
    let message =
        format!("more than {QUERY_CONDITIONS_MAX} conditions in a row (QUERY_CONDITIONS_MAX)");
    Err(Diagnostic::error(tokens.span(), message).expecting("`in (…)` or a lookup table"))
}

/// Hundreds of conditions in a row make a shallow tree: whoever walks it must not run out of stack.
fn balanced(operation: Operation, mut parts: Vec<Expression>) -> Expression {
    while parts.len() > 1 {
        let mut halved = Vec::with_capacity(parts.len().div_ceil(2));
        let mut parts_left = parts.into_iter();
        while let Some(left) = parts_left.next() {
            halved.push(match parts_left.next() {
                Some(right) => binary(operation, left, right),
                None => left,
            });
        }
        parts = halved;
    }
    parts.pop().unwrap_or(Expression::new(Kind::Null, 0..0))
}

fn negation(tokens: &mut Tokens) -> Parsed<Expression> {
    let start = tokens.span().start;
    let mut count = 0_usize;
    while tokens.word("not") || tokens.symbol("!") {
        count += 1;
    }
    let inner = comparison(tokens)?;
    let span = start..inner.span.end;
    Ok(if count % 2 == 1 {
        Expression::new(Kind::Not(Box::new(inner)), span)
    } else {
        inner
    })
}

fn comparison(tokens: &mut Tokens) -> Parsed<Expression> {
    let mut left = sum(tokens)?;
    for _ in 0..=COMPARISONS_MAX {
        let mark = tokens.mark();
        let is_negated = tokens.word("not");
        if tokens.word("in") {
            left = options(tokens, left, is_negated)?;
            continue;
        }
        let operation = if tokens.word("matches") {
            Operation::Matches
        } else if tokens.word("contains") {
            let right = sum(tokens)?;
            let span = left.span.start..right.span.end;
            left = negate_if(
                is_negated,
                Expression::new(Kind::Call("contains".to_owned(), vec![left, right]), span),
            );
            continue;
        } else if is_negated {
            tokens.rewind(mark);
            return Ok(left);
        } else if let Some(operation) = comparator(tokens) {
            operation
        } else {
            return Ok(left);
        };
        let right = sum(tokens)?;
        left = negate_if(is_negated, binary(operation, left, right));
    }
    let message = format!("more than {COMPARISONS_MAX} comparisons in a row (COMPARISONS_MAX)");
    Err(Diagnostic::error(tokens.span(), message).expecting("`and` or `or` between them"))
}

fn negate_if(is_negated: bool, inner: Expression) -> Expression {
    let span = inner.span.clone();
    if is_negated {
        Expression::new(Kind::Not(Box::new(inner)), span)
    } else {
        inner
    }
}

fn comparator(tokens: &mut Tokens) -> Option<Operation> {
    let found = [
        ("==", Operation::Equal),
        ("=", Operation::Equal),
        ("!=", Operation::Differ),
        ("<>", Operation::Differ),
        ("<=", Operation::LessOrEqual),
        ("<", Operation::Less),
        (">=", Operation::GreaterOrEqual),
        (">", Operation::Greater),
    ];
    found
        .into_iter()
        .find(|(symbol, _)| tokens.symbol(symbol))
        .map(|(_, operation)| operation)
}

fn options(tokens: &mut Tokens, value: Expression, is_negated: bool) -> Parsed<Expression> {
    tokens.expect_symbol("(")?;
    let mut options = vec![parse(tokens)?];
    while tokens.symbol(",") {
        options.push(parse(tokens)?);
    }
    tokens.expect_symbol(")")?;
    let span = value.span.start..tokens.last_end();
    Ok(Expression::new(
        Kind::In {
            value: Box::new(value),
            options,
            is_negated,
        },
        span,
    ))
}

fn sum(tokens: &mut Tokens) -> Parsed<Expression> {
    let mut left = product(tokens)?;
    for _ in 0..=TERMS_MAX {
        let operation = if tokens.symbol("+") {
            Operation::Add
        } else if tokens.symbol("-") {
            Operation::Subtract
        } else {
            return Ok(left);
        };
        left = binary(operation, left, product(tokens)?);
    }
    Err(too_long(tokens))
}

fn too_long(tokens: &Tokens) -> Diagnostic {
    let message = format!("more than {TERMS_MAX} terms in a row (TERMS_MAX)");
    Diagnostic::error(tokens.span(), message).expecting("parts with names of their own")
}

fn product(tokens: &mut Tokens) -> Parsed<Expression> {
    let mut left = signed(tokens)?;
    for _ in 0..=TERMS_MAX {
        let operation = if tokens.symbol("*") {
            Operation::Multiply
        } else if tokens.symbol("/") {
            Operation::Divide
        } else if tokens.symbol("%") {
            Operation::Remainder
        } else {
            return Ok(left);
        };
        left = binary(operation, left, signed(tokens)?);
    }
    Err(too_long(tokens))
}

fn signed(tokens: &mut Tokens) -> Parsed<Expression> {
    let start = tokens.span().start;
    if tokens.symbol("-") {
        let inner = operand(tokens)?;
        let span = start..inner.span.end;
        return Ok(Expression::new(Kind::Negative(Box::new(inner)), span));
    }
    operand(tokens)
}

fn operand(tokens: &mut Tokens) -> Parsed<Expression> {
    let span = tokens.span();
    if tokens.symbol("(") {
        let inner = parse(tokens)?;
        tokens.expect_symbol(")")?;
        return Ok(inner);
    }
    let kind = match tokens.peek().cloned() {
        Some(TokenKind::Number { value, .. }) => Kind::Number(value),
        Some(TokenKind::Text { value, .. }) => Kind::Text(value),
        Some(TokenKind::Pattern(pattern)) => Kind::Pattern(pattern),
        Some(TokenKind::Parameter(_)) => Kind::Number(1.0),
        Some(TokenKind::Subquery) => Kind::Subquery,
        Some(TokenKind::Word(_)) => return named(tokens),
        Some(TokenKind::Quoted(_) | TokenKind::Symbol("%")) => {
            let Name { text, span } = tokens.name()?;
            return Ok(Expression::new(Kind::Field(text), span));
        }
        _ => return Err(tokens.unexpected("a value, a field or a function")),
    };
    tokens.next();
    Ok(Expression::new(kind, span))
}

fn named(tokens: &mut Tokens) -> Parsed<Expression> {
    let name = tokens.span();
    let Some(TokenKind::Word(word)) = tokens.next().map(|token| token.kind) else {
        return Err(tokens.unexpected("a name"));
    };
    let opening = tokens.span();
    if tokens.symbol("(") {
        let mut arguments = Vec::new();
        while !tokens.symbol(")") {
            if tokens.is_done() {
                let found = Diagnostic::error(opening, "this parenthesis is never closed");
                return Err(found.expecting("`)`"));
            }
            if !arguments.is_empty() && !tokens.symbol(",") {
                return Err(tokens.unexpected("`,` or `)`"));
            }
            arguments.push(parse(tokens)?);
        }
        let span = name.start..tokens.last_end();
        return Ok(Expression::new(
            Kind::Call(word.to_lowercase(), arguments),
            span,
        ));
    }
    let kind = match word.to_ascii_lowercase().as_str() {
        "true" => Kind::Boolean(true),
        "false" => Kind::Boolean(false),
        "null" => Kind::Null,
        _ => Kind::Field(word),
    };
    Ok(Expression::new(kind, name))
}
