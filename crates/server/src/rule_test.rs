//! Tests of rules: what a monitor says about given lines and samples. A node without sources and
//! network lives through them on a clock of its own, so that an hour takes a second.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alerting::{Alerting, AlertingConfig, Labels};
use content::{Monitor, Severity};
use ingest::{Ingest, IngestConfig};
use model::{
    Clock, EventBatch, EventSink, Level, LogEvent, ManualClock, Provider, Sample, Series,
    SourceMetadata, Timestamp, duration,
};
use serde::Deserialize;
use storage::{Store, StoreConfig};

/// When a test begins: 2026-01-05, a Monday, 10:00 UTC.
const START_MS: i64 = 1_767_607_200_000;
/// How far the clock goes at once.
const STEP: Duration = Duration::from_secs(5);
/// Lines and samples of one test at most.
const ROWS_MAX: usize = 100_000;
/// Messages that are counted at most.
const MESSAGES_MAX: usize = 10_000;
/// What stands for a running number of twelve digits in a message.
const NUMBER: &str = "{n}";
const CHANNEL: &str = "name = 'people'\nkind = 'webhook'\nurl = 'http://127.0.0.1:1/'\n";

/// A `*.test.toml`, beside the `*.monitor.toml` that it is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTest {
    #[serde(default)]
    lines: Vec<Lines>,
    #[serde(default)]
    samples: Vec<Samples>,
    expect: Vec<Expectation>,
}

/// When something happens: at a moment, or again and again up to another. Both are counted from
/// the beginning of the test.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Moments {
    #[serde(deserialize_with = "duration::deserialize")]
    at: Duration,
    #[serde(default, deserialize_with = "some_duration")]
    until: Option<Duration>,
    #[serde(default = "minute", deserialize_with = "duration::deserialize")]
    every: Duration,
    /// How often at each moment.
    #[serde(default = "once")]
    times: usize,
}

/// Lines that are logged.
#[derive(Debug, Deserialize)]
struct Lines {
    #[serde(flatten)]
    moments: Moments,
    message: String,
    provider: Option<Provider>,
    account: Option<String>,
    region: Option<String>,
    function: Option<String>,
    version: Option<String>,
    level: Option<Level>,
    #[serde(default)]
    category: String,
    /// `_sourceName`.
    #[serde(default)]
    name: String,
    request_id: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

/// Samples that are taken.
#[derive(Debug, Deserialize)]
struct Samples {
    #[serde(flatten)]
    moments: Moments,
    metric: String,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    statistic: Option<String>,
    value: f64,
    /// What is added to the value from one to the next.
    #[serde(default)]
    step: f64,
}

/// What must be so at a moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    #[serde(deserialize_with = "duration::deserialize")]
    at: Duration,
    /// The alerts that are open.
    open: Vec<Open>,
    /// How many messages there were so far.
    told: Option<usize>,
}

/// An open alert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    severity: Severity,
    #[serde(default)]
    labels: Labels,
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

fn once() -> usize {
    1
}

fn some_duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(from).map(Some)
}

/// Lets the monitor `monitor` live through the test `test`; both are texts of files. Returns what
/// was not as expected, in words.
///
/// # Errors
/// If one of them has a mistake, or a temporary folder cannot be used.
pub async fn run_rule_test(monitor: &str, test: &str) -> Result<Vec<String>, String> {
    let test: RuleTest = toml::from_str(test).map_err(|error| error.to_string())?;
    Monitor::parse(monitor).map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut rows = test.rows()?;
    rows.sort_by_key(|(at, _)| *at);
    let stage = Stage::set(folder.path(), monitor).await?;
    let found = stage.play(rows, &test.expect).await;
    stage.ingest.close().await;
    found
}

/// Something that happens in a test.
enum Row {
    Line(Box<LogEvent>),
    Sample(Sample),
}

impl RuleTest {
    /// All that happens, by its time after the beginning.
    fn rows(&self) -> Result<Vec<(Duration, Row)>, String> {
        let mut rows = Vec::new();
        for lines in &self.lines {
            for at in lines.moments.all(ROWS_MAX - rows.len())? {
                let number = rows.len();
                rows.push((at, Row::Line(Box::new(lines.event(at, number)))));
            }
        }
        for samples in &self.samples {
            let moments = samples.moments.all(ROWS_MAX - rows.len())?;
            rows.extend((0..).zip(moments).map(|(number, at)| {
                let sample = samples.sample(at, number);
                (at, Row::Sample(sample))
            }));
        }
        Ok(rows)
    }
}

