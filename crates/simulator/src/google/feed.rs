//! Makes log entries of the calls of Google's functions as time goes on: lines and requests of the
//! second generation, lines of the first; received a little later, some of them late.

use std::sync::Arc;

use model::{Level, Timestamp};
use serde_json::{Value, json};

use super::monitoring::Execution;
use super::service::text;
use super::store::{Entry, Store};
use crate::config::{Nuisances, SimulatorConfig};
use crate::executions::Executions;
use crate::fleet::{Call, Calls, Ending, Function, GOOGLE_FUNCTIONS, Line, LogStyle};
use crate::random::{Random, mix_text};

/// These run on the first generation.
const FIRST_GENERATION: &[&str] = &["pubsub_digest"];
const REGION: &str = "europe-west1";
/// Late entries are at least so late.
const LATE_MS_MIN: u64 = 10_000;
/// How many requests find no instance to run on.
const THROTTLED: f64 = 0.002;
/// So many ids are used again and again, where ids are.
const REUSED_IDS: u64 = 20;

/// The functions and their way into the store.
#[derive(Debug)]
pub(super) struct Feed {
    calls: Calls,
    nuisances: Nuisances,
    random: Random,
    project: String,
}

/// What all entries of a call have in common.
struct Common<'a> {
    function: &'static Function,
    call: &'a Call,
    is_first: bool,
    trace: String,
    execution: &'a str,
}

impl Feed {
    /// The functions before their first call.
    pub(super) fn new(config: &SimulatorConfig, now: Timestamp) -> Feed {
        Feed {
            calls: Calls::new(&GOOGLE_FUNCTIONS, &config.google_fleet(now)),
            nuisances: config.nuisances.clone(),
            random: Random::new(mix_text(config.seed, "google")),
            project: config.project.clone(),
        }
    }

    /// Appends the entries of every call that has arrived until `now`; those of what is still
    /// under way become visible when they are received.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
        store: &mut Store,
        executions: &mut Executions<Execution>,
    ) {
        while let Some(call) = self.calls.next_until(now) {
            let function = &GOOGLE_FUNCTIONS[call.function];
            let is_first = FIRST_GENERATION.contains(&function.name);
            let is_refused = !is_first && self.random.chance(THROTTLED);
            let end = if is_refused { call.arrival } else { call.end };
            let execution = Execution::of(&call, function, (is_first, is_refused));
            executions.note(end, execution);
            self.append(&call, function, (is_first, is_refused), store);
        }
    }

    fn append(
        &mut self,
        call: &Call,
        function: &'static Function,
        (is_first, is_refused): (bool, bool),
        store: &mut Store,
    ) {
        let hex: String = call.request_id.chars().filter(|c| *c != '-').collect();
        let common = Common {
            function,
            call,
            is_first,
            trace: format!("projects/{}/traces/{hex}", self.project),
            execution: hex.get(..12).unwrap_or_default(),
        };
        if is_refused {
            self.push(&common, (call.arrival, call.arrival), refused(), store);
            return;
        }
        if common.is_first {
            let entry = json!({"textPayload": "Function execution started", "severity": "DEBUG"});
            self.push(&common, (call.begin, call.begin), entry, store);
        }
        for line in &call.lines {
            self.push(&common, (line.time, line.time), said(&common, line), store);
        }
        if common.is_first {
            let took_ms = call.end.millis() - call.begin.millis();
            let end = first_end(call.ending);
            let entry = json!({
                "textPayload": format!("Function execution took {took_ms} ms, finished with status{end}"),
                "severity": "DEBUG",
            });
            self.push(&common, (call.end, call.end), entry, store);
            return;
        }
        if call.ending == Ending::OutOfMemory {
            let (limit, used) = (function.memory_mb, function.memory_mb + 9);
            let entry = json!({
                "textPayload": format!("Memory limit of {limit} MiB exceeded with {used} MiB used. Consider increasing the memory limit."),
                "severity": "ERROR", "logName": "run.googleapis.com%2Fvarlog%2Fsystem",
            });
            self.push(&common, (call.end, call.end), entry, store);
        }
        // Bears the time at which the request began, and is received when it has ended.
        self.push(&common, (call.arrival, call.end), request(call), store);
    }

    /// Adds one entry that was written at a moment and bears a time.
    fn push(
        &mut self,
        common: &Common<'_>,
        (time, written): (Timestamp, Timestamp),
        mut entry: Value,
        store: &mut Store,
    ) {
        let grain = i64::from(self.nuisances.time_grain_ms.max(1)) * 1_000_000;
        let below = match self.nuisances.time_grain_ms {
            0 | 1 => self.random.below(1_000_000) as i64,
            _ => 0,
        };
        let time = Timestamp::from_nanos(time.nanos() - time.nanos().rem_euclid(grain) + below);
        let mut delay_ms = 150 + self.random.below(900);
        if self.random.chance(self.nuisances.late_fraction) {
            let span = u64::from(self.nuisances.late_ms_max).saturating_sub(LATE_MS_MIN);
            delay_ms += LATE_MS_MIN + self.random.below(span + 1);
        }
        let received = written.saturating_add_millis(delay_ms as i64);
        let indexing_ms = u64::from(self.nuisances.ingestion_delay_ms);
        let indexing_ms = indexing_ms / 2 + self.random.below(indexing_ms + 1);
        let insert_id = match self.random.chance(self.nuisances.insert_id_reuse) {
            true => format!("{:024x}", self.random.below(REUSED_IDS)),
            false => format!(
                "{:016x}{:08x}",
                self.random.bits(),
                self.random.bits() >> 32
            ),
        };
        entry["insertId"] = json!(insert_id);
        entry["timestamp"] = json!(text(time));
        entry["receiveTimestamp"] = json!(text(received));
        self.add_common(common, &mut entry);
        let entry = Entry {
            value: entry,
            visible: received.saturating_add_millis(indexing_ms as i64),
            owner: Arc::from(common.function.name),
        };
        if !store.has(time, &insert_id) {
            store.append(time, &insert_id, entry);
        }
    }

    /// Adds resource, labels, log and trace.
    fn add_common(&self, common: &Common<'_>, entry: &mut Value) {
        let name = common.function.name;
        let is_request = entry.get("httpRequest").is_some();
        let has_instance = entry["httpRequest"]["status"] != json!(429);
        entry["trace"] = json!(common.trace);
        if common.is_first {
            entry["logName"] = json!(format!(
                "projects/{}/logs/cloudfunctions.googleapis.com%2Fcloud-functions",
                self.project
            ));
            entry["resource"] = json!({"type": "cloud_function", "labels": {
                "function_name": name, "project_id": self.project, "region": REGION,
            }});
            entry["labels"] = json!({
                "execution_id": common.execution, "instance_id": common.call.instance,
            });
            return;
        }
        let log = entry["logName"].as_str().unwrap_or_default();
        entry["logName"] = json!(format!("projects/{}/logs/{log}", self.project));
        let service = name.replace('_', "-");
        let revision = format!("{service}-{:05}-xun", common.function.version);
        entry["resource"] = json!({"type": "cloud_run_revision", "labels": {
            "project_id": self.project, "location": REGION, "service_name": service,
            "revision_name": revision, "configuration_name": service,
        }});
        let mut labels = json!({
            "goog-drz-cloudfunctions-id": name, "goog-drz-cloudfunctions-location": REGION,
            "goog-managed-by": "cloudfunctions",
        });
        if has_instance {
            labels["instanceId"] = json!(common.call.instance);
        }
        if !is_request {
            labels["execution_id"] = json!(common.execution);
        }
        entry["labels"] = labels;
    }
}

