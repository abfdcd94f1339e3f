//! Times as log lines show them.

use std::fmt;

use model::Timestamp;

/// RFC 3339 in UTC with exactly three decimals: `2026-11-23T14:20:03.071Z`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Moment {
    /// Appends the text to `out`, without the cost of the formatting machinery.
    pub(crate) fn push_to(self, out: &mut String) {
        let millis = self.0.millis();
        let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MIN);
        let civil = jiff::tz::Offset::UTC.to_datetime(moment);
        push_digits(out, civil.year().unsigned_abs().into(), 4);
        for (mark, value) in [
            ('-', civil.month()),
            ('-', civil.day()),
            ('T', civil.hour()),
            (':', civil.minute()),
            (':', civil.second()),
        ] {
            out.push(mark);
            push_digits(out, value.unsigned_abs().into(), 2);
        }
        out.push('.');
        push_digits(out, millis.rem_euclid(1_000) as u64, 3);
        out.push('Z');
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

/// The day of a moment as log stream names show it: `2026/11/23`.
pub(crate) fn day(moment: Timestamp) -> String {
    let mut text = Moment(moment).to_string().replace('-', "/");
    text.truncate(10);
    text
}

fn push_digits(out: &mut String, value: u64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u64.pow(place) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_always_has_three_decimals() {
        let moment = Timestamp::from_millis(1_795_444_803_007);
        assert_eq!(Moment(moment).to_string(), "2026-11-23T14:40:03.007Z");
        let whole = Timestamp::from_millis(1_795_444_803_000);
        assert_eq!(Moment(whole).to_string(), "2026-11-23T14:40:03.000Z");
        assert_eq!(day(whole), "2026/11/23");
    }
}
