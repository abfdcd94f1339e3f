//! `nephoscope sources`: where a node's data comes from, changed while it runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Api, Connection};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the sources and how they are doing.
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Add a source and start it.
    Add {
        /// A TOML file with one `[[sources]]` table, or its keys alone.
        file: PathBuf,
        #[command(flatten)]
        connection: Connection,
    },
    /// Change a source: it is stopped and started anew.
    Change {
        /// Its name.
        name: String,
        /// A TOML file with one `[[sources]]` table, or its keys alone. A secret that is `***` stays as it is.
        file: PathBuf,
        #[command(flatten)]
        connection: Connection,
    },
    /// Pause a source, also one of the configuration file.
    Pause(Named),
    /// Let a paused source go on.
    Resume(Named),
    /// Remove a source; its events stay.
    Remove(Named),
    /// Try a source out without storing anything.
    Test {
        /// A TOML file with one `[[sources]]` table, or its keys alone.
        file: PathBuf,
        #[command(flatten)]
        connection: Connection,
    },
    /// Print the least that a cloud must allow, to paste; needs no node.
    Policy {
        /// The collector, such as `aws_cloudwatch_logs`.
        collector: String,
    },
}

/// A source of a node.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its name.
    name: String,
    #[command(flatten)]
    connection: Connection,
}

impl Named {
    async fn post(&self, verb: &str) -> Result<()> {
        let path = format!("{}/{verb}", path_of(&self.name));
        let api = Api::new(&self.connection)?;
        let source = api.send(Method::POST, &path, None).await?;
        print_one(&source);
        Ok(())
    }
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::List { connection } => {
            let answer = Api::new(&connection)?
                .send(Method::GET, "sources", None)
                .await?;
            let sources = answer["sources"].as_array().cloned().unwrap_or_default();
            sources.iter().for_each(print_one);
        }
        Command::Add { file, connection } => {
            let source = Api::new(&connection)?
                .send(Method::POST, "sources", Some(&settings(&file)?))
                .await?;
            print_one(&source);
        }
        Command::Change {
            name,
            file,
            connection,
        } => {
            let source = Api::new(&connection)?
                .send(Method::PUT, &path_of(&name), Some(&settings(&file)?))
                .await?;
            print_one(&source);
        }
        Command::Pause(named) => named.post("pause").await?,
        Command::Resume(named) => named.post("resume").await?,
        Command::Remove(Named { name, connection }) => {
            let api = Api::new(&connection)?;
            api.send(Method::DELETE, &path_of(&name), None).await?;
            println!("source `{name}` removed; its events stay");
        }
        Command::Test { file, connection } => {
            let found = Api::new(&connection)?
                .send(Method::POST, "sources/test", Some(&settings(&file)?))
                .await?;
            return Ok(told(&found));
        }
        Command::Policy { collector } => print!("{}", policy(&collector)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn path_of(name: &str) -> String {
    format!("sources/{}", percent_encoded(name))
}

/// A name as one segment of an address.
fn percent_encoded(name: &str) -> String {
    let encoded = name.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// The settings in a file, as the API takes them.
fn settings(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    parsed(&text).with_context(|| format!("`{}` is no source", file.display()))
}

fn parsed(text: &str) -> Result<Value> {
    let table: toml::Table = toml::from_str(text)?;
    let Some(sources) = table.get("sources") else {
        return Ok(json!(table));
    };
    match sources.as_array().map(Vec::as_slice) {
        Some([source]) if table.len() == 1 => Ok(json!(source)),
        _ => bail!("it must have one `[[sources]]` table and nothing else"),
    }
}

fn policy(collector: &str) -> Result<&'static str> {
    let known = collectors::registry();
    let found = known.iter().find(|known| known.name == collector);
    found.map(|known| known.policy).with_context(|| {
        let names: Vec<&str> = known.iter().map(|known| known.name).collect();
        format!(
            "there is no collector `{collector}`; there are {}",
            names.join(", ")
        )
    })
}

/// A source in one line, and what is wrong with it in another.
fn print_one(source: &Value) {
    let shown = |key: &str| source[key].as_str().unwrap_or_default().to_owned();
    let origin = match source["is_fixed"] == true {
        true => "\tin the configuration file",
        false => "",
    };
    println!(
        "{}\t{}\t{}\t{} events{origin}",
        shown("name"),
        shown("collector"),
        shown("state"),
        source["events_total"],
    );
    if let Some(problem) = source["last_error"].as_str() {
        println!("  {problem}");
    }
}

/// Prints what a trial has found; a problem is a failure.
fn told(found: &Value) -> ExitCode {
    if let Some(address) = found["address"].as_str() {
        println!("it can be added; its senders post to {address}");
        return ExitCode::SUCCESS;
    }
    let list = |key: &str| found[key].as_array().cloned().unwrap_or_default();
    println!(
        "found {} origins, {} events and {} samples",
        found["origins_total"], found["events"], found["samples"]
    );
    for origin in list("origins") {
        println!("  {}", origin.as_str().unwrap_or_default());
    }
    for message in list("messages") {
        println!("> {}", message.as_str().unwrap_or_default().trim_end());
    }
    match found["problem"].as_str() {
        None => ExitCode::SUCCESS,
        Some(problem) => {
            eprintln!("problem: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_table_or_its_keys() {
        let keys = "name = 'a'\ncollector = 'otlp'\n";
        let expected = json!({"name": "a", "collector": "otlp"});
        assert_eq!(parsed(keys).unwrap(), expected);
        let table = format!("[[sources]]\n{keys}");
        assert_eq!(parsed(&table).unwrap(), expected);
        assert!(parsed(&table.repeat(2)).is_err());
        assert!(parsed(&format!("[server]\n{table}")).is_err());
    }

    #[test]
    fn every_collector_has_a_policy_and_others_have_none() {
        for known in collectors::registry() {
            assert_eq!(policy(known.name).unwrap(), known.policy);
        }
        let error = policy("x").unwrap_err().to_string();
        assert!(error.contains("aws_cloudwatch_logs"), "{error}");
    }

    #[test]
    fn names_are_one_segment_of_the_address() {
        assert_eq!(path_of("a b/ü"), "sources/a%20b%2F%C3%BC");
    }
}
