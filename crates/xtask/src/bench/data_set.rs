//! The data set: made by the simulated fleet, kept in the target folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::shell;

/// Where the needle is looked for, as a share of the file.
const NEEDLE_AT: f64 = 0.4;

/// A file of events, and what the questions need to know of it.
#[derive(Debug, Serialize)]
pub(super) struct DataSet {
    pub(super) path: PathBuf,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) message_bytes: u64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// A request id from the middle.
    pub(super) needle: String,
}

/// What the fleet says that it wrote.
#[derive(Debug, Deserialize)]
struct Written {
    events: u64,
    bytes: u64,
    message_bytes: u64,
    first_ms: i64,
    last_ms: i64,
}

/// Reads a size such as `100MB`; units are powers of ten.
pub(super) fn size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let (_, unit) = text.split_at_checked(digits.len()).unwrap_or_default();
    let factor = match unit.to_ascii_uppercase().as_str() {
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "" | "B" => 1,
        _ => bail!("`{text}` is no size; write 100MB or 1GB"),
    };
    let number: u64 = digits
        .parse()
        .with_context(|| format!("`{text}` is no size; write 100MB or 1GB"))?;
    number.checked_mul(factor).context("so large is no disk")
}

/// Makes the file unless an earlier run has made the same.
pub(super) fn prepare(binary: &Path, folder: &Path, bytes: u64, seed: u64) -> Result<DataSet> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let path = folder.join(format!("fleet-{bytes}-{seed}.ndjson"));
    let about = path.with_extension("json");
    if !about.exists() {
        let mut make = shell::command(binary);
        make.args(["simulate", "events", "--bytes", &bytes.to_string()]);
        make.args(["--seed", &seed.to_string(), "--output"])
            .arg(&path);
        let output = make.output().context("cannot start the simulator")?;
        if !output.status.success() {
            bail!(
                "cannot make the data set: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        // Written last: it says that the file beside it is whole.
        fs::write(&about, &output.stdout)?;
    }
    let text = fs::read(&about)?;
    let written: Written = serde_json::from_slice(&text)
        .with_context(|| format!("cannot read {}; delete it", about.display()))?;
    Ok(DataSet {
        needle: needle(&path, written.bytes)?,
        path,
        events: written.events,
        bytes: written.bytes,
        message_bytes: written.message_bytes,
        first_ms: written.first_ms,
        last_ms: written.last_ms,
    })
}

/// The first request id that starts behind the chosen place.
fn needle(path: &Path, bytes: u64) -> Result<String> {
    const MARK: &str = "START RequestId: ";
    let mut file = BufReader::new(File::open(path)?);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a file"
    )]
    file.seek(SeekFrom::Start((bytes as f64 * NEEDLE_AT) as u64))?;
    let mut lines = file.lines();
    lines.next();
    for line in lines {
        let line = line?;
        if let Some((_, rest)) = line.split_once(MARK)
            && let Some(id) = rest.split_whitespace().next()
        {
            return Ok(id.to_owned());
        }
    }
    bail!("no request starts in the last part of {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("5MB").unwrap(), 5_000_000);
        assert_eq!(size("1gb").unwrap(), 1_000_000_000);
        assert_eq!(size("17").unwrap(), 17);
        for wrong in ["", "MB", "1TB", "x1"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
