//! One truth: a query gives the same rows with indexes and without, before a flush and after it,
//! after a merge and a restart, and the rows that a plain loop over the events gives.

mod damage;
mod events;
mod oracle;
mod questions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use model::{ManualClock, TimeRange, Timestamp};
use query::{
    Engine, EngineConfig, QueryContext, QueryError, SearchConfig, SearchRequest, SearchStatus,
    Searches,
};
use storage::{CompactConfig, MemorySegment, Pending, Store, StoreConfig, Table};

use events::{Event, Random};
use questions::Question;

/// More than a segment needs to be indexed.
const FLUSHED: usize = 10_000;
const QUESTIONS: usize = 40;

async fn open(folder: &std::path::Path) -> Store {
    let clock = Arc::new(ManualClock::at(events::END));
    Store::open(StoreConfig::at(folder), clock).await.unwrap()
}

fn publish(store: &Store, frame: u64, events: &[Event]) {
    let batches = events.chunks(1_000).map(events::batch).collect();
    let piece = MemorySegment::new(Table::Events, batches).unwrap();
    let pending = Pending {
        frame,
        pieces: piece.into_iter().collect(),
        ..Pending::default()
    };
    store.publish(pending).unwrap();
}

async fn flush(store: &Store) {
    let sealed = store.seal().unwrap();
    store.write(&sealed).await.unwrap();
}

fn engine(store: &Store, uses_indexes: bool) -> Engine {
    let config = EngineConfig {
        uses_indexes,
        ..EngineConfig::default()
    };
    Engine::new(store.clone(), &config).unwrap()
}

fn context(range: TimeRange) -> QueryContext {
    QueryContext {
        range,
        now: events::END,
        time_zone: jiff::tz::TimeZone::UTC,
        auto_parse: false,
    }
}

/// The event times of the rows that a query finds; every event has its own.
async fn ask(engine: &Engine, text: &str, range: TimeRange) -> BTreeSet<i64> {
    try_ask(engine, text, range).await.unwrap()
}

/// As [`ask`], of files that may not be what they should be.
async fn try_ask(
    engine: &Engine,
    text: &str,
    range: TimeRange,
) -> Result<BTreeSet<i64>, QueryError> {
    let session = engine.session(range).unwrap();
    let planned = query::plan(text, &context(range), &session)
        .unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let output = planned.execute(&session).await?;
    let mut found = BTreeSet::new();
    for batch in output.batches {
        let times = batch.column_by_name("event_time").unwrap();
        let times = times.as_primitive::<TimestampNanosecondType>();
        for time in times.values() {
            assert!(found.insert(*time), "{text}: a row came twice");
        }
    }
    Ok(found)
}

fn only(found: &BTreeSet<i64>, events: &[Event], keep: impl Fn(&Event) -> bool) -> BTreeSet<i64> {
    let times = events
        .iter()
        .filter(|event| keep(event))
        .map(|event| event.time.nanos());
    let known: BTreeSet<i64> = times.collect();
    found.intersection(&known).copied().collect()
}

/// All segments that may be merged are, as if their hour had ended long ago.
async fn compact(store: &Store) {
    let config = CompactConfig {
        settle: Duration::ZERO,
        ..CompactConfig::default()
    };
    let running = Arc::new(AtomicBool::new(false));
    while store.compact(&config, &running).await.unwrap() {}
    let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
    assert_eq!(segments.len(), 1, "all of it is merged");
}

/// A question and the times of the events that it finds.
type Answer = (Question, BTreeSet<i64>);

/// Asks again what was asked before, with indexes and without.
async fn check_again(store: &Store, answers: &[Answer], when: &str) {
    for (uses_indexes, how) in [(true, "with indexes"), (false, "without indexes")] {
        let engine = engine(store, uses_indexes);
        for (question, before) in answers {
            let (text, range) = (question.text(), question.range());
            let found = ask(&engine, &text, range).await;
            assert_eq!(found, *before, "{when}, {how}: {text}");
        }
    }
}

/// Asks while the second part of the events is in a segment and the third in memory; finds what
/// was found of the first before it was flushed, and what a plain loop finds.
async fn check_answers(store: &Store, events: &[Event], asked: Vec<Answer>) -> Vec<Answer> {
    let engine = engine(store, true);
    let mut answers = Vec::new();
    for (question, before_flush) in asked {
        let (text, range) = (question.text(), question.range());
        let found = ask(&engine, &text, range).await;
        if range == TimeRange::ALL {
            assert_eq!(
                only(&found, &events[..FLUSHED], |_| true),
                before_flush,
                "before the flush: {text}"
            );
        }
        // What a word is beyond ASCII is the language's business; the oracle leaves it alone.
        let plain = only(&found, events, |event| event.message.is_ascii());
        let expected = events
            .iter()
            .filter(|event| event.message.is_ascii() && range.contains(event.time))
            .filter(|event| question.is_true_of(event));
        let expected: BTreeSet<i64> = expected.map(|event| event.time.nanos()).collect();
        assert_eq!(plain, expected, "by a plain loop: {text}");
        answers.push((question, found));
    }
    answers
}

