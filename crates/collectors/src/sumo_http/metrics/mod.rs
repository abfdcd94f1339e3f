//! Makes samples of a request's body in one of Sumo Logic's three metrics formats. Pure.
//!
//! A body is taken whole or refused whole, with the first line that is wrong. Numbers that are
//! not finite (Prometheus writes `NaN` where nothing was measured) are no samples and are left
//! out.

mod carbon2;
mod graphite;
mod prometheus;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::limits::{METRIC_LINE_BYTES_MAX, REQUEST_SAMPLES_MAX};
use model::{Sample, Series, Timestamp};

use super::time;

/// Characters of a wrong line that its error shows.
const SHOWN_CHARS_MAX: usize = 80;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// `name{label="value"} number [time]`.
    Prometheus,
    /// `path number time`.
    Graphite,
    /// `tag=value metric=name  meta=value number time`.
    Carbon2,
}

impl MetricsFormat {
    /// Returns the format that a content type names; `None` means logs. What else the content
    /// type says, such as a character set, does not matter.
    pub(crate) fn of(content_type: &str) -> Option<MetricsFormat> {
        let content_type = content_type.to_ascii_lowercase();
        let known = [
            ("prometheus", MetricsFormat::Prometheus),
            ("graphite", MetricsFormat::Graphite),
            ("carbon2", MetricsFormat::Carbon2),
        ];
        known.into_iter().find_map(|(name, format)| {
            let name = format!("application/vnd.sumologic.{name}");
            content_type.contains(&name).then_some(format)
        })
    }
}

/// Why a body is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum MetricsError {
    /// Some bytes are not text.
    #[error("the body is not UTF-8 from byte {0} on")]
    NotText(usize),
    /// A line is not of the format.
    #[error("line {line} {problem}: `{shown}`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// Its beginning.
        shown: String,
    },
    /// There are too many samples.
    #[error(
        "the body has more than REQUEST_SAMPLES_MAX = {REQUEST_SAMPLES_MAX} samples; send smaller requests"
    )]
    TooMany,
}

/// One line, read: the series' text, which repeats from request to request, the number, and when.
struct Line<'a> {
    series: &'a str,
    value: &'a str,
    time: Option<&'a str>,
}

type Pairs = Vec<(String, String)>;

/// The functions of one format.
struct Grammar {
    /// Cuts a line; `None` if there is nothing in it.
    cut: for<'a> fn(&'a str) -> Result<Option<Line<'a>>, String>,
    /// Reads the series' text: the metric's name and the dimensions.
    series: fn(&str) -> Result<(String, Pairs), String>,
}

/// Makes the samples of a body. `common` are the dimensions that every series gets, unless a
/// line says otherwise; `common` and lines name a dimension in any case.
pub(crate) fn decode(
    format: MetricsFormat,
    body: &[u8],
    common: &BTreeMap<String, String>,
) -> Result<Vec<Sample>, MetricsError> {
    let text =
        std::str::from_utf8(body).map_err(|error| MetricsError::NotText(error.valid_up_to()))?;
    let grammar = match format {
        MetricsFormat::Prometheus => prometheus::GRAMMAR,
        MetricsFormat::Graphite => graphite::GRAMMAR,
        MetricsFormat::Carbon2 => carbon2::GRAMMAR,
    };
    let mut known: HashMap<&str, (Arc<Series>, Option<Arc<str>>)> = HashMap::new();
    let mut samples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |problem: String| MetricsError::Line {
            line: index + 1,
            problem,
            shown: line.chars().take(SHOWN_CHARS_MAX).collect(),
        };
        if line.len() > METRIC_LINE_BYTES_MAX {
            return Err(wrong(format!(
                "is longer than METRIC_LINE_BYTES_MAX = {METRIC_LINE_BYTES_MAX} bytes"
            )));
        }
        let Some(cut) = (grammar.cut)(line.trim()).map_err(wrong)? else {
            continue;
        };
        let number: Result<f64, _> = cut.value.parse();
        let value = number.map_err(|_| wrong(format!("has no number in `{}`", cut.value)))?;
        let time = cut.time.map(moment).transpose().map_err(wrong)?.flatten();
        if !known.contains_key(cut.series) {
            let (metric, pairs) = (grammar.series)(cut.series).map_err(wrong)?;
            known.insert(cut.series, series(metric, pairs, common));
        }
        let (series, statistic) = &known[cut.series];
        if !value.is_finite() {
            continue;
        }
        if samples.len() == REQUEST_SAMPLES_MAX {
            return Err(MetricsError::TooMany);
        }
        samples.push(Sample {
            series: Arc::clone(series),
            time,
            statistic: statistic.clone(),
            value,
        });
    }
    Ok(samples)
}

/// Makes the samples of a text as Prometheus has it
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>), each with the dimensions
/// `common`.
///
/// # Errors
/// What is wrong with the first line that is.
pub fn prometheus_samples(
    text: &str,
    common: &BTreeMap<String, String>,
) -> Result<Vec<Sample>, String> {
    decode(MetricsFormat::Prometheus, text.as_bytes(), common).map_err(|error| error.to_string())
}

/// Seconds or milliseconds since the epoch; `-1` is the present.
fn moment(text: &str) -> Result<Option<Timestamp>, String> {
    match text {
        "-1" => Ok(None),
        _ => time::parse(text)
            .map(Some)
            .ok_or_else(|| format!("has no time in `{text}`")),
    }
}

/// A dimension called `statistic` says what the numbers are and not whose.
fn series(
    metric: String,
    pairs: Pairs,
    common: &BTreeMap<String, String>,
) -> (Arc<Series>, Option<Arc<str>>) {
    let mut dimensions: BTreeMap<String, String> = pairs.into_iter().collect();
    for (name, value) in common {
        if !dimensions.keys().any(|own| own.eq_ignore_ascii_case(name)) {
            dimensions.insert(name.clone(), value.clone());
        }
    }
    let statistic = dimensions
        .keys()
        .find(|name| name.eq_ignore_ascii_case("statistic"))
        .cloned()
        .and_then(|name| dimensions.remove(&name))
        .map(|value| Arc::from(value.to_lowercase()));
    dimensions.retain(|_, value| !value.is_empty());
    (Arc::new(Series { metric, dimensions }), statistic)
}

/// Cuts the last word off; `None` if there is no blank.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let (rest, word) = text.rsplit_once([' ', '\t'])?;
    Some((rest.trim_end(), word))
}

/// `series number time`: cuts the last two words off.
fn series_number_time(line: &str) -> Result<Option<Line<'_>>, String> {
    if line.is_empty() {
        return Ok(None);
    }
    let cut = last_word(line).and_then(|(rest, time)| {
        let (series, value) = last_word(rest)?;
        Some(Line {
            series,
            value,
            time: Some(time),
        })
    });
    cut.map(Some)
        .ok_or_else(|| "does not end in a number and a time".to_owned())
}

#[cfg(test)]
mod tests;
