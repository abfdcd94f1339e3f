//! The node that is killed: started as users start it, asked over HTTP.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::shell;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(60);
const PAGE_ROWS: u64 = 10_000;
/// Everything happens often and soon: many flushes, merges and drops in a short life.
const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[ingest]
flush_interval = "40ms"

[storage]
upkeep_interval = "25ms"
deletion_grace = "200ms"
data_dir = "data"

[storage.compaction]
settle = "100ms"
segment_bytes = "1MB"

[[partitions]]
name = "old"
where = { function = "old" }
retention = "1d"

[[sources]]
name = "crash"
collector = "sumo_http"
token = "crash"
format = "ndjson"
time_field = "_time"
message_field = "message"
"#;

/// The folder of a node, in which it can be started again and again.
#[derive(Debug)]
pub(super) struct Home {
    binary: PathBuf,
    folder: PathBuf,
}

/// A running node.
#[derive(Debug)]
pub(super) struct Node {
    process: Mutex<Child>,
    url: String,
    agent: ureq::Agent,
}

/// What is there of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) count: u64,
    /// The highest number of an event.
    pub(super) last: u64,
    /// The sum of the numbers.
    pub(super) sum: u64,
}

impl Home {
    /// Makes an empty folder with a configuration.
    pub(super) fn make(binary: &Path, folder: &Path) -> Result<Home> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("nephoscope.toml"), CONFIG)?;
        let binary = binary
            .canonicalize()
            .with_context(|| format!("there is no {}; build it first", binary.display()))?;
        Ok(Home {
            binary,
            folder: folder.canonicalize()?,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = shell::command(&self.binary);
        command
            .current_dir(&self.folder)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("node.log"))?;
        self.command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start the node")
    }

    /// Starts the node and waits until it answers.
    pub(super) fn start(&self) -> Result<Node> {
        let mut process = self.spawn()?;
        let output = process.stdout.take().context("the node has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let Some(url) = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
        else {
            bail!(
                "the node did not start: {line}; see {}/node.log",
                self.folder.display()
            );
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Node {
            process: Mutex::new(process),
            url: url.to_owned(),
            agent,
        })
    }

    /// Starts the node and kills it before it has come far.
    pub(super) fn kill_while_starting(&self, after: Duration) -> Result<()> {
        let mut process = self.spawn()?;
        std::thread::sleep(after);
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Reads all files of the stopped node; nothing may be wrong, and no file too many.
    pub(super) fn verify(&self) -> Result<()> {
        let output = self
            .command(&["segments", "verify"])
            .output()
            .context("cannot verify segments")?;
        if !output.status.success() {
            bail!(
                "segments are not as they should be:\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

impl Node {
    /// Milliseconds since the epoch, by the node's clock, which is this machine's.
    pub(super) fn now_ms(&self) -> u64 {
        let status = self.get("/api/v1/status").ok();
        let now = status.and_then(|status| status["now"].as_u64());
        now.unwrap_or_default()
    }

    /// Sends a body of events; returns the status.
    pub(super) fn push(&self, body: &[u8]) -> Result<u16> {
        let url = format!("{}/receiver/v1/http/crash", self.url);
        Ok(self.agent.post(url).send(body)?.status().as_u16())
    }

    /// SIGKILL.
    pub(super) fn kill(&self) -> Result<()> {
        let mut process = self
            .process
            .lock()
            .map_err(|_| anyhow!("a thread panicked"))?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Asks the node to stop, and waits until it has.
    pub(super) fn stop(&self) -> Result<()> {
        let mut process = self
            .process
            .lock()
            .map_err(|_| anyhow!("a thread panicked"))?;
        let mut terminate = shell::command("kill");
        terminate.args(["-TERM", &process.id().to_string()]);
        shell::run(terminate)?;
        let status = process.wait()?;
        if !status.success() {
            bail!("the node did not stop in peace: {status}");
        }
        Ok(())
    }

    /// The node's own metrics.
    pub(super) fn metrics(&self) -> Result<String> {
        let mut answer = self.agent.get(format!("{}/metrics", self.url)).call()?;
        Ok(answer.body_mut().read_to_string()?)
    }

    /// Every batch of which the scope finds an event.
    pub(super) fn batches(&self, scope: &str) -> Result<HashMap<String, Row>> {
        let query = format!(
            "{scope} | parse \"batch=* event=* end\" as batch, event \
             | num(event) as event | count, max(event) as last, sum(event) as total by batch"
        );
        let mut batches = HashMap::new();
        for row in self.records(&query)? {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let number = |name: &str| text(name).parse::<f64>().map(|number| number as u64);
            let there = Row {
                count: number("_count").with_context(|| format!("{row}"))?,
                last: number("last").with_context(|| format!("{row}"))?,
                sum: number("total").with_context(|| format!("{row}"))?,
            };
            batches.insert(text("batch"), there);
        }
        Ok(batches)
    }

    /// Waits until retention has dropped all old events.
    pub(super) fn wait_until_nothing_is_old(&self) -> Result<()> {
        self.wait("old events are dropped", || {
            let rows = self.records("function=old | count")?;
            let count = rows.first().and_then(|row| row["_count"].as_str());
            Ok(count.is_none_or(|count| count.parse() == Ok(0.0)))
        })
    }

    /// Waits until nothing is merged or deleted any more.
    pub(super) fn wait_until_quiet(&self) -> Result<()> {
        let mut last = String::new();
        self.wait("the store is quiet", || {
            std::thread::sleep(Duration::from_millis(600));
            let metrics = self.metrics()?;
            let storage = metrics.lines();
            let mut storage: Vec<&str> = storage
                .filter(|line| line.starts_with("nephoscope_storage_"))
                .collect();
            // They come in another order each time.
            storage.sort_unstable();
            let now = storage.join("\n");
            let is_quiet = now == last;
            last = now;
            Ok(is_quiet)
        })
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
        let begun = Instant::now();
        while !is_so()? {
            if begun.elapsed() > DEADLINE {
                bail!("not within {DEADLINE:?}: {what}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The records that a query ends with.
    fn records(&self, query: &str) -> Result<Vec<Value>> {
        let day_ms = 86_400_000;
        let now_ms = self.now_ms();
        let body = json!({
            "query": query, "timeZone": "UTC",
            "from": now_ms - 30 * day_ms, "to": now_ms + day_ms,
        });
        let job = self.post("/api/v1/search/jobs", &body)?;
        let id = job["id"]
            .as_str()
            .with_context(|| format!("no job: {job}"))?;
        let path = format!("/api/v1/search/jobs/{id}");
        let mut count = 0;
        self.wait("a search is done", || {
            let state = self.get(&path)?;
            if let Some(errors) = state["pendingErrors"].as_array()
                && !errors.is_empty()
            {
                bail!("the search failed: {errors:?}");
            }
            count = state["recordCount"].as_u64().unwrap_or_default();
            Ok(state["state"] == "DONE GATHERING RESULTS")
        })?;
        let mut rows = Vec::new();
        while (rows.len() as u64) < count {
            let offset = rows.len();
            let page = self.get(&format!("{path}/records?offset={offset}&limit={PAGE_ROWS}"))?;
            let records = page["records"].as_array().context("no records")?;
            if records.is_empty() {
                bail!("{offset} of {count} records, and no more");
            }
            rows.extend(records.iter().map(|record| record["map"].clone()));
        }
        let url = format!("{}{path}", self.url);
        self.agent.delete(url).call()?;
        Ok(rows)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let text = serde_json::to_vec(body)?;
        let request = self.agent.post(format!("{}{path}", self.url));
        let mut answer = request.content_type("application/json").send(&text[..])?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    fn get(&self, path: &str) -> Result<Value> {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call()?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Ok(process) = self.process.get_mut() {
            // It has usually ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }
}
