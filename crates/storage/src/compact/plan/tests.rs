//! What is merged when, and that it stays bounded.

use proptest::prelude::*;

use super::*;
use crate::compact::testing::{HOUR, segment};
use crate::{PARTITION_DEFAULT, Table};

const MINUTE: i64 = HOUR / 60;

fn config() -> CompactConfig {
    CompactConfig::default()
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// Segments of the first hour, made one a minute.
fn fresh(bytes: &[u64]) -> Vec<Arc<SegmentMeta>> {
    let made = |(minute, bytes): (usize, &u64)| {
        let mut made = (*segment(&format!("s{minute:02}"), PARTITION_DEFAULT, 0, *bytes)).clone();
        made.created_at = at(minute as i64 * MINUTE);
        Arc::new(made)
    };
    bytes.iter().enumerate().map(made).collect()
}

fn ids(job: &Job) -> Vec<&str> {
    job.inputs.iter().map(|input| input.id.as_str()).collect()
}

#[test]
fn a_growing_window_is_left_alone_until_enough_segments_are_alike() {
    let few = fresh(&[1_000; MERGE_SEGMENTS_MIN - 1]);
    assert_eq!(plan(&few, &config(), at(30 * MINUTE)), []);
    let enough = fresh(&[1_000; MERGE_SEGMENTS_MIN]);
    let jobs = plan(&enough, &config(), at(30 * MINUTE));
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].generation, Generation::Merged);
    assert_eq!(jobs[0].inputs.len(), MERGE_SEGMENTS_MIN);
    assert_eq!(ids(&jobs[0])[..2], ["s00", "s01"]);
}

#[test]
fn a_large_segment_does_not_join_small_ones_while_its_window_grows() {
    let mut bytes = vec![1_000; MERGE_SEGMENTS_MIN];
    bytes[0] = 40 << 20;
    assert_eq!(plan(&fresh(&bytes), &config(), at(30 * MINUTE)), []);
}

#[test]
fn an_ended_window_settles_when_nothing_has_come_for_a_while() {
    let segments = fresh(&[5_000_000, 1_000, 70_000]);
    let ended = HOUR + 9 * MINUTE;
    assert_eq!(plan(&segments, &config(), at(ended)), []);
    let jobs = plan(&segments, &config(), at(ended + MINUTE));
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].generation, Generation::Settled);
    assert_eq!(ids(&jobs[0]), ["s00", "s01", "s02"]);
}

#[test]
fn a_lone_segment_settles_too_and_then_rests() {
    let segments = fresh(&[1_000]);
    let late = at(5 * HOUR);
    assert_eq!(plan(&segments, &config(), late).len(), 1);
    let mut settled = (*segments[0]).clone();
    settled.generation = Generation::Settled;
    assert_eq!(plan(&[Arc::new(settled)], &config(), late), []);
}

#[test]
fn a_late_event_does_not_rewrite_a_large_settled_segment() {
    let mut segments = fresh(&[100 << 20, 3_000, 1_000]);
    for settled in &mut segments[..2] {
        let mut changed = (**settled).clone();
        changed.generation = Generation::Settled;
        *settled = Arc::new(changed);
    }
    let jobs = plan(&segments, &config(), at(9 * HOUR));
    assert_eq!(ids(&jobs[0]), ["s01", "s02"]);
}

#[test]
fn the_newest_window_comes_first_and_keys_are_not_mixed() {
    let mut segments = Vec::new();
    for hour in [0, 2, 1] {
        for partition in ["a", "b"] {
            for number in 0..2 {
                segments.push(segment(
                    &format!("{hour}{partition}{number}"),
                    partition,
                    hour,
                    10,
                ));
            }
        }
    }
    let jobs = plan(&segments, &config(), at(50 * HOUR));
    let of: Vec<_> = jobs
        .iter()
        .map(|job| {
            (
                job.key.window_start.nanos() / HOUR,
                job.key.partition.as_str(),
            )
        })
        .collect();
    assert_eq!(
        of,
        [(2, "a"), (2, "b"), (1, "a"), (1, "b"), (0, "a"), (0, "b")]
    );
    for job in &jobs {
        assert!(job.inputs.iter().all(|input| input.key() == job.key));
    }
}

/// Does a job as far as the plan can see: the inputs become one segment.
fn done(segments: &mut Vec<Arc<SegmentMeta>>, job: &Job, now: Timestamp, name: &str) -> u64 {
    let bytes = job.inputs.iter().map(|input| input.bytes).sum();
    segments.retain(|segment| !job.inputs.contains(segment));
    let mut merged = (*segment(name, &job.key.partition, 0, bytes)).clone();
    merged.table = job.key.table;
    merged.window_start = job.key.window_start;
    merged.generation = job.generation;
    merged.created_at = now;
    segments.push(Arc::new(merged));
    bytes
}

/// Runs the plan's jobs until there are none; returns the bytes written.
fn run(segments: &mut Vec<Arc<SegmentMeta>>, now: Timestamp) -> u64 {
    let mut written = 0;
    for round in 0.. {
        assert!(round < 1_000, "merging never ends");
        let Some(job) = plan(segments, &config(), now).into_iter().next() else {
            break;
        };
        let name = format!("m{}-{round}", now.nanos());
        written += done(segments, &job, now, &name);
    }
    written
}

/// A day of 2,000 events a second, flushed every 30 seconds into two partitions, with late
/// events for the hours before.
#[test]
fn a_day_of_flushes_leaves_few_segments_and_rewrites_little() {
    const FLUSH: i64 = MINUTE / 2;
    let mut segments: Vec<Arc<SegmentMeta>> = Vec::new();
    let (mut flushed, mut rewritten, mut most) = (0, 0, 0);
    for flush in 0..24 * 120 {
        let now = at((flush + 1) * FLUSH);
        let hour = flush * FLUSH / HOUR;
        let mut add = |partition: &str, hour: i64, bytes: u64| {
            let mut made = (*segment(
                &format!("f{flush}{partition}{hour}"),
                partition,
                hour,
                bytes,
            ))
            .clone();
            made.created_at = now;
            flushed += bytes;
            segments.push(Arc::new(made));
        };
        add("default", hour, 1_800_000);
        add("audit", hour, 60_000);
        if flush % 3 == 0 {
            add("default", (hour - 1 - flush % 4).max(0), 9_000);
        }
        rewritten += run(&mut segments, now);
        most = most.max(segments.len());
    }
    rewritten += run(&mut segments, at(26 * HOUR));
    let amplification = (flushed + rewritten) as f64 / flushed as f64;
    assert!(
        amplification < 5.0,
        "each byte is written {amplification} times"
    );
    assert!(most < 300, "{most} segments at once");
    let per_window = segments.len() as f64 / (24.0 * 2.0);
    assert!(
        per_window < 3.0,
        "{per_window} segments per window and partition"
    );
}

proptest! {
    #[test]
    fn merging_ends_and_keeps_every_byte(
        bytes in prop::collection::vec(1_u64..400_000_000, 0..80),
        hours in 0_i64..5,
    ) {
        let mut segments = fresh(&bytes);
        let now = at(hours * HOUR);
        run(&mut segments, now);
        let total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        prop_assert_eq!(total, bytes.iter().sum::<u64>());
        for segment in &segments {
            let is_input = bytes.contains(&segment.bytes);
            prop_assert!(is_input || segment.bytes <= config().segment_bytes);
            prop_assert_eq!(segment.table, Table::Events);
        }
    }
}
