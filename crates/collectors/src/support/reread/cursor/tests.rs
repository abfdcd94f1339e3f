//! The windows of an origin, from its first read on.

use std::time::Duration;

use super::*;

const NOW: i64 = 1_763_909_520_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const TIP_OVERLAP_MS: i64 = 20 * SECOND_MS;

/// The settings of a log group of AWS that was created at this moment.
fn settings(created_ms: i64) -> Settings {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    Settings {
        created_ms: Some(created_ms),
        first_ms: created_ms - 14 * DAY_MS - HOUR_MS,
        start: Start::Creation,
        settle: hours(1) / 12,
        is_adaptive: true,
        is_by_reception: false,
        tip_overlap_ms: TIP_OVERLAP_MS,
        settle_event_ms: 2,
        settle_reads: 5,
        sweep_interval: hours(1) / 4,
        sweep_depth: hours(2),
        deep_sweep_interval: hours(24),
        deep_sweep_depth: hours(24),
    }
}

fn before(before: Duration, created_ms: i64) -> Settings {
    Settings {
        start: Start::Before(before),
        ..settings(created_ms)
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn held(pages: usize, events: usize) -> Held {
    Held { pages, events }
}

#[test]
fn a_young_group_is_read_whole_until_that_is_too_much() {
    let mut cursor = Cursor::new(settings(NOW - MINUTE_MS), None, at(NOW));
    let first = cursor.next_head(at(NOW));
    assert_eq!((first.kind, first.end_ms), (Kind::Settle, None));
    assert!(first.start_ms <= NOW - 14 * DAY_MS);
    cursor.finish(&first, held(1, 10), None);
    assert_eq!(cursor.position().low_ms, first.start_ms);
    let second = cursor.next_head(at(NOW + 5000));
    assert_eq!(
        (second.kind, second.start_ms),
        (Kind::Settle, first.start_ms)
    );
    cursor.finish(&second, held(9, 90_000), None);
    assert_eq!(cursor.position().low_ms, NOW + 5000 - 5 * MINUTE_MS);
    assert_eq!(cursor.next_chore(at(NOW + 5000)), None);
}

#[test]
fn an_old_group_shows_its_newest_events_first_and_its_history_in_growing_windows() {
    let mut cursor = Cursor::new(settings(NOW - 90 * DAY_MS), None, at(NOW));
    let head = cursor.next_head(at(NOW));
    assert_eq!(head.start_ms, NOW - 5 * MINUTE_MS);
    let oldest = cursor.reread_from();
    assert!(oldest <= at(NOW - 104 * DAY_MS));
    let mut expected_start = oldest.millis();
    let mut windows = 0;
    while let Some(window) = cursor.next_chore(at(NOW)) {
        assert_eq!(
            (window.kind, window.start_ms),
            (Kind::History, expected_start)
        );
        expected_start = window.end_ms.unwrap() + 1;
        cursor.finish(&window, held(1, 0), None);
        windows += 1;
    }
    assert_eq!(expected_start, NOW - 5 * MINUTE_MS);
    assert!(windows < 12, "{windows}");
    assert_eq!(cursor.history_left_ms(), 0);
}

#[test]
fn a_busy_group_reads_its_tip_often_and_its_settling_time_now_and_then() {
    let mut cursor = Cursor::new(settings(NOW - MINUTE_MS), None, at(NOW));
    let first = cursor.next_head(at(NOW));
    cursor.finish(&first, held(5, 50_000), None);
    let second = cursor.next_head(at(NOW + 5000));
    assert_eq!(
        (second.kind, second.start_ms),
        (Kind::Tip, NOW - TIP_OVERLAP_MS)
    );
    cursor.finish(&second, held(1, 5000), None);
    assert_eq!(cursor.position().low_ms, NOW - 5 * MINUTE_MS);
    assert_eq!(cursor.next_head(at(NOW + MINUTE_MS)).kind, Kind::Settle);
}

#[test]
fn late_events_make_the_settling_time_longer_unless_that_is_switched_off() {
    for (is_adaptive, minutes) in [(true, 20), (false, 5)] {
        let settings = Settings {
            is_adaptive,
            ..settings(NOW - 9 * DAY_MS)
        };
        let mut cursor = Cursor::new(settings, None, at(NOW));
        cursor.set_lateness(10 * MINUTE_MS);
        let window = cursor.next_head(at(NOW));
        cursor.finish(&window, held(1, 1), None);
        assert_eq!(cursor.position().low_ms, NOW - minutes * MINUTE_MS);
    }
}

#[test]
fn a_sweep_covers_what_has_settled_and_not_what_was_before_the_start() {
    let mut cursor = Cursor::new(
        before(Duration::from_secs(3600), NOW - 9 * DAY_MS),
        None,
        at(NOW),
    );
    let head = cursor.next_head(at(NOW));
    cursor.finish(&head, held(1, 1), None);
    while let Some(window) = cursor.next_chore(at(NOW)) {
        assert_eq!(window.kind, Kind::History);
        cursor.finish(&window, held(1, 0), None);
    }
    let later = at(NOW + 15 * MINUTE_MS);
    let mut covered = NOW - HOUR_MS;
    while let Some(window) = cursor.next_chore(later) {
        assert_eq!((window.kind, window.start_ms), (Kind::Sweep, covered));
        covered = window.end_ms.unwrap() + 1;
        cursor.finish(&window, held(1, 0), None);
    }
    assert_eq!(covered, cursor.position().low_ms);
    assert_eq!(cursor.next_chore(later), None);
}

#[test]
fn a_deep_sweep_covers_a_day_once_a_day_up_to_where_sweeps_begin() {
    let mut cursor = Cursor::new(
        before(Duration::from_secs(9 * 86_400), NOW - 90 * DAY_MS),
        None,
        at(NOW),
    );
    let head = cursor.next_head(at(NOW));
    cursor.finish(&head, held(1, 1), None);
    while let Some(window) = cursor.next_chore(at(NOW)) {
        cursor.finish(&window, held(1, 0), None);
    }
    let later = at(NOW + DAY_MS);
    let low_ms = cursor.position().low_ms;
    let mut covered = low_ms - DAY_MS;
    while let Some(window) = cursor.next_chore(later) {
        if window.hands_over_only_late() {
            assert_eq!((window.kind, window.start_ms), (Kind::DeepSweep, covered));
            covered = window.end_ms.unwrap() + 1;
        }
        cursor.finish(&window, held(1, 0), None);
    }
    assert_eq!(covered, low_ms - 2 * HOUR_MS);
    let without = Settings {
        deep_sweep_interval: Duration::ZERO,
        ..settings(0)
    };
    let mut never = Cursor::new(without, None, at(NOW));
    let head = never.next_head(at(NOW));
    never.finish(&head, held(1, 1), None);
    while let Some(window) = never.next_chore(at(NOW + 9 * DAY_MS)) {
        assert!(!window.hands_over_only_late());
        never.finish(&window, held(1, 0), None);
    }
}

#[test]
fn what_was_missed_while_away_becomes_history_joined_to_what_was_left() {
    let saved = Position {
        start_ms: 0,
        low_ms: NOW - 3 * DAY_MS,
        swept_ms: NOW - 3 * DAY_MS,
        deep_swept_ms: None,
        history: Some(Gap {
            from_ms: NOW - 9 * DAY_MS,
            until_ms: NOW - 4 * DAY_MS,
        }),
    };
    let mut cursor = Cursor::new(settings(0), Some(saved), at(NOW));
    assert_eq!(cursor.next_head(at(NOW)).start_ms, NOW - 5 * MINUTE_MS);
    let gap = Gap {
        from_ms: NOW - 9 * DAY_MS,
        until_ms: NOW - 5 * MINUTE_MS,
    };
    assert_eq!(cursor.position().history, Some(gap));
    let json = serde_json::to_value(cursor.position()).unwrap();
    assert_eq!(
        serde_json::from_value::<Position>(json).unwrap(),
        *cursor.position()
    );
}

#[test]
fn what_will_still_change_holds_the_low_end_until_it_is_final() {
    let mut cursor = Cursor::new(settings(NOW - 9 * DAY_MS), None, at(NOW));
    let head = cursor.next_head(at(NOW));
    let open_ms = NOW - 2 * HOUR_MS;
    cursor.finish(&head, held(1, 1), Some(open_ms));
    assert_eq!(cursor.position().low_ms, open_ms);
    let later = at(NOW + 3 * HOUR_MS);
    let head = cursor.next_head(later);
    assert_eq!((head.kind, head.start_ms), (Kind::Settle, open_ms));
    cursor.finish(&head, held(1, 1), None);
    assert_eq!(cursor.position().low_ms, NOW + 3 * HOUR_MS - 5 * MINUTE_MS);
}
