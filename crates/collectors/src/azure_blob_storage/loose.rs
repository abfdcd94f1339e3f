//! Reads what Azure Functions writes where JSON should stand. Pure.
//!
//! Depending on the plan and the system, `properties` is an object as JavaScript has it
//! (`{'appName':'shop','message':'it\'s done','levelId':2}`), in the middle of a line of JSON or
//! inside a text; see <https://github.com/Azure/azure-functions-host/issues/7864>. So texts may
//! stand in either kind of quotes, names in none, and JavaScript's escapes are understood.

use model::limits::JSON_DEPTH_MAX;
use serde_json::{Map, Number, Value};

/// Reads one value that takes up all of `text`; `None` if it is none, or nested more deeply than
/// [`JSON_DEPTH_MAX`].
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_blanks();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Goes on behind `wanted` and the blanks before it, if it is there.
    fn take(&mut self, wanted: char) -> Option<()> {
        self.skip_blanks();
        (self.peek()? == wanted).then(|| self.at += wanted.len_utf8())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > JSON_DEPTH_MAX {
            return None;
        }
        self.skip_blanks();
        match self.peek()? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '\'' | '"' => self.quoted().map(Value::String),
            _ => self.bare(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take('{')?;
        let mut object = Map::new();
        while self.take('}').is_none() {
            self.skip_blanks();
            let name = match self.peek()? {
                '\'' | '"' => self.quoted()?,
                _ => self.word()?.to_owned(),
            };
            self.take(':')?;
            let value = self.value(depth + 1)?;
            object.insert(name, value);
            if self.take(',').is_none() {
                self.take('}')?;
                break;
            }
        }
        Some(Value::Object(object))
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.take('[')?;
        let mut list = Vec::new();
        while self.take(']').is_none() {
            list.push(self.value(depth + 1)?);
            if self.take(',').is_none() {
                self.take(']')?;
                break;
            }
        }
        Some(Value::Array(list))
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.next()?;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find([quote, '\\'])?;
            text.push_str(rest.get(..end)?);
            self.at += end;
            if self.next()? == quote {
                return Some(text);
            }
            self.escape(&mut text)?;
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        match self.next()? {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'v' => text.push('\u{b}'),
            '0' => text.push('\0'),
            'x' => text.push(char::from_u32(self.hexadecimal(2)?)?),
            'u' => text.push(self.unicode()?),
            // A line that goes on.
            '\n' => {}
            other => text.push(other),
        }
        Some(())
    }

    /// Four digits, of a pair twice; half a pair is no character.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hexadecimal(4)?;
        let has_second = (0xD800..0xDC00).contains(&first) && self.rest().starts_with("\\u");
        if !has_second {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind_first = self.at;
        self.at += 2;
        let second = self.hexadecimal(4)?;
        if !(0xDC00..0xE000).contains(&second) {
            self.at = behind_first;
            return Some(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        let is_right = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += digits;
        is_right.then(|| u32::from_str_radix(text, 16).ok())?
    }

    /// A number, or one of JavaScript's words for a value.
    fn bare(&mut self) -> Option<Value> {
        match self.word()? {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" | "undefined" | "NaN" => Some(Value::Null),
            number => {
                let is_number =
                    number.starts_with(|first: char| first.is_ascii_digit() || first == '-');
                // A number that is too large to be one stays a text.
                let text = || Value::String(number.to_owned());
                is_number.then(|| {
                    number
                        .parse::<Number>()
                        .map_or_else(|_| text(), Value::Number)
                })
            }
        }
    }

    /// Letters, digits and what else stands in names and numbers.
    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let is_part = |letter: char| letter.is_alphanumeric() || "_$.+-".contains(letter);
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_of_javascript_are_read() {
        let text = r#"{'message':'it\'s\n"done"\x21 \u00e4 \ud83d\ude00', levelId: 2,"a":[1,-2.5e3,true,null,],'o':{},}"#;
        let expected = json!({
            "message": "it's\n\"done\"! ä 😀", "levelId": 2,
            "a": [1, -2500.0, true, null], "o": {},
        });
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("[1e999]"), Some(json!(["1e999"])));
        assert_eq!(parse("'\\ud83d?'"), Some(json!("\u{fffd}?")));
        assert_eq!(parse("'\\ud83d\\u0041'"), Some(json!("\u{fffd}A")));
    }

    #[test]
    fn what_is_no_value_is_none() {
        for text in [
            "",
            "{",
            "{'a'",
            "{'a':}",
            "{'a':1",
            "{'a':1 'b':2}",
            "['a'",
            "'a",
            "'\\",
            "'\\u12",
            "'\\xzz'",
            "{'a':1}x",
            "maybe",
            "[,]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(JSON_DEPTH_MAX)).is_some());
        assert_eq!(parse(&nested(100_000)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not_without_a_panic(text in "[{}\\[\\]'\":,\\\\ux0-9a-fn\\s]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn every_json_text_is_read_as_json_is(message in ".*", number in any::<i64>()) {
            let value = json!({"message": message, "n": [number, {"x": false}]});
            prop_assert_eq!(parse(&value.to_string()), Some(value));
        }
    }
}
