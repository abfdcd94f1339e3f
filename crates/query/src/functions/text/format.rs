//! `format`: values in a pattern, as Java's `String.format` writes them.

use crate::functions::casts::number;
use crate::functions::entry::{Entry, text};
use crate::functions::kernels::Run;
use crate::plan::planner::Typed;

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "format",
    1,
    "format(\"pattern\", a, b, …)",
    "Values in a pattern: `%s` text, `%d` whole number, `%.2f` number, `%5d` at least five wide. \
     Null if a value is null or does not fit.",
    &["* | format(\"%s took %.1f s\", function, 1.25) as text"],
    |planner, a| {
        let pattern = a.first().and_then(Typed::constant);
        if let Some(problem) = pattern.and_then(|pattern| problem(pattern, a.len() - 1)) {
            planner.complain(
                problem,
                "a value for each `%`, such as `%s`, `%d` or `%.2f`",
            );
        }
        text("text_format", FORMAT, a)
    },
)
.up_to(20)];

const FORMAT: Run = Run::Text(|row, _| {
    let (pattern, values) = row.split_first()?;
    format((*pattern)?, values)
});

/// Wider columns would only fill memory.
const WIDTH_MAX: usize = 1_000;

/// One `%…` of a pattern.
#[derive(Debug, Default)]
struct Directive {
    index: Option<usize>,
    is_left: bool,
    has_zeros: bool,
    has_sign: bool,
    has_groups: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

fn format(pattern: &str, values: &[Option<&str>]) -> Option<String> {
    let mut output = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut next = 0;
    while let Some((before, after)) = rest.split_once('%') {
        output.push_str(before);
        let (directive, tail) = directive(after)?;
        rest = tail;
        match directive.conversion {
            '%' => output.push('%'),
            'n' => output.push('\n'),
            _ => {
                let index = directive.index.unwrap_or_else(|| {
                    next += 1;
                    next - 1
                });
                let value = (*values.get(index)?)?;
                pad(&mut output, &directive, &converted(&directive, value)?);
            }
        }
    }
    output.push_str(rest);
    Some(output)
}

/// What is wrong with a pattern whatever the values are.
fn problem(pattern: &str, values: usize) -> Option<String> {
    let mut rest = pattern;
    let mut places = 0;
    while let Some((_, after)) = rest.split_once('%') {
        let Some((directive, tail)) = directive(after) else {
            return Some("a `%` of the pattern does not say what it stands for".to_owned());
        };
        rest = tail;
        match directive.conversion {
            '%' | 'n' => {}
            's' | 'S' | 'c' | 'b' | 'B' | 'd' | 'x' | 'X' | 'o' | 'f' | 'e' | 'E' | 'g' | 'G' => {
                let place = directive.index.map(|index| index + 1);
                places = place.unwrap_or(places + 1).max(places);
            }
            other => return Some(format!("`%{other}` stands for nothing")),
        }
    }
    let follow = if values == 1 {
        "value follows"
    } else {
        "values follow"
    };
    (places > values).then(|| format!("the pattern has {places} places, but {values} {follow}"))
}

fn directive(text: &str) -> Option<(Directive, &str)> {
    let mut directive = Directive::default();
    let mut rest = text;
    if let Some((digits, tail)) = digits(rest)
        && let Some(tail) = tail.strip_prefix('$')
    {
        directive.index = digits.checked_sub(1);
        rest = tail;
    }
    loop {
        match rest.chars().next()? {
            '-' => directive.is_left = true,
            '0' => directive.has_zeros = true,
            '+' => directive.has_sign = true,
            ',' => directive.has_groups = true,
            ' ' | '#' | '(' => {}
            _ => break,
        }
        rest = rest.get(1..)?;
    }
    if let Some((width, tail)) = digits(rest) {
        directive.width = width.min(WIDTH_MAX);
        rest = tail;
    }
    if let Some(tail) = rest.strip_prefix('.') {
        let (precision, tail) = digits(tail)?;
        directive.precision = Some(precision.min(WIDTH_MAX));
        rest = tail;
    }
    directive.conversion = rest.chars().next()?;
    let rest = rest.get(directive.conversion.len_utf8()..)?;
    Some((directive, rest))
}

fn digits(text: &str) -> Option<(usize, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    Some((digits.parse().ok()?, rest))
}

fn converted(directive: &Directive, value: &str) -> Option<String> {
    let precision = directive.precision.unwrap_or(6);
    Some(match directive.conversion {
        's' => cut(value, directive.precision),
        'S' => cut(&value.to_uppercase(), directive.precision),
        'c' => value.chars().take(1).collect(),
        'b' | 'B' => value.eq_ignore_ascii_case("true").to_string(),
        'd' => signed(directive, whole(value)?.to_string()),
        'x' => format!("{:x}", whole(value)?),
        'X' => format!("{:X}", whole(value)?),
        'o' => format!("{:o}", whole(value)?),
        'f' => signed(directive, decimal(number(value)?, precision)),
        'e' | 'E' => scientific(number(value)?, precision, directive.conversion),
        'g' | 'G' => signed(directive, decimal(number(value)?, precision)),
        _ => return None,
    })
}

fn cut(text: &str, characters: Option<usize>) -> String {
    text.chars()
        .take(characters.unwrap_or(usize::MAX))
        .collect()
}

fn whole(text: &str) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
    text.trim()
        .parse()
        .ok()
        .or_else(|| number(text).map(|value| value as i64))
}

