//! Times that come again, such as nights, week-ends or a maintenance window, in a place's own time.
//!
//! They are what Alertmanager calls time intervals
//! (prometheus.io/docs/alerting/latest/configuration, "time_interval"), with one difference: a
//! time of day may reach over midnight, and then belongs to the day on which it begins.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use model::Timestamp;
use serde::Deserialize;

/// One `[[alerting.times]]` table. What is not said may be anything.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// What routes call it.
    pub name: String,
    /// Whose clocks count, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Days of the week, or ranges of them.
    #[serde(default)]
    pub weekdays: Vec<Weekdays>,
    /// Times of the day.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// Days of the month, or ranges of them; `-1` is the last one.
    #[serde(default)]
    pub days_of_month: Vec<DaysOfMonth>,
    /// Months by number, or ranges of them.
    #[serde(default)]
    pub months: Vec<Months>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// `monday`, or `saturday:sunday`; a range may begin late in the week and end early.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Weekdays(Weekday, Weekday);

/// `22:00-06:00`: the end does not belong to it. `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hours {
    start: Time,
    /// None: the end of the day.
    end: Option<Time>,
}

/// `1`, `1:5`, or `-3:-1`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct DaysOfMonth(i8, i8);

/// `12`, or `11:2`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Months(i8, i8);

impl Times {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.weekdays.is_empty()
            && self.hours.is_empty()
            && self.days_of_month.is_empty()
            && self.months.is_empty()
        {
            return Err(format!(
                "the times `{}` are always; say `weekdays`, `hours`, `days_of_month` or `months`",
                self.name
            ));
        }
        match TimeZone::get(&self.time_zone) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "the time zone of the times `{}` is not known: {error}; write it as `Europe/Berlin`",
                self.name
            )),
        }
    }

    /// Whether a moment lies in them.
    pub(crate) fn contain(&self, at: Timestamp) -> bool {
        let (Ok(moment), Ok(zone)) = (
            jiff::Timestamp::from_nanosecond(i128::from(at.nanos())),
            TimeZone::get(&self.time_zone),
        ) else {
            return false;
        };
        let local = moment.to_zoned(zone);
        if self.hours.is_empty() {
            return self.is_on(local.date());
        }
        self.hours.iter().any(|hours| {
            let begun = hours.begun(&local);
            begun.is_some_and(|date| self.is_on(date))
        })
    }

    fn is_on(&self, date: Date) -> bool {
        let weekday = date.weekday();
        let day = date.day();
        let from_end = day - date.days_in_month() - 1;
        any_or_none(&self.weekdays, |days| days.has(weekday))
            && any_or_none(&self.days_of_month, |days| days.has(day, from_end))
            && any_or_none(&self.months, |months| months.has(date.month()))
    }
}

fn any_or_none<T>(list: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(holds)
}

/// Whether `value` lies in a range that may go over the end and on from the beginning.
fn is_between<T: PartialOrd + Copy>(value: T, first: T, last: T) -> bool {
    if first <= last {
        first <= value && value <= last
    } else {
        first <= value || value <= last
    }
}

impl Weekdays {
    fn has(self, day: Weekday) -> bool {
        let number = Weekday::to_monday_zero_offset;
        is_between(number(day), number(self.0), number(self.1))
    }
}

impl DaysOfMonth {
    /// `from_end` is the day counted from the end of its month, the last one -1.
    fn has(self, day: i8, from_end: i8) -> bool {
        let value = |bound: i8| if bound < 0 { from_end } else { day };
        self.0 <= value(self.0) && value(self.1) <= self.1
    }
}

impl Months {
    fn has(self, month: i8) -> bool {
        is_between(month, self.0, self.1)
    }
}

impl Hours {
    /// The day on which the span began that holds `local`, if one does.
    fn begun(self, local: &Zoned) -> Option<Date> {
        let (date, time) = (local.date(), local.time());
        match self.end {
            None => (time >= self.start).then_some(date),
            Some(end) if self.start < end => (self.start <= time && time < end).then_some(date),
            Some(_) if time >= self.start => Some(date),
            Some(end) if time < end => date.checked_sub(Span::new().days(1)).ok(),
            Some(_) => None,
        }
    }
}

