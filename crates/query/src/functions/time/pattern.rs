//! Patterns of Java's `SimpleDateFormat`, for writing and for reading.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// One piece of a pattern.
#[derive(Debug, PartialEq)]
enum Piece {
    /// A letter and how often it stands.
    Letter(char, usize),
    Literal(String),
}

/// A pattern, cut into pieces.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Piece>);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text.chars().peekable();
        let mut literal = String::new();
        while let Some(first) = rest.next() {
            if first == '\'' {
                // Two quotes are one, inside and outside of quoted text.
                if rest.next_if_eq(&'\'').is_some() {
                    literal.push('\'');
                    continue;
                }
                while let Some(next) = rest.next() {
                    if next != '\'' {
                        literal.push(next);
                    } else if rest.next_if_eq(&'\'').is_some() {
                        literal.push('\'');
                    } else {
                        break;
                    }
                }
            } else if first.is_ascii_alphabetic() {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                let mut length = 1;
                while rest.next_if_eq(&first).is_some() {
                    length += 1;
                }
                pieces.push(Piece::Letter(first, length));
            } else {
                literal.push(first);
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Pattern(pieces)
    }

    /// Writes a moment.
    pub(super) fn format(&self, moment: &Zoned) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Letter(letter, length) => written(moment, *letter, *length),
        });
        pieces.collect()
    }

    /// Reads a moment from the beginning of a text; what follows it does not matter.
    pub(super) fn parse(&self, text: &str, zone: &TimeZone) -> Option<Timestamp> {
        let mut reader = Reader {
            rest: text,
            found: Found::default(),
        };
        for (index, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => reader.literal(literal)?,
                Piece::Letter(letter, length) => {
                    // Digits that touch are told apart by the number of letters.
                    let is_glued = matches!(self.0.get(index + 1), Some(Piece::Letter(next, _)) if is_number(*next));
                    reader.letter(*letter, *length, is_glued)?;
                }
            }
        }
        reader.found.moment(zone)
    }
}

fn is_number(letter: char) -> bool {
    matches!(
        letter,
        'y' | 'Y' | 'M' | 'L' | 'd' | 'D' | 'H' | 'k' | 'h' | 'K' | 'm' | 's' | 'S'
    )
}

