//! Random events: log lines as functions write them, and text that is hard to cut into words.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampNanosecondArray, new_null_array,
};
use model::Timestamp;

/// After all events.
pub(crate) const END: Timestamp = Timestamp::from_millis(1_763_913_600_000);
/// Events lie inside the hour before.
const SPREAD_MS: i64 = 3_600_000;

pub(crate) const WORDS: [&str; 16] = [
    "error",
    "Error",
    "timed",
    "out",
    "connection",
    "Timeout",
    "retry",
    "s3",
    "order",
    "orders",
    "status",
    "foo_bar",
    "x",
    "OOM",
    "disk",
    "task",
];
pub(crate) const FUNCTIONS: [&str; 5] = ["checkout", "Cart", "pay-ments", "thumb nail", "a"];
pub(crate) const LEVELS: [&str; 3] = ["INFO", "WARN", "ERROR"];
const SEPARATORS: [&str; 9] = [" ", " ", " ", "  ", "\t", ", ", "=", "/", "-"];
const NASTY: [&str; 10] = [
    "\u{17f}tatus",
    "tas\u{212a}",
    "\u{e9}rror",
    "\u{3c2}",
    "\u{3a3}",
    "\u{df}",
    "\u{a0}",
    "\u{4e2d}\u{6587}",
    "\u{130}",
    "\u{2192}",
];

/// A small generator of its own, so that a failing seed stays the same for ever.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) time: Timestamp,
    pub(crate) message: String,
    pub(crate) function: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// Returns `count` events with different times, in no order.
pub(crate) fn events(random: &mut Random, count: usize) -> Vec<Event> {
    let places = (0..count).map(|nth| {
        let millis = END.millis() - 1 - random.below(SPREAD_MS as usize - 1) as i64;
        let time = Timestamp::from_nanos(millis * 1_000_000 + nth as i64);
        let id = id(random);
        let is_known = random.below(20) > 0;
        Event {
            time,
            message: message(random, &id),
            function: is_known.then(|| random.one(&FUNCTIONS).to_owned()),
            level: (random.below(10) > 2).then(|| random.one(&LEVELS).to_owned()),
            request_id: (random.below(3) == 0).then_some(id),
        }
    });
    places.collect()
}

fn id(random: &mut Random) -> String {
    let (a, b) = (random.next(), random.next());
    let (text, rest) = (format!("{a:016x}"), format!("{b:016x}"));
    let cut = |text: &str, range: std::ops::Range<usize>| text.get(range).unwrap().to_owned();
    let parts = [
        cut(&text, 0..8),
        cut(&text, 8..12),
        cut(&text, 12..16),
        cut(&rest, 0..4),
        cut(&rest, 4..16),
    ];
    parts.join("-")
}

fn message(random: &mut Random, id: &str) -> String {
    match random.below(8) {
        0 => format!("START RequestId: {id} Version: $LATEST"),
        1 => format!(
            "REPORT RequestId: {id} Duration: {}.{} ms",
            random.below(900),
            random.below(100)
        ),
        2 if random.below(30) == 0 => {
            format!("{id} Task timed out after 3.0{} seconds", random.below(10))
        }
        3 => {
            let path = random.one(&[
                "/v1/orders",
                "\\/v1\\/orders",
                "/v1/\\u006frders",
                "/v2/cart",
            ]);
            let (number, word) = (random.below(30_000), random.one(&WORDS));
            format!(
                r#"{{"path":"{path}/{number}","latencyMs":{number},"status":{number}e1,"msg":"a\n{word} b"}}"#
            )
        }
        _ => soup(random),
    }
}

fn soup(random: &mut Random) -> String {
    let mut text = String::new();
    let is_nasty = random.below(8) == 0;
    for _ in 0..1 + random.below(9) {
        match random.below(if is_nasty { 5 } else { 4 }) {
            0 => text.push_str(&format!("{:x}", random.next() % 1_000_000_000)),
            1 => text.push_str(&random.below(2_000).to_string()),
            4 => text.push_str(random.one(&NASTY)),
            _ => text.push_str(random.one(&WORDS)),
        }
        if random.below(6) > 0 {
            text.push_str(random.one(&SEPARATORS));
        }
    }
    text
}

/// The events as rows.
pub(crate) fn batch(events: &[Event]) -> RecordBatch {
    let schema = storage::events_schema();
    let texts = |of: fn(&Event) -> Option<&str>| -> ArrayRef {
        Arc::new(events.iter().map(of).collect::<StringViewArray>())
    };
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "event_time" | "receipt_time" => {
                let times = events.iter().map(|event| event.time.nanos());
                Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
            }
            "message" => texts(|event| Some(&event.message)),
            "function" => texts(|event| event.function.as_deref()),
            "level" => texts(|event| event.level.as_deref()),
            "request_id" => texts(|event| event.request_id.as_deref()),
            "partition" => texts(|_| Some(storage::PARTITION_DEFAULT)),
            _ => new_null_array(field.data_type(), events.len()),
        });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}
