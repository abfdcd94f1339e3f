//! Reads the lines that forwarders send most: objects with nothing nested in them. It takes what
//! is certain and leaves everything else to the general reader, which decides.

use std::borrow::Cow;

/// A key with the text of its value: a string's content, or the JSON of a number or boolean; no
/// text for `null`.
pub(super) type Pair<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

/// Reads the pairs of an object. Returns `false` if `line` is anything else, or an object that
/// is not flat; what was added to `pairs` then means nothing.
pub(super) fn read_flat<'a>(line: &'a str, pairs: &mut Vec<Pair<'a>>) -> bool {
    // Control characters may separate, and may not stand in strings: rare, and not looked into.
    let has_control = line.bytes().fold(false, |has, byte| has | (byte < b' '));
    !has_control && read(line, pairs).is_some()
}

fn read<'a>(line: &'a str, pairs: &mut Vec<Pair<'a>>) -> Option<()> {
    let bytes = line.as_bytes();
    let mut at = expect(bytes, 0, b'{')?;
    if expect(bytes, at, b'}').is_some_and(|end| blanks(bytes, end) == bytes.len()) {
        return Some(());
    }
    loop {
        let (key, after) = string(line, expect(bytes, at, b'"')?)?;
        let (text, after) = value(line, blanks(bytes, expect(bytes, after, b':')?))?;
        pairs.push((key, text));
        at = blanks(bytes, after);
        match bytes.get(at)? {
            b',' => at += 1,
            b'}' => return (blanks(bytes, at + 1) == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

/// The place behind blanks that begin at `at`.
fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

/// The place behind `byte`, which must stand at `at` or behind blanks there.
fn expect(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = blanks(bytes, at);
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

/// The value that begins at `at`, and the place behind it.
fn value(line: &str, at: usize) -> Option<(Option<Cow<'_, str>>, usize)> {
    let rest = line.get(at..)?;
    if rest.starts_with('"') {
        let (text, after) = string(line, at + 1)?;
        return Some((Some(text), after));
    }
    let length = rest
        .bytes()
        .take_while(|byte| !matches!(byte, b',' | b'}' | b' '))
        .count();
    let raw = rest.get(..length)?;
    let text = match raw {
        "null" => None,
        "true" | "false" => Some(Cow::Borrowed(raw)),
        _ => is_number(raw.as_bytes()).then_some(Some(Cow::Borrowed(raw)))?,
    };
    Some((text, at + length))
}

fn is_number(raw: &[u8]) -> bool {
    let digits = |at: usize| {
        let rest = raw.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(raw.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && raw.get(at) == Some(&b'0')) {
        return false;
    }
    at += whole;
    if raw.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return false;
        }
        at += 1 + fraction;
    }
    if matches!(raw.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(raw.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == raw.len()
}

/// The string whose content begins at `start`, and the place behind its closing quote.
fn string(line: &str, start: usize) -> Option<(Cow<'_, str>, usize)> {
    let bytes = line.as_bytes();
    let next = |from: usize| Some(from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?);
    let mut end = next(start)?;
    if bytes[end] == b'"' {
        return Some((Cow::Borrowed(line.get(start..end)?), end + 1));
    }
    let mut text = String::with_capacity(line.len() - start);
    let mut start = start;
    loop {
        text.push_str(line.get(start..end)?);
        if bytes[end] == b'"' {
            return Some((Cow::Owned(text), end + 1));
        }
        let (character, length) = escape(bytes.get(end + 1..)?)?;
        text.push(character);
        start = end + 1 + length;
        end = next(start)?;
    }
}

/// What an escape means whose backslash stands before `rest`, and its length without that.
fn escape(rest: &[u8]) -> Option<(char, usize)> {
    let character = match rest.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let digits = rest.get(1..5)?;
            let code = digits.iter().try_fold(0, |code, digit| {
                Some(code * 16 + char::from(*digit).to_digit(16)?)
            })?;
            // Half of a pair is no character: not for this reader.
            return Some((char::from_u32(code)?, 5));
        }
        _ => return None,
    };
    Some((character, 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn flat(line: &str) -> Option<Vec<(String, Option<String>)>> {
        let mut pairs = Vec::new();
        let owned = |(key, text): Pair<'_>| (key.into_owned(), text.map(Cow::into_owned));
        read_flat(line, &mut pairs).then(|| pairs.into_iter().map(owned).collect())
    }

    fn pair(key: &str, text: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(text.to_owned()))
    }

    #[test]
    fn flat_objects_are_read() {
        assert_eq!(flat("{}"), Some(Vec::new()));
        assert_eq!(
            flat(r#" { "a" : "x\t\"\u00e9\\" , "b\n":-1.5e+3,"c":true,"d":null} "#),
            Some(vec![
                pair("a", "x\t\"é\\"),
                pair("b\n", "-1.5e+3"),
                pair("c", "true"),
                ("d".to_owned(), None),
            ])
        );
    }

    #[test]
    fn everything_else_is_left_to_the_general_reader() {
        for line in [
            "",
            "{",
            "plain",
            r#""a""#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":[1]}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":nul}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\ud83d\ude00"}"#,
            r#"{"a":"b}"#,
            r#"{"a":"b"} x"#,
            r#"{"a":"b",}"#,
            r#"{"a" "b"}"#,
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\t1}",
        ] {
            assert_eq!(flat(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_json_means(
            texts in prop::collection::btree_map(".{0,5}", prop::option::of(".{0,30}"), 0..5),
            numbers in prop::collection::btree_map("[a-z]{7}", any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..3),
        ) {
            let mut object = Map::new();
            object.extend(texts.into_iter().map(|(key, text)| (key, Value::from(text))));
            object.extend(numbers.into_iter().map(|(key, number)| (key, Value::from(number))));
            let expected: Vec<_> = object
                .iter()
                .map(|(key, value)| {
                    let text = match value {
                        Value::Null => None,
                        Value::String(text) => Some(text.clone()),
                        other => Some(other.to_string()),
                    };
                    (key.clone(), text)
                })
                .collect();
            prop_assert_eq!(flat(&Value::Object(object).to_string()), Some(expected));
        }

        #[test]
        fn any_text_that_is_read_is_json(line in r#"[{}":, a\\u0-9etrunl.-]{0,30}"#) {
            if flat(&line).is_some() {
                prop_assert!(serde_json::from_str::<Value>(&line).is_ok(), "{}", line);
            }
        }
    }
}