fn written(moment: &Zoned, letter: char, length: usize) -> String {
    let pad = |value: i64| format!("{value:0length$}");
    let hour = i64::from(moment.hour());
    let week = moment.date().iso_week_date();
    match letter {
        'y' if length == 2 => format!("{:02}", moment.year().rem_euclid(100)),
        'y' => pad(i64::from(moment.year())),
        'Y' if length == 2 => format!("{:02}", week.year().rem_euclid(100)),
        'Y' => pad(i64::from(week.year())),
        'M' | 'L' if length >= 4 => moment.strftime("%B").to_string(),
        'M' | 'L' if length == 3 => moment.strftime("%b").to_string(),
        'M' | 'L' => pad(i64::from(moment.month())),
        'd' => pad(i64::from(moment.day())),
        'D' => pad(i64::from(moment.day_of_year())),
        'F' => pad(i64::from((moment.day() - 1) / 7 + 1)),
        'H' => pad(hour),
        'k' => pad(if hour == 0 { 24 } else { hour }),
        'h' => pad(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'K' => pad(hour % 12),
        'm' => pad(i64::from(moment.minute())),
        's' => pad(i64::from(moment.second())),
        'S' => pad(i64::from(moment.millisecond())),
        'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        'E' if length >= 4 => moment.strftime("%A").to_string(),
        'E' => moment.strftime("%a").to_string(),
        'u' => pad(i64::from(moment.weekday().to_monday_one_offset())),
        'w' => pad(i64::from(week.week())),
        'G' => "AD".to_owned(),
        'z' => moment.strftime("%Z").to_string(),
        'X' if moment.offset() == Offset::UTC => "Z".to_owned(),
        'X' if length == 1 => moment.strftime("%z").to_string().chars().take(3).collect(),
        'X' if length >= 3 => moment.strftime("%:z").to_string(),
        'Z' | 'X' => moment.strftime("%z").to_string(),
        other => std::iter::repeat_n(other, length).collect(),
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Found {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    is_afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    zone: Option<TimeZone>,
}

impl Found {
    fn moment(self, zone: &TimeZone) -> Option<Timestamp> {
        let year = self.year.unwrap_or(1970);
        let date = match self.day_of_year {
            Some(day) if self.month.is_none() => {
                let first = Date::new(year, 1, 1).ok()?;
                first.with().day_of_year(day).build().ok()?
            }
            _ => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?,
        };
        let hour = match self.is_afternoon {
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
            None => self.hour % 24,
        };
        let time = Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let zone = self.zone.unwrap_or_else(|| zone.clone());
        Some(date.to_datetime(time).to_zoned(zone).ok()?.timestamp())
    }
}

struct Reader<'a> {
    rest: &'a str,
    found: Found,
}

impl<'a> Reader<'a> {
    /// A blank of the pattern is any number of blanks in the text.
    fn literal(&mut self, literal: &str) -> Option<()> {
        for character in literal.chars() {
            if character.is_whitespace() {
                self.rest = self.rest.trim_start();
            } else {
                self.rest = self.rest.strip_prefix(character)?;
            }
        }
        Some(())
    }

    fn letter(&mut self, letter: char, length: usize, is_glued: bool) -> Option<()> {
        if is_number(letter) && !(matches!(letter, 'M' | 'L') && length >= 3) {
            return self.numeric(letter, length, is_glued);
        }
        match letter {
            'M' | 'L' => {
                let name = self.word()?.to_lowercase();
                let month = MONTHS.iter().position(|month| {
                    name.len() >= 3 && (month.starts_with(&name) || name.starts_with(month))
                })?;
                self.found.month = i8::try_from(month + 1).ok();
            }
            'a' => {
                let word = self.word()?.to_ascii_lowercase();
                self.found.is_afternoon = Some(match word.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
            }
            'E' | 'G' => drop(self.word()?),
            'u' | 'w' | 'W' | 'F' => drop(self.digits(2)?),
            'z' | 'Z' | 'X' => self.zone()?,
            _ => return None,
        }
        Some(())
    }

    fn numeric(&mut self, letter: char, length: usize, is_glued: bool) -> Option<()> {
        let digits = self.digits(if is_glued { length } else { 18 })?;
        let value: i64 = digits.parse().ok()?;
        let found = &mut self.found;
        match letter {
            'y' | 'Y' => {
                // Two digits are a year near us.
                let century = if value < 70 { 2_000 } else { 1_900 };
                let is_short = length <= 2 && digits.len() <= 2;
                found.year =
                    Some(i16::try_from(if is_short { century + value } else { value }).ok()?);
            }
            'M' | 'L' => found.month = Some(i8::try_from(value).ok()?),
            'd' => found.day = Some(i8::try_from(value).ok()?),
            'D' => found.day_of_year = Some(i16::try_from(value).ok()?),
            'H' | 'k' | 'h' | 'K' if (0..=24).contains(&value) => {
                found.hour = i8::try_from(value).ok()?;
            }
            'm' => found.minute = i8::try_from(value).ok()?,
            's' => found.second = i8::try_from(value).ok()?,
            'S' => {
                let padded: String = digits.chars().chain("000000000".chars()).take(9).collect();
                found.nanosecond = padded.parse().ok()?;
            }
            _ => return None,
        }
        Some(())
    }

    fn digits(&mut self, most: usize) -> Option<&'a str> {
        let length = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }

    fn word(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|character: char| !character.is_alphabetic())
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn zone(&mut self) -> Option<()> {
        let end = self
            .rest
            .find(|character: char| {
                !(character.is_alphanumeric() || matches!(character, '+' | '-' | ':' | '/' | '_'))
            })
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.found.zone = Some(super::zone(name)?);
        self.rest = rest;
        Some(())
    }
}

/// `+02:00`, `+0200`, `-08`, `GMT+2`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let text = text
        .strip_prefix("GMT")
        .or_else(|| text.strip_prefix("UTC"))
        .unwrap_or(text);
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let are_digits =
        (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let minutes = if digits.len() <= 2 {
        number * 60
    } else {
        number / 100 * 60 + number % 100
    };
    Offset::from_seconds(sign * minutes * 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Option<String> {
        let moment = Pattern::new(pattern).parse(text, &TimeZone::UTC)?;
        Some(moment.to_string())
    }

    #[test]
    fn moments_are_read_as_written() {
        for (pattern, text, expected) in [
            (
                "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
                "2025-11-23T14:05:06.7890Z",
                "2025-11-23T14:05:06.789Z",
            ),
            (
                "yyyy-MM-ddHH:mm:ss",
                "2025-11-2314:05:06",
                "2025-11-23T14:05:06Z",
            ),
            (
                "dd/MMM/yyyy:HH:mm:ss Z",
                "23/Nov/2025:14:05:06 +0200",
                "2025-11-23T12:05:06Z",
            ),
            (
                "MM/dd/yy hh:mm a",
                "11/23/25 12:05 AM",
                "2025-11-23T00:05:00Z",
            ),
            ("yyyyMMddHHmmss", "20251123140506", "2025-11-23T14:05:06Z"),
            (
                "EEE MMM dd HH:mm:ss zzz yyyy",
                "Sun Nov 23 14:05:06 PST 2025",
                "2025-11-23T22:05:06Z",
            ),
            ("yyyy-DDD", "2025-032 and more", "2025-02-01T00:00:00Z"),
        ] {
            assert_eq!(read(pattern, text).as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(read("yyyy-MM-dd", "2025-13-01"), None);
        assert_eq!(read("yyyy-MM-dd", "yesterday"), None);
    }

    #[test]
    fn moments_are_written_in_their_zone() {
        let moment: Timestamp = "2025-03-30T01:30:00.045Z".parse().unwrap();
        let berlin = moment.to_zoned(TimeZone::get("Europe/Berlin").unwrap());
        for (pattern, expected) in [
            ("yyyy-MM-dd HH:mm:ss.SSS Z", "2025-03-30 03:30:00.045 +0200"),
            (
                "EEE, d MMM yy h 'o''clock' a z",
                "Sun, 30 Mar 25 3 o'clock AM CEST",
            ),
            ("yyyy-MM-dd'T'HH:mmXXX", "2025-03-30T03:30+02:00"),
            ("D u w", "89 7 13"),
        ] {
            assert_eq!(Pattern::new(pattern).format(&berlin), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0_i64..4_000_000_000_000) {
            let moment = Timestamp::from_millisecond(millis).unwrap();
            for (pattern, zone) in [
                ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "Asia/Kolkata"),
                ("EEE, dd MMM yyyy hh:mm:ss,SSS a Z", "America/New_York"),
                ("yyyyMMddHHmmssSSS", "UTC"),
                ("yyyy-DDD kk:mm:ss.SSS", "UTC"),
            ] {
                let zone = TimeZone::get(zone).unwrap();
                let pattern = Pattern::new(pattern);
                let text = pattern.format(&moment.to_zoned(zone.clone()));
                proptest::prop_assert_eq!(pattern.parse(&text, &zone), Some(moment), "{}", text);
            }
        }
    }
}