/// Java rounds the digits as they are written, a half up: 1.005 is 1.01 with two places.
fn decimal(value: f64, precision: usize) -> String {
    let text = format!("{}", value.abs());
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let Some((kept, cut)) = fraction.split_at_checked(precision) else {
        let fraction = format!("{fraction:0<precision$}");
        let point = if precision > 0 { "." } else { "" };
        return format!("{sign}{whole}{point}{fraction}");
    };
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    if cut.starts_with(['5', '6', '7', '8', '9']) {
        let nines = digits
            .iter()
            .rev()
            .take_while(|digit| **digit == b'9')
            .count();
        let place = digits.len() - nines;
        digits[place..].fill(b'0');
        match place.checked_sub(1) {
            Some(place) => digits[place] += 1,
            None => digits.insert(0, b'1'),
        }
    }
    let digits = String::from_utf8(digits).unwrap_or_default();
    let (whole, fraction) = digits.split_at(digits.len() - precision);
    let point = if precision > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

fn scientific(value: f64, precision: usize, letter: char) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}{letter}{sign}{digits:0>2}")
}

/// Adds the commas between thousands and the plus sign that were asked for.
fn signed(directive: &Directive, number: String) -> String {
    let mut number = number;
    if directive.has_groups {
        number = grouped(&number);
    }
    if directive.has_sign && !number.starts_with('-') {
        number.insert(0, '+');
    }
    number
}

fn grouped(number: &str) -> String {
    let (whole, fraction) = number
        .split_once('.')
        .map_or((number, ""), |(whole, fraction)| (whole, fraction));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut output = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            output.push(',');
        }
        output.push(digit);
    }
    if !fraction.is_empty() {
        output.push('.');
        output.push_str(fraction);
    }
    output
}

fn pad(output: &mut String, directive: &Directive, value: &str) {
    let missing = directive.width.saturating_sub(value.chars().count());
    let blanks = " ".repeat(missing);
    if directive.is_left {
        output.extend([value, &blanks]);
    } else if directive.has_zeros {
        let (sign, digits) = value.split_at(usize::from(value.starts_with(['-', '+'])));
        output.extend([sign, &"0".repeat(missing), digits]);
    } else {
        output.extend([blanks.as_str(), value]);
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn values_are_written_as_java_writes_them() {
        for (pattern, values, expected) in [
            ("%s is %d", vec!["x", "12.0"], "x is 12"),
            (
                "%.2f|%5.1f|%-5d|%05d",
                vec!["1.005", "2.25", "7", "-42"],
                "1.01|  2.3|7    |-0042",
            ),
            (
                "%,d %,.1f %+d",
                vec!["1234567", "-9876.54", "3"],
                "1,234,567 -9,876.5 +3",
            ),
            ("%2$s %1$s 100%%", vec!["a", "b"], "b a 100%"),
            (
                "%.0f %.1f %.3f",
                vec!["9.5", "99.95", "2"],
                "10 100.0 2.000",
            ),
            (
                "%x %X %e",
                vec!["255", "255", "12345.678"],
                "ff FF 1.234568e+04",
            ),
        ] {
            let values: Vec<Option<&str>> = values.into_iter().map(Some).collect();
            assert_eq!(format(pattern, &values).as_deref(), Some(expected));
        }
        assert_eq!(format("%d", &[Some("many")]), None);
        assert_eq!(format("%s", &[None]), None);
        assert_eq!(format("%s %s", &[Some("one")]), None);
    }
}