impl Moments {
    fn all(&self, max: usize) -> Result<Vec<Duration>, String> {
        if self.every.is_zero() {
            return Err("`every` must be longer than nothing".to_owned());
        }
        let mut all = Vec::new();
        let mut at = self.at;
        while at <= self.until.unwrap_or(self.at) {
            if all.len() + self.times > max {
                return Err(format!(
                    "there are more than ROWS_MAX = {ROWS_MAX} lines and samples"
                ));
            }
            all.extend(std::iter::repeat_n(at, self.times));
            at += self.every;
        }
        Ok(all)
    }
}

impl Lines {
    fn event(&self, at: Duration, number: usize) -> LogEvent {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let numbered = |text: &str| text.replace(NUMBER, &format!("{number:012}"));
        LogEvent {
            event_time: Some(moment(at)),
            message: numbered(&self.message),
            request_id: self.request_id.as_deref().map(numbered),
            metadata: Arc::new(SourceMetadata {
                category: self.category.clone(),
                name: self.name.clone(),
                ..SourceMetadata::default()
            }),
            provider: self.provider,
            account: text(&self.account),
            region: text(&self.region),
            function: text(&self.function),
            version: text(&self.version),
            level: self.level,
            fields: self.fields.clone().into_iter().collect(),
            ..LogEvent::default()
        }
    }
}

impl Samples {
    fn sample(&self, at: Duration, number: u32) -> Sample {
        Sample {
            series: Arc::new(Series {
                metric: self.metric.clone(),
                dimensions: self.dimensions.clone(),
            }),
            time: Some(moment(at)),
            statistic: self.statistic.as_deref().map(Arc::from),
            value: self.value + self.step * f64::from(number),
        }
    }
}

fn moment(at: Duration) -> Timestamp {
    Timestamp::from_millis(START_MS).saturating_add_nanos(duration::nanos(at))
}

/// A node with one monitor, on a clock that is moved by hand.
struct Stage {
    clock: Arc<ManualClock>,
    store: Store,
    ingest: Ingest,
    alerting: Alerting,
}

impl Stage {
    async fn set(folder: &Path, monitor: &str) -> Result<Stage, String> {
        let monitors = folder.join("monitors");
        std::fs::create_dir_all(&monitors).map_err(|error| error.to_string())?;
        std::fs::write(monitors.join("rule.monitor.toml"), monitor)
            .map_err(|error| error.to_string())?;
        let clock = Arc::new(ManualClock::at(moment(Duration::ZERO)));
        let config = StoreConfig::at(folder.join("data"));
        let store = Store::open(config, Arc::clone(&clock) as Arc<dyn Clock>)
            .await
            .map_err(|error| error.to_string())?;
        let ingest = Ingest::start(store.clone(), IngestConfig::default())
            .await
            .map_err(|error| error.to_string())?;
        let config = AlertingConfig {
            monitors: vec![monitors],
            channels: vec!["people".to_owned()],
            ..AlertingConfig::default()
        };
        let channel = toml::from_str(CHANNEL).map_err(|error| error.to_string())?;
        let url = "http://127.0.0.1".to_owned();
        let alerting = Alerting::prepare(config, vec![channel], store.clone(), url)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Stage {
            clock,
            store,
            ingest,
            alerting,
        })
    }

    /// Lets everything happen in its time; returns what was not as expected.
    async fn play(
        &self,
        rows: Vec<(Duration, Row)>,
        expect: &[Expectation],
    ) -> Result<Vec<String>, String> {
        let mut expect: Vec<&Expectation> = expect.iter().collect();
        expect.sort_by_key(|expectation| expectation.at);
        let mut rows = rows.into_iter().peekable();
        let mut problems = Vec::new();
        let mut now = Duration::ZERO;
        for expectation in expect {
            while now < expectation.at {
                now = (now + STEP).min(expectation.at);
                self.clock
                    .advance_nanos(moment(now).nanos() - self.clock.now().nanos());
                let mut batch = EventBatch::default();
                while let Some((_, row)) = rows.next_if(|(at, _)| *at <= now) {
                    match row {
                        Row::Line(event) => batch.events.push(*event),
                        Row::Sample(sample) => batch.samples.push(sample),
                    }
                }
                self.step(batch).await?;
            }
            problems.extend(self.compare(expectation).await?);
        }
        Ok(problems)
    }

    async fn step(&self, batch: EventBatch) -> Result<(), String> {
        if !batch.events.is_empty() || !batch.samples.is_empty() {
            let taken = self.ingest.append(batch).await;
            taken.map_err(|error| error.to_string())?;
        }
        let round = self.alerting.round().await;
        round.map(drop).map_err(|error| error.to_string())
    }

    async fn compare(&self, expectation: &Expectation) -> Result<Vec<String>, String> {
        let alerts = self.alerting.alerts(Timestamp::MIN).await;
        let alerts = alerts.map_err(|error| error.to_string())?;
        let open = alerts.iter().filter(|alert| alert.is_open);
        let mut open: Vec<String> = open
            .map(|alert| shown(alert.news.severity, &alert.news.labels))
            .collect();
        let expected = expectation.open.iter();
        let mut expected: Vec<String> = expected
            .map(|alert| shown(alert.severity, &alert.labels))
            .collect();
        open.sort_unstable();
        expected.sort_unstable();
        let at = expectation.at;
        let mut problems = Vec::new();
        if open != expected {
            problems.push(format!(
                "after {at:?} these alerts are open: [{}]; expected: [{}]",
                open.join(", "),
                expected.join(", ")
            ));
        }
        if let Some(told) = expectation.told {
            let messages = self.store.catalog().messages(MESSAGES_MAX).await;
            let count = messages.map_err(|error| error.to_string())?.len();
            if count != told {
                problems.push(format!(
                    "after {at:?} there were {count} messages; expected: {told}"
                ));
            }
        }
        Ok(problems)
    }
}