/// A line of the function.
fn said(common: &Common<'_>, line: &Line) -> Value {
    let is_error = line.level >= Level::Error;
    let log = match is_error {
        true => "run.googleapis.com%2Fstderr",
        false => "run.googleapis.com%2Fstdout",
    };
    let mut entry = match common.function.style {
        // A stack trace goes to the error output as it is, and nobody gives it a severity.
        _ if line.is_stack => json!({"textPayload": line.text}),
        LogStyle::Text => json!({"textPayload": line.text}),
        _ => json!({"jsonPayload": {"message": line.text, "service": common.function.name}}),
    };
    if !line.is_stack {
        entry["severity"] = json!(match line.level {
            Level::Trace | Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARNING",
            Level::Error => "ERROR",
            Level::Fatal => "CRITICAL",
        });
    }
    entry["logName"] = json!(log);
    entry
}

/// The entry of a request of the second generation.
fn request(call: &Call) -> Value {
    let (status, severity) = match call.ending {
        Ending::Ok => (200, "INFO"),
        Ending::Failed | Ending::OutOfMemory => (500, "ERROR"),
        Ending::TimedOut => (504, "ERROR"),
    };
    let seconds = (call.end.nanos() - call.arrival.nanos()) as f64 / 1e9;
    json!({
        "logName": "run.googleapis.com%2Frequests",
        "severity": severity,
        "httpRequest": {
            "requestMethod": "POST", "requestUrl": "https://functions.example.com/", "status": status,
            "requestSize": "812", "responseSize": "344", "latency": format!("{seconds:.9}s"),
            "protocol": "HTTP/1.1", "userAgent": "Google-Cloud-Tasks", "remoteIp": "107.178.207.1",
        },
    })
}

/// A request that no instance could take.
fn refused() -> Value {
    json!({
        "logName": "run.googleapis.com%2Frequests",
        "severity": "WARNING",
        "httpRequest": {
            "requestMethod": "POST", "requestUrl": "https://functions.example.com/", "status": 429,
            "requestSize": "812", "latency": "0s", "protocol": "HTTP/1.1", "remoteIp": "107.178.207.1",
        },
    })
}

fn first_end(ending: Ending) -> &'static str {
    match ending {
        Ending::Ok => ": 'ok'",
        Ending::Failed => ": 'crash'",
        Ending::TimedOut => ": 'timeout'",
        Ending::OutOfMemory => ": 'out of memory'",
    }
}
