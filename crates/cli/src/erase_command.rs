//! `nephoscope erase`: has a node erase events for ever, after showing how many.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use model::Clock;
use serde_json::json;

use crate::client::{self, Api, Connection, Question};
use crate::time_argument;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is erased: words and fields, as at the beginning of a query, such as `function=signup "ann@example.com"`.
    query: String,
    /// Start of the range: -15m, now, a date and time, or milliseconds since 1970.
    #[arg(long, allow_hyphen_values = true)]
    from: String,
    /// End of the range, not included.
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    to: String,
    /// Do not ask first.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let now_ms = server::SystemClock.now().millis();
    let from_ms = time_argument::parse(&arguments.from, now_ms)?;
    let to_ms = time_argument::parse(&arguments.to, now_ms)?;
    if !arguments.yes && !is_confirmed(&arguments, from_ms, to_ms).await? {
        println!("nothing was erased");
        return Ok(ExitCode::FAILURE);
    }
    let body = json!({"query": arguments.query, "from": from_ms, "to": to_ms});
    let erased = Api::new(&arguments.connection)?
        .send(reqwest::Method::POST, "erase", Some(&body))
        .await?;
    println!(
        "{} events erased, and {} rows about their invocations; {} segments rewritten",
        erased["events"], erased["evidence"], erased["segments"]
    );
    Ok(ExitCode::SUCCESS)
}

/// Counts what would be erased and asks.
async fn is_confirmed(arguments: &Arguments, from_ms: i64, to_ms: i64) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("erasing cannot be undone; say --yes where nobody can be asked");
    }
    let query = format!("{} | count", arguments.query);
    let question = Question {
        query: &query,
        language: query::Language::Log,
        from_ms,
        to_ms,
        time_zone: "UTC",
        limit: 1,
    };
    let found = client::search(&arguments.connection, &question, |_| {}).await?;
    let count = found.rows.first().and_then(|row| row["_count"].as_str());
    print!("erase {} events for ever? [y/N] ", count.unwrap_or("0"));
    std::io::stdout()
        .flush()
        .context("cannot write to the terminal")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