fn shown(severity: Severity, labels: &Labels) -> String {
    let labels = labels
        .iter()
        .filter(|(name, _)| !["severity", "alertname", "monitor"].contains(&name.as_str()))
        .map(|(name, value)| format!(" {name}={value}"));
    format!("{}{}", severity.name(), labels.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONITOR: &str = "name = 'Errors'\nquery = 'level=ERROR | count by function'\nvalue = '_count'\n\
        group_by = ['function']\nwindow = '1m'\nevery = '1m'\ndelay = '0s'\n\
        critical = { above = 2 }\nmissing = { means = 'zero' }\n";
    const LINES: &str = "[[lines]]\nat = '1m'\nuntil = '3m'\nevery = '10s'\nmessage = 'it fails {n}'\n\
        function = 'pay'\nlevel = 'ERROR'\n";

    #[tokio::test]
    async fn a_test_says_what_was_not_as_expected() {
        let right = "[[expect]]\nat = '50s'\nopen = []\ntold = 0\n\
            [[expect]]\nat = '3m'\nopen = [{ severity = 'critical', labels = { function = 'pay' } }]\ntold = 1\n\
            [[expect]]\nat = '10m'\nopen = []\ntold = 2\n";
        let found = run_rule_test(MONITOR, &format!("{LINES}{right}")).await;
        assert_eq!(found.unwrap(), Vec::<String>::new());
        let wrong = "[[expect]]\nat = '3m'\nopen = [{ severity = 'warning' }]\ntold = 3\n";
        let found = run_rule_test(MONITOR, &format!("{LINES}{wrong}")).await;
        assert_eq!(
            found.unwrap(),
            [
                "after 180s these alerts are open: [critical function=pay]; expected: [warning]",
                "after 180s there were 1 messages; expected: 3"
            ]
        );
    }

    #[tokio::test]
    async fn mistakes_are_told() {
        let expect = "[[expect]]\nat = '1m'\nopen = []\n";
        for (test, part) in [
            ("[[lines]]\nmessage = 'x'\n[[expect]]\n", "missing field"),
            ("[[expect]]\nat = 'soon'\nopen = []\n", "is not a duration"),
            ("[[expect]]\nat = '1m'\nopn = []\n", "unknown field `opn`"),
            (
                &format!("[[lines]]\nat='0s'\nevery='0s'\nmessage='x'\n{expect}"),
                "`every`",
            ),
            (
                &format!("[[lines]]\nat='0s'\ntimes=200000\nmessage='x'\n{expect}"),
                "ROWS_MAX",
            ),
        ] {
            let error = run_rule_test(MONITOR, test).await.unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