impl TryFrom<String> for Weekdays {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let day = |name: &str| {
            let days = Weekday::Monday.cycle_forward().take(7);
            let mut named = days.filter(|day| {
                let full = format!("{day:?}").to_lowercase();
                name.len() >= 3 && full.starts_with(&name.trim().to_lowercase())
            });
            named.next().ok_or_else(|| {
                format!("`{name}` is no day of the week; write `monday` or `saturday:sunday`")
            })
        };
        let (first, last) = text.split_once(':').unwrap_or((&text, &text));
        Ok(Weekdays(day(first)?, day(last)?))
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` are no times of a day; write `22:00-06:00`");
        let (start, end) = text.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).map_err(|_| wrong());
        let start = time(start)?;
        let end = match end.trim() {
            "24:00" => None,
            end => Some(time(end)?),
        };
        if end == Some(start) {
            return Err(format!(
                "`{text}` ends where it begins; leave `hours` out for the whole day"
            ));
        }
        Ok(Hours { start, end })
    }
}

impl TryFrom<String> for DaysOfMonth {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = numbers(&text)
            .filter(|(first, last)| {
                let is_day = |day: &i8| (1..=31).contains(&day.abs());
                is_day(first) && is_day(last) && (first.signum() != last.signum() || first <= last)
            })
            .ok_or_else(|| {
                format!("`{text}` are no days of a month; write `1`, `1:5` or `-3:-1`")
            })?;
        Ok(DaysOfMonth(first, last))
    }
}

impl TryFrom<String> for Months {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = numbers(&text)
            .filter(|(first, last)| (1..=12).contains(first) && (1..=12).contains(last))
            .ok_or_else(|| format!("`{text}` are no months; write `12` or `11:2`"))?;
        Ok(Months(first, last))
    }
}

fn numbers(text: &str) -> Option<(i8, i8)> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Times {
        let times: Times = toml::from_str(&format!("name = \"t\"\n{text}")).unwrap();
        times.check().unwrap();
        times
    }

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_nanos(i64::try_from(moment.as_nanosecond()).unwrap())
    }

    #[test]
    fn nights_belong_to_the_day_on_which_they_begin() {
        let nights = times("weekdays = ['monday:friday']\nhours = ['22:00-06:00']");
        // 2026-11-30 is a Monday.
        for (moment, is_in) in [
            ("2026-11-30T21:59:59Z", false),
            ("2026-11-30T22:00:00Z", true),
            ("2026-12-01T05:59:59Z", true),
            ("2026-12-01T06:00:00Z", false),
            ("2026-12-05T05:00:00Z", true),
            ("2026-12-05T22:00:00Z", false),
            ("2026-12-07T05:00:00Z", false),
        ] {
            assert_eq!(nights.contain(at(moment)), is_in, "{moment}");
        }
    }

    #[test]
    fn hours_are_those_of_the_place_also_when_its_clocks_change() {
        let morning = times("time_zone = 'Europe/Berlin'\nhours = ['02:00-04:00']");
        // On 2026-10-25 the hour from two to three comes twice; on 2026-03-29 it does not come.
        for (moment, is_in) in [
            ("2026-10-24T23:59:00Z", false),
            ("2026-10-25T00:00:00Z", true),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:59:00Z", true),
            ("2026-10-25T03:00:00Z", false),
            ("2026-03-29T00:59:00Z", false),
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T02:00:00Z", false),
        ] {
            assert_eq!(morning.contain(at(moment)), is_in, "{moment}");
        }
    }

    #[test]
    fn days_are_counted_from_both_ends_and_ranges_go_round() {
        let ends = times("days_of_month = ['-2:-1', '1']");
        let days = |times: &Times, days: [&str; 4]| {
            days.map(|day| times.contain(at(&format!("{day}T12:00:00Z"))))
        };
        let february = ["2027-02-26", "2027-02-27", "2027-02-28", "2027-03-01"];
        assert_eq!(days(&ends, february), [false, true, true, true]);
        let winter = times("months = ['11:2']");
        let year = ["2026-10-31", "2026-11-01", "2027-02-28", "2027-03-01"];
        assert_eq!(days(&winter, year), [false, true, true, false]);
        let week_end = times("weekdays = ['sat:mon']");
        let week = ["2026-11-27", "2026-11-28", "2026-11-30", "2026-12-01"];
        assert_eq!(days(&week_end, week), [false, true, true, false]);
        let evening = times("hours = ['18:00-24:00']");
        assert!(evening.contain(at("2026-11-30T23:59:59Z")));
        assert!(!evening.contain(at("2026-12-01T00:00:00Z")));
    }

    #[test]
    fn mistakes_are_told_in_words() {
        for (text, why) in [
            ("", "are always"),
            ("time_zone = 'Berlin'\nmonths = ['1']", "is not known"),
            ("weekdays = ['mo']", "no day of the week"),
            ("hours = ['22']", "no times of a day"),
            ("hours = ['25:00-26:00']", "no times of a day"),
            ("hours = ['09:00-09:00']", "ends where it begins"),
            ("days_of_month = ['0']", "no days of a month"),
            ("days_of_month = ['5:1']", "no days of a month"),
            ("months = ['13']", "no months"),
        ] {
            let read = toml::from_str::<Times>(&format!("name = \"t\"\n{text}"));
            let mistake = match read {
                Ok(times) => times.check().unwrap_err(),
                Err(error) => error.to_string(),
            };
            assert!(mistake.contains(why), "{text}: {mistake}");
        }
    }
}
