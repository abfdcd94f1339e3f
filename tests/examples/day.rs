//! A day of the fleet on a fast clock: what flushes every 30 seconds and the merges behind them
//! leave on disk, hour by hour, and what it costs to keep it in order.
//!
//! `cargo xtask day` runs it. Files and catalog are real; of the events only a share is made, and
//! segments are merged up to the same share of their usual size, so that all has the shape of the
//! whole.
#![allow(clippy::print_stdout, reason = "it tells the terminal")]
#![allow(clippy::unwrap_used, reason = "what fails ends it")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use ingest::{Ingest, IngestConfig};
use model::{Clock, EventBatch, EventSink, LogEvent, ManualClock, Provider, Timestamp};
use simulator::fleet::{Fleet, FleetConfig, FleetEvent};
use storage::{CompactConfig, Generation, Store, StoreConfig};

/// What the fleet would log.
const EVENTS_PER_SECOND: f64 = 2_000.0;
const HOURS: usize = 24;
const FLUSH_SECONDS: usize = 30;
/// As `storage.deletion_grace` is by default.
const GRACE: Duration = Duration::from_secs(600);
const START_MS: i64 = 1_764_000_000_000;

/// What was written, and how much lay there.
#[derive(Debug, Default)]
struct Tally {
    flushed: u64,
    flushed_segments: usize,
    merged: u64,
    segments_max: usize,
}

fn event(event: FleetEvent) -> LogEvent {
    let function = event.function();
    LogEvent {
        event_time: Some(event.event_time),
        message: event.message,
        provider: Some(Provider::Aws),
        function: Some(function.name.into()),
        ..LogEvent::default()
    }
}

/// Bytes by segment, of those that are there now.
fn live(store: &Store) -> HashMap<String, (u64, Generation)> {
    let segments = store.live_segments();
    let sizes = segments.iter().map(|segment| {
        let size = (segment.disk_bytes(), segment.generation);
        (segment.id.clone(), size)
    });
    sizes.collect()
}

#[tokio::main]
async fn main() {
    let share: f64 = std::env::args()
        .nth(1)
        .map_or(0.1, |share| share.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START_MS)));
    let config = StoreConfig::at(folder.path());
    let store = Store::open(config, Arc::clone(&clock) as Arc<dyn Clock>)
        .await
        .unwrap();
    let quiet = IngestConfig {
        flush_interval: Duration::from_secs(86_400),
        ..IngestConfig::default()
    };
    let ingest = Ingest::start(store.clone(), quiet).await.unwrap();
    let usual = CompactConfig::default();
    let compaction = CompactConfig {
        segment_bytes: (usual.segment_bytes as f64 * share) as u64,
        ..usual
    };
    let mut fleet = Fleet::new(FleetConfig {
        seed: 1,
        start: clock.now(),
        events_per_second: EVENTS_PER_SECOND * share,
        end: None,
        bad_deployment: None,
    });
    println!("{share} of {EVENTS_PER_SECOND} events/s, a flush every {FLUSH_SECONDS} s");
    println!("hour    events  segments  (most)     bytes   flushed    merged  amplification");
    let began = Instant::now();
    let (mut tally, mut events) = (Tally::default(), 0);
    for hour in 1..=HOURS {
        for _ in 0..3_600 / FLUSH_SECONDS {
            clock.advance_nanos(FLUSH_SECONDS as i64 * 1_000_000_000);
            let next = std::iter::from_fn(|| fleet.next_until(clock.now()));
            let batch = EventBatch {
                events: next.map(event).collect(),
                ..EventBatch::default()
            };
            events += batch.events.len();
            ingest.append(batch).await.unwrap();
            step(&store, &ingest, &compaction, &mut tally).await;
        }
        let bytes = store.stats().disk_bytes;
        let amplification = (tally.flushed + tally.merged) as f64 / tally.flushed as f64;
        println!(
            "{hour:>4} {events:>9} {:>9} {:>7} {bytes:>10} {:>9} {:>9} {amplification:>14.2}",
            store.stats().segments,
            tally.segments_max,
            tally.flushed,
            tally.merged,
        );
    }
    let stored = store.stats().events;
    println!(
        "{stored} events of {events} are there; {} segments were flushed; {:.0} s",
        tally.flushed_segments,
        began.elapsed().as_secs_f64()
    );
    assert_eq!(stored, events as u64);
    ingest.shutdown().await.unwrap();
}

/// A flush, and what a node does behind it.
async fn step(store: &Store, ingest: &Ingest, compaction: &CompactConfig, tally: &mut Tally) {
    let before = live(store);
    ingest.flush().await.unwrap();
    for (id, (bytes, _)) in live(store) {
        if !before.contains_key(&id) {
            tally.flushed += bytes;
            tally.flushed_segments += 1;
        }
    }
    tally.segments_max = tally.segments_max.max(store.stats().segments);
    let running = Arc::new(AtomicBool::new(false));
    loop {
        let before = live(store);
        if !store.compact(compaction, &running).await.unwrap() {
            break;
        }
        for (id, (bytes, _)) in live(store) {
            if !before.contains_key(&id) {
                tally.merged += bytes;
            }
        }
    }
    store.delete_unneeded(GRACE).await.unwrap();
}
