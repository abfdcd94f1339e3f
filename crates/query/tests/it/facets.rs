//! Filters beside the text of a query, and facets, over a real store.

use std::sync::Arc;

use ingest::{Ingest, IngestConfig};
use model::{
    EventBatch, EventSink, Level, LogEvent, ManualClock, SourceMetadata, TimeRange, Timestamp,
};
use query::{
    FacetsRequest, Filter, Language, QueryError, SearchConfig, SearchRequest, SearchState, Searches,
};
use storage::{Store, StoreConfig};

const NOW_MS: i64 = 1_763_909_520_000;

/// Forty events: levels in turn, no version on every fourth, a JSON message with a number.
fn events() -> Vec<LogEvent> {
    let metadata = Arc::new(SourceMetadata::default());
    let event = |nth: i64| {
        let kind = if nth % 3 == 0 { "guest" } else { "member" };
        let message = format!(r#"{{"customer":{{"type":"{kind}"}},"took":{nth}}}"#);
        LogEvent {
            message,
            metadata: Arc::clone(&metadata),
            event_time: Some(Timestamp::from_millis(NOW_MS - 60_000 + nth * 1_000)),
            level: Some([Level::Info, Level::Error][nth as usize % 2]),
            version: (nth % 4 != 0).then(|| Arc::from(format!("v{}", nth % 4))),
            ..LogEvent::default()
        }
    };
    (0..40).map(event).collect()
}

struct Fixture {
    searches: Searches,
    ingest: Ingest,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
    let store = Store::open(StoreConfig::at(folder.path()), clock)
        .await
        .unwrap();
    let ingest = Ingest::start(store.clone(), IngestConfig::default())
        .await
        .unwrap();
    // Half rests in a segment, half in memory.
    let mut events = events();
    let newer = events.split_off(20);
    for (events, is_flushed) in [(events, true), (newer, false)] {
        let batch = EventBatch {
            events,
            ..EventBatch::default()
        };
        ingest.append(batch).await.unwrap();
        if is_flushed {
            ingest.flush().await.unwrap();
        }
    }
    Fixture {
        searches: Searches::new(store, SearchConfig::default()).unwrap(),
        ingest,
        _folder: folder,
    }
}

fn request(query: &str, language: Language, filters: &[(&str, &str, bool)]) -> SearchRequest {
    let filter = |(field, value, negated): &(&str, &str, bool)| Filter {
        field: (*field).to_owned(),
        value: (*value).to_owned(),
        negated: *negated,
    };
    SearchRequest {
        query: query.to_owned(),
        filters: filters.iter().map(filter).collect(),
        range: TimeRange::new(
            Timestamp::from_millis(NOW_MS - 3_600_000),
            Timestamp::from_millis(NOW_MS),
        ),
        time_zone: jiff::tz::TimeZone::UTC,
        by_receipt_time: false,
        auto_parse: true,
        language,
        histogram_by_level: true,
    }
}

/// How many messages and records a search finds, and the first record.
async fn found(searches: &Searches, request: SearchRequest) -> (u64, u64, String) {
    let id = searches.start(request).await.unwrap();
    let mut status = searches.subscribe(&id).unwrap();
    let status = status
        .wait_for(|status| status.state == SearchState::Done)
        .await
        .unwrap()
        .clone();
    assert_eq!(status.errors, Vec::<String>::new(), "{}", status.query);
    let first = searches.records(&id, 0, 1).map_or_else(
        |_| String::new(),
        |page| {
            let row = page.rows.into_iter().flatten();
            row.map(|(name, value)| format!("{name}={value} "))
                .collect()
        },
    );
    (status.message_count, status.record_count, first)
}

#[tokio::test]
async fn filters_narrow_what_a_query_finds() {
    let fixture = fixture().await;
    let searches = &fixture.searches;
    let count = async |query: &str, filters: &[(&str, &str, bool)]| {
        found(searches, request(query, Language::Log, filters)).await
    };
    assert_eq!(count("*", &[]).await.0, 40);
    assert_eq!(count("*", &[("level", "ERROR", false)]).await.0, 20);
    let both = [("level", "ERROR", false), ("level", "INFO", false)];
    assert_eq!(count("*", &both).await.0, 40);
    // Ten events have no version; leaving out one value keeps them.
    assert_eq!(count("*", &[("version", "v1", true)]).await.0, 30);
    assert_eq!(count("*", &[("customer.type", "guest", false)]).await.0, 14);
    assert_eq!(count("*", &[("took", "7", false)]).await.0, 1);
    // A field that the query itself makes, and an aggregate after it.
    let query = r#"* | json "took" as n | where n < 10 | count by level | sort by level"#;
    let counted = count(query, &[("n", "7", true), ("level", "ERROR", false)]).await;
    assert_eq!(counted, (4, 1, "level=ERROR _count=4 ".to_owned()));
    assert_eq!(
        count("* | limit 5", &[("level", "ERROR", false)]).await.0,
        5
    );
    fixture.ingest.close().await;
}

#[tokio::test]
async fn filters_narrow_the_events_of_sql() {
    let fixture = fixture().await;
    let sql = "SELECT count(*) AS n FROM events";
    let filters = [("level", "ERROR", false), ("version", "v1", true)];
    let asked = request(sql, Language::Sql, &filters);
    assert_eq!(found(&fixture.searches, asked).await.2, "n=10 ");
    let unknown = request(sql, Language::Sql, &[("customer.type", "x", false)]);
    let refused = fixture.searches.start(unknown).await;
    assert!(
        matches!(refused, Err(QueryError::Invalid(_))),
        "{refused:?}"
    );
    fixture.ingest.close().await;
}

#[tokio::test]
async fn a_mistake_keeps_its_place_beside_filters() {
    let fixture = fixture().await;
    let asked = request("* | wher x", Language::Log, &[("level", "ERROR", false)]);
    let Err(QueryError::Invalid(found)) = fixture.searches.start(asked).await else {
        panic!("the query has a mistake");
    };
    assert_eq!(found[0].span.start, 4);
    fixture.ingest.close().await;
}

#[tokio::test]
async fn facets_ignore_the_filters_on_themselves() {
    let fixture = fixture().await;
    let asked = FacetsRequest {
        search: request(
            "* | where took >= 0 | count by level",
            Language::Log,
            &[("level", "ERROR", false)],
        ),
        fields: ["version", "level", "customer.type", "took"]
            .map(str::to_owned)
            .into(),
        values_max: 2,
    };
    let facets = fixture.searches.facets(&asked).await.unwrap();
    let told: Vec<(String, u64, u64, usize, String)> = facets
        .iter()
        .map(|facet| {
            let values = facet.values.iter();
            let values: Vec<String> = values
                .map(|one| format!("{} {}", one.value, one.count))
                .collect();
            (
                facet.field.clone(),
                facet.total,
                facet.missing,
                facet.distinct,
                values.join(", "),
            )
        })
        .collect();
    let expected = [
        ("version", 20, 0, 2, "v1 10, v3 10"),
        ("level", 40, 0, 2, "ERROR 20, INFO 20"),
        ("customer.type", 20, 0, 2, "member 13, guest 7"),
        ("took", 20, 0, 20, "1 1, 11 1"),
    ]
    .map(|(field, total, missing, distinct, values)| {
        (
            field.to_owned(),
            total,
            missing,
            distinct,
            values.to_owned(),
        )
    });
    assert_eq!(told, expected);
    let numbers = facets[3].numbers.as_ref().unwrap();
    assert_eq!((numbers.min, numbers.p50, numbers.max), (1.0, 19.0, 39.0));
    fixture.ingest.close().await;
}
