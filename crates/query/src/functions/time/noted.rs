//! Values that carry the time at which they were true: `withtime` notes it, `most_recent` reads it.

use serde::{Deserialize, Serialize};

use crate::functions::kernels::Run;

#[derive(Serialize, Deserialize)]
struct Noted {
    time: i64,
    value: String,
}

/// `note_time(value, ms)`.
pub(crate) const NOTE: Run = Run::Text(|row, _| {
    let [Some(value), Some(time)] = row else {
        return None;
    };
    let noted = Noted {
        time: time.parse().ok()?,
        value: (*value).to_owned(),
    };
    serde_json::to_string(&noted).ok()
});

/// `noted_time(noted)`; null if nothing is noted.
pub(crate) const NOTED_TIME: Run = Run::Long(|row, _| Some(read((*row.first()?)?)?.time));

/// `noted_value(noted)`; the text itself if nothing is noted.
pub(crate) const NOTED_VALUE: Run = Run::Text(|row, _| {
    let text = (*row.first()?)?;
    Some(read(text).map_or_else(|| text.to_owned(), |noted| noted.value))
});

fn read(text: &str) -> Option<Noted> {
    text.starts_with("{\"time\":")
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}
