//! Monitor files: what may be left out, what is refused and how.

use super::*;

const SMALL: &str = "name = \"a\"\nquery = \"error\"\ncritical = { above = 10 }\n";

#[test]
fn most_keys_may_be_left_out() {
    let monitor = Monitor::parse(SMALL).unwrap();
    assert_eq!(monitor.window, Period::minutes(5));
    assert_eq!(monitor.every, Period::minutes(1));
    assert_eq!(monitor.delay(), Period::seconds(30));
    assert_eq!(monitor.missing_means(), MissingMeans::Zero);
    assert_eq!(monitor.missing_after(), Period::minutes(5));
    assert!(monitor.enabled);
    assert_eq!(monitor.verdict(10.5), Some(Severity::Critical));
    assert_eq!(monitor.verdict(10.0), None);
}

#[test]
fn what_is_written_is_read_again() {
    let text = format!(
        "{SMALL}warning = {{ above = 5.0, recovery = 4.0 }}\nvalue = \"v\"\n\
         group_by = [\"function\"]\nkeep_firing_for = \"2m\"\nlate = \"5m\"\n\
         [needed]\nbreaches = 2\nof = 3\n[missing]\nmeans = \"no_data\"\nafter = \"10m\"\n\
         [notify]\nchannels = [\"ops\"]\nrepeat = \"1h\"\n"
    );
    let monitor = Monitor::parse(&text).unwrap();
    let written = toml::to_string(&monitor).unwrap();
    assert_eq!(Monitor::parse(&written).unwrap(), monitor, "{written}");
}

fn mistake(more: &str) -> String {
    Monitor::parse(&format!("{SMALL}{more}"))
        .unwrap_err()
        .to_string()
}

#[test]
fn an_unknown_key_is_refused_with_the_likely_one() {
    let said = mistake("keep_fireing_for = \"2m\"\n");
    assert!(said.contains("did you mean `keep_firing_for`?"), "{said}");
    assert!(said.contains("line 4"), "{said}");
    let said = mistake("[missing]\nmeans = \"zeroo\"\n");
    assert!(said.contains("did you mean `zero`?"), "{said}");
}

#[test]
fn what_cannot_work_is_refused() {
    let cases = [
        ("warning = { above = 11 }", "comes after `critical`"),
        ("warning = { below = 1 }", "other direction"),
        ("warning = { above = 1, below = 2 }", "two comparisons"),
        ("warning = {}", "nothing to compare with"),
        ("warning = { above = 5, recovery = 6 }", "bad side"),
        ("every = \"0s\"", "shorter than a second"),
        ("window = \"8d\"", "seven days"),
        (
            "for = \"1m\"\nneeded = { breaches = 1, of = 2 }",
            "exclude each other",
        ),
        ("needed = { breaches = 3, of = 2 }", "at most `of`"),
        ("groups = { max = 0 }", "MONITOR_GROUPS_MAX"),
        ("late = \"3h\"", "MONITOR_WINDOWS_MAX"),
        ("rows = { B = \"x\" }", "metrics queries only"),
    ];
    for (more, expected) in cases {
        let said = mistake(&format!("{more}\n"));
        assert!(said.contains(expected), "{more}: {said}");
    }
    let said = Monitor::parse("name = \"a\"\nquery = \"b\"\n").unwrap_err();
    assert!(said.to_string().contains("`critical` is missing"), "{said}");
}

#[test]
fn missing_data_alone_can_be_the_condition() {
    let text = "name = \"a\"\nquery = \"b\"\nmissing = { means = \"alert\", after = \"10m\" }\n";
    assert!(Monitor::parse(text).is_ok());
}

#[test]
fn mistakes_in_queries_are_found() {
    let mut monitor = Monitor::parse(SMALL).unwrap();
    assert_eq!(monitor.check_queries(), []);
    monitor.query = "error | cuont".to_owned();
    monitor.samples = Some("| |".to_owned());
    assert!(monitor.check_queries().len() >= 2);
}
