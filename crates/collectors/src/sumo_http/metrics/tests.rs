//! Bodies as files, and the samples that they hold; lines that are refused.

use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;

use super::*;
use crate::testing::shown;

fn common() -> BTreeMap<String, String> {
    [("_sourcecategory", "given"), ("team", "a")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn the_fixtures_hold_these_samples() {
    for (format, body, expected) in [
        (
            MetricsFormat::Prometheus,
            &include_bytes!("../fixtures/prometheus.txt")[..],
            expect_file!["../fixtures/prometheus.expected"],
        ),
        (
            MetricsFormat::Graphite,
            include_bytes!("../fixtures/graphite.txt"),
            expect_file!["../fixtures/graphite.expected"],
        ),
        (
            MetricsFormat::Carbon2,
            include_bytes!("../fixtures/carbon2.txt"),
            expect_file!["../fixtures/carbon2.expected"],
        ),
    ] {
        let samples = decode(format, body, &common()).unwrap();
        expected.assert_eq(&shown(&samples));
    }
}

fn refused(format: MetricsFormat, body: &str, expected: &Expect) {
    let error = decode(format, body.as_bytes(), &common()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_wrong_line_is_named() {
    use MetricsFormat::{Carbon2, Graphite, Prometheus};
    refused(
        Prometheus,
        "ok 1\nup{a=\"b\" 1",
        &expect![[r#"line 2 has labels that do not end: `up{a="b" 1`"#]],
    );
    refused(
        Prometheus,
        "up{a=b} 1",
        &expect!["line 1 has no quoted value for the label `a`: `up{a=b} 1`"],
    );
    refused(
        Prometheus,
        "up{a=\"b\"c=\"d\"} 1",
        &expect![[r#"line 1 has no comma before `c="d"`: `up{a="b"c="d"} 1`"#]],
    );
    refused(Prometheus, "up", &expect!["line 1 has no number: `up`"]);
    refused(
        Prometheus,
        "up one",
        &expect!["line 1 has no number in `one`: `up one`"],
    );
    refused(
        Prometheus,
        "up 1 soon",
        &expect!["line 1 has no time in `soon`: `up 1 soon`"],
    );
    refused(
        Prometheus,
        "up 1 2 3",
        &expect!["line 1 goes on after number and time: `up 1 2 3`"],
    );
    refused(
        Graphite,
        "a.b 1",
        &expect!["line 1 does not end in a number and a time: `a.b 1`"],
    );
    refused(
        Graphite,
        "a b 1 2",
        &expect!["line 1 does not begin with a path without blanks: `a b 1 2`"],
    );
    refused(
        Graphite,
        "a;b 1 2",
        &expect!["line 1 has no `tag=value` in `b`: `a;b 1 2`"],
    );
    refused(
        Carbon2,
        "a=b  1 2",
        &expect!["line 1 has no `metric=name` among its tags: `a=b  1 2`"],
    );
    refused(
        Carbon2,
        "metric=a b  1 2",
        &expect!["line 1 has no `tag=value` in `b`: `metric=a b  1 2`"],
    );
    let error = decode(Graphite, b"a.b 1 2\n\xff", &common()).unwrap_err();
    assert_eq!(error, MetricsError::NotText(8));
    let long = format!("{} 1 2", "x".repeat(METRIC_LINE_BYTES_MAX));
    let error = decode(Graphite, long.as_bytes(), &common()).unwrap_err();
    assert!(
        error.to_string().contains("METRIC_LINE_BYTES_MAX"),
        "{error}"
    );
}

#[test]
fn the_content_type_decides() {
    let of = MetricsFormat::of;
    assert_eq!(
        of("application/vnd.sumologic.Carbon2; charset=utf8"),
        Some(MetricsFormat::Carbon2)
    );
    assert_eq!(of("text/plain"), None);
    assert_eq!(of(""), None);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        body in "([a-z{}\"=,;# .\\\\\t\nä0-9+-]|NaN|metric=){0,60}",
    ) {
        for format in [MetricsFormat::Prometheus, MetricsFormat::Graphite, MetricsFormat::Carbon2] {
            // Accepted or refused, but never a panic.
            drop(decode(format, body.as_bytes(), &common()));
        }
    }
}