async fn check_one_truth(seed: u64) {
    let mut random = Random::new(seed);
    let events = events::events(&mut random, 2 * FLUSHED + 500);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    publish(&store, 1, &events[..FLUSHED]);
    let mut asked = Vec::new();
    let in_memory = engine(&store, true);
    for _ in 0..QUESTIONS {
        let question = questions::question(&mut random, &events);
        let found = ask(&in_memory, &question.text(), TimeRange::ALL).await;
        asked.push((question, found));
    }
    flush(&store).await;
    publish(&store, 2, &events[FLUSHED..2 * FLUSHED]);
    flush(&store).await;
    publish(&store, 3, &events[2 * FLUSHED..]);
    let answers = check_answers(&store, &events, asked).await;
    check_again(&store, &answers, "with two segments").await;
    flush(&store).await;
    compact(&store).await;
    check_again(&store, &answers, "merged").await;
    drop((in_memory, store));
    let store = open(folder.path()).await;
    check_again(&store, &answers, "opened again").await;
}

#[tokio::test]
async fn every_way_to_find_rows_finds_the_same() {
    for seed in 1..=3 {
        check_one_truth(seed).await;
    }
}

/// How many events of each function a query counts.
async fn count(engine: &Engine, text: &str, range: TimeRange) -> BTreeMap<String, i64> {
    let session = engine.session(range).unwrap();
    let text = format!("{text} | count by function");
    let planned = query::plan(&text, &context(range), &session).unwrap();
    let mut counts = BTreeMap::new();
    for batch in planned.execute(&session).await.unwrap().batches {
        let functions = batch.column_by_name("function").unwrap().as_string_view();
        let numbers = batch.column_by_name("_count").unwrap();
        let numbers = numbers.as_primitive::<Int64Type>().values();
        let pairs = functions.iter().zip(numbers);
        counts.extend(pairs.map(|(name, number)| (name.unwrap_or_default().to_owned(), *number)));
    }
    counts
}

/// Events with a few rare words, of which indexes know the rows.
fn events_with_rare_words(random: &mut Random, count: usize) -> Vec<Event> {
    let mut events = events::events(random, count);
    for event in &mut events {
        // For pages with these letters no index speaks.
        event.message = event.message.replace(['\u{17f}', '\u{212a}'], "x");
        match random.below(120) {
            0 => event.message.push_str(" Zebra, zebra"),
            1 => event.message.push_str(" zebra-crossing"),
            2 => event.message.push_str(" zebras crossing_Zebra"),
            3 => event.message.push_str(" \u{e9}zebra\u{e9} crossing"),
            4 => event.message.push_str(r" a\nzebra"),
            _ => {}
        }
    }
    events
}

/// What is counted by a word need not be read, and is the same.
#[tokio::test]
async fn words_are_counted_as_in_a_plain_loop() {
    let mut random = Random::new(12);
    let events = events_with_rare_words(&mut random, 2 * FLUSHED + 500);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    publish(&store, 1, &events[..FLUSHED]);
    flush(&store).await;
    publish(&store, 2, &events[FLUSHED..2 * FLUSHED]);
    flush(&store).await;
    publish(&store, 3, &events[2 * FLUSHED..]);
    let end = events::END;
    let narrow = TimeRange::new(Timestamp::from_millis(end.millis() - 900_000), end);
    let holds = |event: &Event, word: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut words = event.message.split(|c| !is_part(c));
        words.any(|known| known.eq_ignore_ascii_case(word))
    };
    let is_error = |event: &Event| event.level.as_deref() == Some("ERROR");
    type Question<'a> = (&'a str, &'a dyn Fn(&Event) -> bool);
    let questions: [Question<'_>; 5] = [
        ("zebra", &|event| holds(event, "zebra")),
        ("Crossing OR zebras", &|event| {
            holds(event, "crossing") || holds(event, "zebras")
        }),
        ("zebra crossing", &|event| {
            holds(event, "crossing") && holds(event, "zebra")
        }),
        ("zebra NOT crossing", &|event| {
            !holds(event, "crossing") && holds(event, "zebra")
        }),
        ("zebra level=error", &|event| {
            is_error(event) && holds(event, "zebra")
        }),
    ];
    for when in ["with two segments", "merged"] {
        if when == "merged" {
            flush(&store).await;
            compact(&store).await;
        }
        for (text, is_meant) in &questions {
            for range in [TimeRange::ALL, narrow] {
                let mut expected = BTreeMap::new();
                let found = events.iter().filter(|event| range.contains(event.time));
                for event in found.filter(|event| is_meant(event)) {
                    let function = event.function.clone().unwrap_or_default();
                    *expected.entry(function).or_insert(0) += 1;
                }
                for is_on in [true, false] {
                    let counts = count(&engine(&store, is_on), text, range).await;
                    assert_eq!(counts, expected, "{when}, index {is_on}: {text}");
                }
            }
        }
    }
    let searches = Searches::new(store, SearchConfig::default()).unwrap();
    let question = request("zebra | count by function");
    let explained = searches.explain(&question).await.unwrap();
    let why = &explained.scans[0].segments[0].why;
    assert!(why.contains("knows"), "{explained:#?}");
    assert!(!explained.plan.contains("message"), "{}", explained.plan);
}

