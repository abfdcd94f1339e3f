//! `nephoscope lookup`: the tables that queries look values up in, on a node.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Api, Connection};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Upload a CSV file, whose first line names the columns.
    Put {
        /// Its name in queries, such as `shared/owners`.
        table: String,
        /// The file.
        file: PathBuf,
        /// The columns that tell rows apart, where the table is new.
        #[arg(long = "key", value_name = "COLUMN")]
        keys: Vec<String>,
        /// Keep the rows that are there; those with the same keys are replaced.
        #[arg(long)]
        merge: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the tables.
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Print the rows of a table as CSV.
    Get {
        /// Its name.
        table: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Delete a table.
    Delete {
        /// Its name.
        table: String,
        #[command(flatten)]
        connection: Connection,
    },
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Put {
            table,
            file,
            keys,
            merge,
            connection,
        } => {
            let csv = std::fs::read(&file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            put(&Api::new(&connection)?, &table, csv, &keys, merge).await?;
        }
        Command::List { connection } => list(&Api::new(&connection)?).await?,
        Command::Get { table, connection } => {
            let api = Api::new(&connection)?;
            let id = id_of(&api, &table).await?;
            print!("{}", api.get_text(&format!("lookupTables/{id}/csv")).await?);
        }
        Command::Delete { table, connection } => {
            let api = Api::new(&connection)?;
            let id = id_of(&api, &table).await?;
            let path = format!("lookupTables/{id}");
            api.send(Method::DELETE, &path, None).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Uploads rows; a table that is not there is declared with the columns of the file, all of them text.
async fn put(api: &Api<'_>, table: &str, csv: Vec<u8>, keys: &[String], merge: bool) -> Result<()> {
    let rows =
        storage::lookup_rows(&csv).map_err(|problem| anyhow!("the file is no table: {problem}"))?;
    let id = match find(api, table).await? {
        Some(_) if !keys.is_empty() => {
            bail!("table `{table}` is there already; its keys cannot be changed: delete it first")
        }
        Some(id) => id,
        None => {
            let columns = rows.schema();
            let columns = columns
                .fields()
                .iter()
                .map(|column| json!({ "fieldName": column.name(), "fieldType": "string" }));
            let place = place_of(table)?;
            let declared = json!({
                "name": format!("/{place}"),
                "fields": columns.collect::<Vec<_>>(),
                "primaryKeys": keys,
            });
            let made = api
                .send(Method::POST, "lookupTables", Some(&declared))
                .await?;
            made["id"].as_str().unwrap_or_default().to_owned()
        }
    };
    let path = format!("lookupTables/{id}/upload?merge={merge}");
    api.send_csv(&path, csv).await?;
    println!("{} rows uploaded to `{table}`", rows.num_rows());
    Ok(())
}

async fn list(api: &Api<'_>) -> Result<()> {
    for table in all(api).await? {
        let shown = |name: &str| table[name].as_str().unwrap_or_default().to_owned();
        let fields = table["fields"].as_array().cloned().unwrap_or_default();
        let fields = fields
            .iter()
            .filter_map(|field| field["fieldName"].as_str());
        let path = shown("contentPath");
        println!(
            "{}\t{} bytes\t{}\t{}",
            path.trim_start_matches('/'),
            table["size"],
            shown("modifiedAt"),
            fields.collect::<Vec<_>>().join(",")
        );
    }
    Ok(())
}

async fn all(api: &Api<'_>) -> Result<Vec<Value>> {
    let answer = api.send(Method::GET, "lookupTables", None).await?;
    Ok(answer["data"].as_array().cloned().unwrap_or_default())
}

fn place_of(table: &str) -> Result<String> {
    let place = storage::lookup_place(table)
        .with_context(|| format!("`{table}` cannot be the name of a table"))?;
    Ok(place.with_extension("").display().to_string())
}

async fn find(api: &Api<'_>, table: &str) -> Result<Option<String>> {
    let path = format!("/{}", place_of(table)?);
    let tables = all(api).await?;
    let mut ids = tables
        .iter()
        .filter(|known| known["contentPath"] == path.as_str());
    Ok(ids
        .next()
        .and_then(|known| known["id"].as_str())
        .map(str::to_owned))
}

async fn id_of(api: &Api<'_>, table: &str) -> Result<String> {
    find(api, table)
        .await?
        .with_context(|| format!("there is no table `{table}`; `nephoscope lookup list` shows all"))
}
