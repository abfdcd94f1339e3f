//! The table `invocations`: one row for each, wherever its evidence lies and whether or not it is
//! known beforehand which rows must be merged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int8Array, RecordBatch, StringViewArray, TimestampNanosecondArray,
    new_null_array,
};
use datafusion::arrow::util::pretty::pretty_format_batches;
use model::{InvocationStatus, ManualClock, TimeRange, Timestamp};
use proptest::prelude::*;
use query::{Engine, EngineConfig};
use storage::{CompactConfig, MemorySegment, Pending, Store, StoreConfig, Table};

const BEGIN_MS: i64 = 1_763_906_400_000;
/// Evidence of one invocation is never so far apart that it is not seen together.
const SPREAD_MS: i64 = 10 * 60_000;

/// One row of evidence.
#[derive(Clone, Debug)]
struct Piece {
    request: u8,
    function: u8,
    at_ms: i64,
    duration_ms: Option<f64>,
    status: Option<usize>,
}

impl Piece {
    fn request_id(&self) -> String {
        match self.request % 3 {
            0 => format!("request-{}", self.request),
            _ => format!("00000000-0000-4000-8000-0000000000{:02x}", self.request),
        }
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    (
        0..40u8,
        0..2u8,
        0..SPREAD_MS,
        prop::option::of(0..900u32),
        prop::option::of(0..InvocationStatus::ALL.len()),
    )
        .prop_map(|(request, function, at_ms, duration_ms, status)| Piece {
            request,
            function,
            at_ms,
            duration_ms: duration_ms.map(f64::from),
            status,
        })
}

fn batch(pieces: &[Piece]) -> RecordBatch {
    let schema = storage::invocations_schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "event_time" => {
                let times = pieces
                    .iter()
                    .map(|piece| (BEGIN_MS + piece.at_ms) * 1_000_000);
                Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
            }
            "function" => {
                let names = pieces.iter().map(|piece| format!("f{}", piece.function));
                Arc::new(StringViewArray::from_iter_values(names))
            }
            "request_id" => {
                let ids = pieces.iter().map(Piece::request_id);
                Arc::new(StringViewArray::from_iter_values(ids))
            }
            "duration_ms" => {
                let durations = pieces.iter().map(|piece| piece.duration_ms);
                Arc::new(durations.collect::<Float64Array>())
            }
            "status" => {
                let names = pieces.iter().map(|piece| {
                    let rank = piece.status?;
                    Some(InvocationStatus::ALL[rank].name())
                });
                Arc::new(names.collect::<StringViewArray>())
            }
            "status_rank" => {
                let ranks = pieces.iter().map(|piece| i8::try_from(piece.status?).ok());
                Arc::new(ranks.collect::<Int8Array>())
            }
            _ => new_null_array(field.data_type(), pieces.len()),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

fn publish(store: &Store, frame: u64, pieces: &[Piece]) {
    let rows = MemorySegment::new(Table::Invocations, vec![batch(pieces)]).unwrap();
    let pending = Pending {
        frame,
        pieces: rows.into_iter().collect(),
        ..Pending::default()
    };
    store.publish(pending).unwrap();
}

async fn flush(store: &Store) {
    let sealed = store.seal().unwrap();
    store.write(&sealed).await.unwrap();
}

async fn ask(engine: &Engine, range: TimeRange, sql: &str) -> String {
    let session = engine.session(range).unwrap();
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// Asks with what is known of invocations and without; returns how many there are.
async fn check(store: &Store, when: &str) -> String {
    let engine = |invocations_known_max| {
        let config = EngineConfig {
            invocations_known_max,
            ..EngineConfig::default()
        };
        Engine::new(store.clone(), &config).unwrap()
    };
    let (knowing, merging) = (engine(1 << 20), engine(0));
    let part = TimeRange::new(
        Timestamp::from_millis(BEGIN_MS + SPREAD_MS / 3),
        Timestamp::from_millis(BEGIN_MS + SPREAD_MS / 2),
    );
    for range in [TimeRange::ALL, part] {
        for sql in [
            "SELECT * FROM invocations ORDER BY function, request_id",
            "SELECT count(*) FROM invocations",
            "SELECT status, count(*), max(duration_ms) FROM invocations WHERE function = 'f1' \
             GROUP BY status ORDER BY status",
        ] {
            // Twice: the second time from memory.
            let expected = ask(&merging, range, sql).await;
            for _ in 0..2 {
                assert_eq!(ask(&knowing, range, sql).await, expected, "{when}: {sql}");
            }
        }
    }
    ask(
        &knowing,
        TimeRange::ALL,
        "SELECT count(*) AS n FROM invocations",
    )
    .await
}

async fn live(parts: &[Vec<Piece>]) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(BEGIN_MS)));
    let store = Store::open(StoreConfig::at(folder.path()), clock);
    let store = store.await.unwrap();
    let mut known: BTreeSet<(u8, String)> = BTreeSet::new();
    for (number, pieces) in parts.iter().enumerate() {
        publish(&store, number as u64 + 1, pieces);
        known.extend(
            pieces
                .iter()
                .map(|piece| (piece.function, piece.request_id())),
        );
        let count = check(&store, "in memory").await;
        assert!(count.contains(&format!("| {} ", known.len())), "{count}");
        if number + 1 < parts.len() {
            flush(&store).await;
            check(&store, "in segments").await;
        }
    }
    flush(&store).await;
    let config = CompactConfig {
        settle: Duration::ZERO,
        ..CompactConfig::default()
    };
    let running = Arc::new(AtomicBool::new(false));
    while store.compact(&config, &running).await.unwrap() {}
    let count = check(&store, "merged").await;
    assert!(count.contains(&format!("| {} ", known.len())), "{count}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn invocations_are_the_same_however_they_are_read(
        parts in prop::collection::vec(prop::collection::vec(piece(), 1..20), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(&parts));
    }
}
