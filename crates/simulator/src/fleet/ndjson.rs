//! The fleet as a file of newline-delimited JSON, the data set of the benchmarks.

use std::io::{self, BufWriter, Write};

use model::{Level, Timestamp};

use super::moment::Moment;
use super::{Fleet, FleetConfig};

/// When the data set begins: 2026-11-23T14:00:00Z.
const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
/// As fast that one gigabyte spans about 48 minutes.
const EVENTS_PER_SECOND: f64 = 1_036.0;
const BAD_DEPLOYMENT: (i64, i64) = (20 * 60_000, 40 * 60_000);

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ndjson {
    /// Number of events, one a line.
    pub events: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Bytes of the events' messages alone.
    pub message_bytes: u64,
    /// Time of the first event.
    pub first: Timestamp,
    /// Time of the last event.
    pub last: Timestamp,
}

/// Writes events until at least `bytes` are written: one JSON object a line, with `_time`
/// (RFC 3339, milliseconds), `function`, `stream`, `level` and `message`, all of them text.
///
/// # Errors
///
/// Whatever `out` fails with.
pub fn write_ndjson(out: impl Write, bytes: u64, seed: u64) -> io::Result<Ndjson> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let fleet = Fleet::new(FleetConfig {
        seed,
        start: START,
        events_per_second: EVENTS_PER_SECOND,
        end: None,
        bad_deployment: Some((
            START.saturating_add_millis(BAD_DEPLOYMENT.0),
            START.saturating_add_millis(BAD_DEPLOYMENT.1),
        )),
    });
    let mut written = Ndjson {
        events: 0,
        bytes: 0,
        message_bytes: 0,
        first: START,
        last: START,
    };
    let mut line = String::with_capacity(1_024);
    for event in fleet {
        if written.bytes >= bytes {
            break;
        }
        let message = event.message.trim_end();
        line.clear();
        line.push_str("{\"_time\":\"");
        Moment(event.event_time).push_to(&mut line);
        for (name, value) in [
            ("function", event.function().name),
            ("stream", &event.stream),
            ("level", event.level.unwrap_or(Level::Info).name()),
        ] {
            line.push_str("\",\"");
            line.push_str(name);
            line.push_str("\":\"");
            line.push_str(value);
        }
        line.push_str("\",\"message\":");
        out.write_all(line.as_bytes())?;
        let text = serde_json::to_string(message)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"}\n")?;
        if written.events == 0 {
            written.first = event.event_time;
        }
        written.last = event.event_time;
        written.events += 1;
        written.bytes += (line.len() + text.len() + 2) as u64;
        written.message_bytes += message.len() as u64;
    }
    out.flush()?;
    Ok(written)
}