async fn search(searches: &Searches, query: &str) -> (SearchStatus, Vec<String>) {
    let request = request(query);
    let id = searches.start(request).await.unwrap();
    let mut status = searches.subscribe(&id).unwrap();
    let done = status
        .wait_for(|status| status.state.is_final())
        .await
        .unwrap()
        .clone();
    assert_eq!(done.errors, Vec::<String>::new());
    let page = searches.messages(&id, 0, 1_000).unwrap();
    let time = |row: &query::Row| {
        let mut fields = row.iter();
        fields
            .find(|(name, _)| &**name == "_messagetime")
            .map(|(_, value)| value.to_string())
    };
    let times = page.rows.iter().filter_map(time).collect();
    (done, times)
}

fn request(query: &str) -> SearchRequest {
    SearchRequest {
        query: query.to_owned(),
        filters: Vec::new(),
        range: TimeRange::new(Timestamp::from_millis(0), events::END),
        time_zone: jiff::tz::TimeZone::UTC,
        by_receipt_time: false,
        auto_parse: false,
        language: query::Language::Log,
        histogram_by_level: false,
    }
}

/// The newest rows are found by their times alone where that is possible; they are the same.
#[tokio::test]
async fn the_newest_rows_are_the_newest() {
    let mut random = Random::new(11);
    let mut events = events::events(&mut random, FLUSHED + 500);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    publish(&store, 1, &events[..FLUSHED]);
    flush(&store).await;
    publish(&store, 2, &events[FLUSHED..]);
    let searches = Searches::new(store, SearchConfig::default()).unwrap();
    events.sort_by_key(|event| std::cmp::Reverse(event.time));
    for function in ["cart", "checkout"] {
        let is_of = |event: &&Event| {
            let name = event.function.as_deref();
            name.is_some_and(|name| name.eq_ignore_ascii_case(function))
        };
        let all: Vec<String> = events
            .iter()
            .filter(is_of)
            .map(|event| event.time.millis().to_string())
            .collect();
        for query in [
            format!("function={function} | limit 70"),
            format!("function={function} error* OR function={function} | limit 70"),
        ] {
            let (_, found) = search(&searches, &query).await;
            assert_eq!(found, all[..70], "{query}");
        }
        let (status, found) = search(&searches, &format!("function={function}")).await;
        assert_eq!(found, all[..found.len()]);
        assert_eq!(status.message_count, all.len() as u64);
        let counted: u64 = status.histogram.iter().map(|bucket| bucket.count).sum();
        assert_eq!(counted, all.len() as u64);
    }
}

/// Not only the same, but with less work: these must read few of the pages.
#[tokio::test]
async fn indexes_spare_most_pages() {
    let mut random = Random::new(7);
    let mut events = events::events(&mut random, 16 * storage::PAGE_ROWS);
    // Pages with the rarest letters are always read, and so are those with the rarest escapes.
    for event in &mut events {
        event.message = event.message.replace("\\u006f", "o");
        event
            .message
            .retain(|character| !['\u{17f}', '\u{212a}'].contains(&character));
    }
    let id = "1c9fb5e0-5a6e-4f0e-93f1-7a0c6d5e1234";
    events[5_000].message = format!("REPORT RequestId: {id} Duration: 12.5 ms zyxwvutIsRare");
    events[5_001].message = r#"{"rareKey":"rareValue","n":3}"#.to_owned();
    events[5_002].function = Some("RareFunction".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    publish(&store, 1, &events);
    flush(&store).await;
    let searches = Searches::new(store, SearchConfig::default()).unwrap();
    for (text, pages_max) in [
        (id, 2),
        ("\"zyxwvutIsRare\"", 1),
        ("zyxw*", 1),
        ("* | where contains(_raw, \"wvutIsRa\")", 1),
        ("* | where _raw matches \"*vutIsRare\"", 1),
        ("* | where _raw matches /zyxwvu[a-z]IsR/", 1),
        ("* | parse \"zyxwvutIs*\" as rest", 1),
        (
            "* | parse regex \"Duration: (?<d>[0-9]+[.]5) ms zyx\" | where d > 10",
            1,
        ),
        ("* | json \"rareKey\" as k | where k = \"rareValue\"", 2),
        ("function=rarefunction", 1),
        ("_sourcehost=nowhere*", 0),
        ("noSuchWordAnywhere OR function=rarefunction", 1),
    ] {
        let explained = searches.explain(&request(text)).await.unwrap();
        let read: usize = explained.scans[0]
            .segments
            .iter()
            .map(|segment| segment.pages_read)
            .sum();
        assert!(
            read <= pages_max,
            "{text} reads {read} pages\n{explained:#?}"
        );
    }
}
