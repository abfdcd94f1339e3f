//! The node under measurement: started as users start it, watched through `/proc`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// Ticks of the kernel's clock in a second, fixed on Linux for what it tells programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// No single answer takes longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
const TOKEN: &str = "bench";

/// Configuration of a run that measures nothing.
pub(super) const FLUSH_SOON: &str = "[ingest]\nflush_interval = \"1s\"\n";

/// A running node.
pub(super) struct Node {
    process: Child,
    folder: PathBuf,
    url: String,
    agent: ureq::Agent,
}

impl Node {
    /// Starts a node with nothing in it; `more` is added to its configuration.
    pub(super) fn start(binary: &Path, folder: &Path, more: &str) -> Result<Node> {
        remove(folder)?;
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let config = folder.join("nephoscope.toml");
        fs::write(
            &config,
            format!(
                "[server]\nlisten = \"127.0.0.1:0\"\n[storage]\ndata_dir = \"{}\"\n{more}\
                 [[sources]]\nname = \"bench\"\ncollector = \"sumo_http\"\ntoken = \"{TOKEN}\"\n\
                 format = \"ndjson\"\ntime_field = \"_time\"\nmessage_field = \"message\"\n\
                 name_field = \"stream\"\n",
                folder.join("data").display()
            ),
        )?;
        let mut command = shell::command(binary);
        command.args(["serve", "--config"]).arg(&config);
        // For the simulated clouds, which let everybody in.
        command.env("AWS_ACCESS_KEY_ID", "bench");
        command.env("AWS_SECRET_ACCESS_KEY", "bench");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("node.log"))?)
            .spawn()
            .context("cannot start the node")?;
        let output = process.stdout.take().context("the node has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let Some(url) = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
        else {
            let log = fs::read_to_string(folder.join("node.log")).unwrap_or_default();
            bail!("the node did not start: {line}{log}");
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Node {
            url: url.to_owned(),
            process,
            folder,
            agent,
        })
    }

    /// Where it is reached.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a body of events; returns the status.
    pub(super) fn push(&self, body: &[u8]) -> Result<u16> {
        let url = format!("{}/receiver/v1/http/{TOKEN}", self.url);
        Ok(self.agent.post(url).send(body)?.status().as_u16())
    }

    /// Sends JSON and reads JSON.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let text = serde_json::to_vec(body)?;
        let request = self.agent.post(format!("{}{path}", self.url));
        let answer = request.content_type("application/json").send(&text[..])?;
        json(path, answer)
    }

    /// Reads JSON.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        json(path, self.agent.get(format!("{}{path}", self.url)).call()?)
    }

    /// Reads text to its end.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call()?;
        Ok(answer.body_mut().read_to_string()?)
    }

    /// Forgets something.
    pub(super) fn delete(&self, path: &str) -> Result<()> {
        self.agent.delete(format!("{}{path}", self.url)).call()?;
        Ok(())
    }

    /// The value of one of the node's own metrics, 0 if it has none of the name.
    pub(super) fn metric(&self, name: &str) -> Result<f64> {
        let text = self.text("/metrics")?;
        let value = text.lines().find_map(|line| {
            let (found, value) = line.split_once(' ')?;
            (found == name).then(|| value.parse().ok()).flatten()
        });
        Ok(value.unwrap_or(0.0))
    }

    /// CPU time that the process has used so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name may hold spaces; it ends with the last parenthesis.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = |place: usize| -> Result<f64> {
            let field = fields.split_whitespace().nth(place);
            Ok(field.context("the kernel tells no CPU time")?.parse()?)
        };
        Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
    }

    /// The most memory that the process had resident so far, in bytes.
    pub(super) fn memory_peak_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        let kilobytes: u64 = kilobytes.context("the kernel tells no peak")?.parse()?;
        Ok(kilobytes * 1024)
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of sizes, far below where a float is rounded"
    )]
    fn segment_bytes(&self) -> Result<u64> {
        Ok(self.metric("nephoscope_storage_disk_bytes")? as u64)
    }

    /// Bytes on disk by what they are for.
    pub(super) fn disk(&self) -> Result<Disk> {
        let mut disk = Disk::default();
        add_files(&self.folder.join("data"), &mut disk)?;
        disk.segments = self.segment_bytes()?;
        Ok(disk)
    }

    /// Stops the node and removes its files.
    pub(super) fn end(mut self, is_kept: bool) -> Result<()> {
        stop(&mut self.process)?;
        if !is_kept {
            remove(&self.folder)?;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // After an error, and of no consequence after an orderly end.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Bytes on disk.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Disk {
    /// Segments with their indexes, as the catalog names them.
    pub(super) segments: u64,
    /// All Parquet files: also of segments that were merged, which stay for the grace time.
    pub(super) data: u64,
    /// Files beside them.
    pub(super) index: u64,
    /// Log and catalog.
    pub(super) other: u64,
}

fn add_files(folder: &Path, disk: &mut Disk) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.is_dir() {
            add_files(&path, disk)?;
            continue;
        }
        // A file may go while we look.
        let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => disk.data += bytes,
            Some("idx") => disk.index += bytes,
            _ => disk.other += bytes,
        }
    }
    Ok(())
}

fn json(path: &str, mut answer: ureq::http::Response<ureq::Body>) -> Result<Value> {
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(1 << 30);
    let text = body.read_to_string()?;
    if !status.is_success() {
        bail!("{path} was answered with {status}: {text}");
    }
    serde_json::from_str(&text).with_context(|| format!("{path} was not answered with JSON"))
}

/// Asks the process to end, as a service manager would.
fn stop(process: &mut Child) -> Result<()> {
    let id = process.id().to_string();
    shell::run({
        let mut kill = shell::words("kill -TERM");
        kill.arg(id);
        kill
    })?;
    process.wait()?;
    Ok(())
}

/// Removes a folder, if it is there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
