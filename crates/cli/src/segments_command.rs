//! `nephoscope segments`: lists, verifies and exports what is on disk, beside a running node or
//! without one.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;
use server::Config;
use storage::{Inspection, SegmentMeta, Table};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The node's configuration file; without it `nephoscope.toml` of the working directory, if there is one.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder that holds everything, in place of the configuration's.
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<PathBuf>,
    /// Only segments of this table: events, invocations or samples.
    #[arg(long, global = true, value_parser = parse_table)]
    table: Option<Table>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every segment: one line each, oldest window first.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Read everything and compare it with the catalog. Ends with an error if a segment is
    /// damaged or a file belongs to none.
    Verify,
    /// Write the rows as plain Parquet files that other tools read, such as DuckDB.
    Export {
        /// The folder to write to; it is made if it is not there.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
}

fn parse_table(name: &str) -> Result<Table, String> {
    Table::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        format!("there is no table `{name}`; there are {}", names.join(", "))
    })
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut config = Config::load(arguments.config.as_deref())?.storage;
    if let Some(data_dir) = arguments.data_dir {
        config.data_dir = data_dir;
    }
    let inspection = Inspection::of(&config)
        .await
        .with_context(|| format!("cannot look at the store in {}", config.data_dir.display()))?;
    let is_wanted =
        |segment: &&SegmentMeta| arguments.table.is_none_or(|table| table == segment.table);
    let segments: Vec<&SegmentMeta> = inspection.segments.iter().filter(is_wanted).collect();
    match arguments.action {
        Action::List { json } => {
            for segment in &segments {
                print(segment, json);
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Verify => verify(&inspection, &segments).await,
        Action::Export { to } => {
            let mut rows = 0;
            for segment in &segments {
                let path = inspection.export(segment, &to).await?;
                rows += segment.rows;
                println!("{}", path.display());
            }
            eprintln!("{} segments with {rows} rows exported", segments.len());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(segment: &SegmentMeta, as_json: bool) {
    if as_json {
        let line = json!({
            "id": segment.id,
            "table": segment.table.name(),
            "partition": segment.partition,
            "windowStart": segment.window_start.to_string(),
            "timeMin": segment.time_min.to_string(),
            "timeMax": segment.time_max.to_string(),
            "rows": segment.rows,
            "bytes": segment.disk_bytes(),
            "indexBytes": segment.index_bytes,
            "hasChecksums": segment.checksums.is_some(),
            "generation": segment.generation.name(),
            "path": segment.path.as_ref(),
        });
        println!("{line}");
        return;
    }
    println!(
        "{}  {}  {:<11} {:<12} {:<7} {:>12} rows {:>14} bytes",
        segment.window_start,
        segment.id,
        segment.table.name(),
        segment.partition,
        segment.generation.name(),
        segment.rows,
        segment.disk_bytes(),
    );
}

async fn verify(inspection: &Inspection, segments: &[&SegmentMeta]) -> Result<ExitCode> {
    let mut complaints = 0;
    for segment in segments {
        if let Some(complaint) = inspection.verify(segment).await? {
            complaints += 1;
            println!("segment {} ({}): {complaint}", segment.id, segment.path);
        }
    }
    let unchecked = segments
        .iter()
        .filter(|segment| segment.checksums.is_none())
        .count();
    if unchecked > 0 {
        eprintln!(
            "{unchecked} segments bear no checksums, because an earlier version wrote them: \
             damage that still decodes is not noticed in them"
        );
    }
    match &inspection.orphans {
        None => eprintln!("a node is running: files that belong to no segment were not looked for"),
        Some(orphans) => {
            complaints += orphans.len();
            for path in orphans {
                println!(
                    "{}: belongs to no segment; the next start deletes it",
                    path.display()
                );
            }
        }
    }
    println!(
        "{} segments verified, {} wait to be deleted, {complaints} complaints",
        segments.len(),
        inspection.retired.len()
    );
    Ok(if complaints == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
