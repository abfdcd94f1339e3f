//! Plans of whole queries, run over a handful of events.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampNanosecondArray, new_null_array,
};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use model::{TimeRange, Timestamp};

use super::{QueryContext, plan};

fn session(messages: &[&str]) -> SessionContext {
    let schema = storage::events_schema();
    let rows = messages.len();
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "event_time" | "receipt_time" => {
                let times = (0..rows).map(|row| i64::try_from(row).unwrap() * 60_000_000_000);
                Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
                    as ArrayRef
            }
            "message" => Arc::new(StringViewArray::from_iter_values(messages)) as ArrayRef,
            _ if field.is_nullable() => new_null_array(field.data_type(), rows),
            _ => Arc::new(StringViewArray::from_iter_values(
                messages.iter().map(|_| "default"),
            )) as ArrayRef,
        })
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let context = SessionContext::new();
    let table = MemTable::try_new(schema, vec![vec![batch]]).unwrap();
    context.register_table("events", Arc::new(table)).unwrap();
    context
}

fn context() -> QueryContext {
    QueryContext {
        range: TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(3_600_000)),
        now: Timestamp::from_millis(3_600_000),
        time_zone: jiff::tz::TimeZone::UTC,
        auto_parse: false,
    }
}

async fn run(query: &str, messages: &[&str]) -> String {
    let session = session(messages);
    let planned = match plan(query, &context(), &session) {
        Ok(planned) => planned,
        Err(found) => {
            return found
                .iter()
                .map(|one| format!("{}: {}\n", one.span.start, one.message))
                .collect();
        }
    };
    let output = planned.execute(&session).await.unwrap();
    let mut text = String::new();
    for batch in &output.batches {
        let indexes: Vec<usize> = output
            .fields
            .iter()
            .map(|field| batch.schema().index_of(&field.column).unwrap())
            .collect();
        let picked = batch.project(&indexes).unwrap();
        for line in pretty_format_batches(&[picked])
            .unwrap()
            .to_string()
            .lines()
            .skip(3)
        {
            if line.starts_with('|') {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                text.push_str(&cells.join(","));
                text.push('\n');
            }
        }
    }
    text
}

const MESSAGES: &[&str] = &[
    "START RequestId: a-1 Version: 1",
    "REPORT RequestId: a-1 Duration: 12.50 ms Memory Size: 128 MB",
    "REPORT RequestId: a-2 Duration: 7.50 ms Memory Size: 256 MB",
    r#"{"level":"ERROR","user":{"id":7},"tags":["x","y"]}"#,
    r#"INFO {"level":"info","user":{"id":8}}"#,
];

#[tokio::test]
async fn words_and_phrases_find_messages() {
    for (query, count) in [
        ("*", "5"),
        ("report", "2"),
        ("REP", "0"),
        ("REP*", "2"),
        ("error OR start", "2"),
        ("report NOT \"a-2\"", "1"),
        ("\"Memory   Size\"", "2"),
        ("!(report)", "3"),
        ("_sourceHost=*", "0"),
        ("", "5"),
    ] {
        assert_eq!(
            run(&format!("{query} | count"), MESSAGES).await.trim(),
            count,
            "{query}"
        );
    }
}

#[tokio::test]
async fn parsed_fields_are_numbers_where_numbers_are_needed() {
    let query = r#"report | parse "Duration: * ms" as d | parse regex "Size: (?<size>\d+)"
        | where d > 5 | sum(d) as total, max(size), avg(d) by size | sort by total"#;
    assert_eq!(
        run(query, MESSAGES).await,
        "128,12.5,128.0,12.5\n256,7.5,256.0,7.5\n"
    );
}

#[tokio::test]
async fn json_paths_reach_into_messages() {
    let query = r#"* | json "level", "user.id" as level, id | toLowerCase(level) as l | count by l | sort l asc"#;
    assert_eq!(run(query, MESSAGES).await, "error,1\ninfo,1\n");
    let query = r#"* | json "tags[1]" as t nodrop | if(isNull(t), "none", t) as t | count by t | sort _count"#;
    assert_eq!(run(query, MESSAGES).await, "none,4\ny,1\n");
}

#[tokio::test]
async fn slices_limits_and_percentiles() {
    assert_eq!(
        run(
            "* | timeslice 2m | count by _timeslice | sort _timeslice asc",
            MESSAGES
        )
        .await,
        "0,2\n120000,2\n240000,1\n"
    );
    assert_eq!(run("* | limit 2 | count", MESSAGES).await, "2\n");
    assert_eq!(
        run(
            r#"report | parse "Duration: * ms" as d | pct(d, 50)"#,
            MESSAGES
        )
        .await
        .lines()
        .count(),
        1
    );
}

#[tokio::test]
async fn every_mistake_is_reported_with_its_position() {
    let found = run(
        "(a | wher x = 1 | count by y | where isNul(y) | transpose row a column b",
        MESSAGES,
    )
    .await;
    assert_eq!(
        found,
        "0: this parenthesis is never closed\n5: there is no operator `wher`\n37: there is no function `isnul`\n48: operator `transpose` is not available yet\n"
    );
    assert!(
        run("* | count by y | where z = 1", MESSAGES)
            .await
            .contains("no field `z`")
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_planner_panic(text in "[a-z|*\"(){}/=<>!,.0-9\\\\\\[\\] é]{0,60}") {
        drop(plan(&text, &context(), &session(&[])));
    }
}

#[tokio::test]
async fn a_parameter_without_a_value_is_named_and_not_guessed() {
    let found = run("function={{fn}} | timeslice {{width}}", MESSAGES).await;
    assert_eq!(
        found,
        "9: parameter `fn` has no value\n28: parameter `width` has no value\n"
    );
}
