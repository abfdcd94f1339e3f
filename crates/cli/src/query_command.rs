//! `nephoscope query`: asks a node and prints what it finds.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use model::Clock;

use crate::client::{self, Connection, Question};
use crate::language_argument::LanguageArgument;
use crate::metrics_client;
use crate::output::{self, Format};
use crate::time_argument;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The question, such as `error | count by function`.
    query: String,
    /// The question's language.
    #[arg(long, value_enum, default_value_t = LanguageArgument::Log)]
    language: LanguageArgument,
    /// Start of the range: -15m, now, a date and time, or milliseconds since 1970.
    #[arg(long, default_value = "-15m", allow_hyphen_values = true)]
    from: String,
    /// End of the range, not included.
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    to: String,
    /// Time zone in which `timeslice` and dates are aligned.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// How to print: a table for people; one JSON object a line; or comma-separated values.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Print at most so many rows.
    #[arg(long, default_value_t = model::limits::SEARCH_MESSAGES_MAX)]
    limit: usize,
    /// Do not run it; say what would be read of each segment and why.
    #[arg(long)]
    explain: bool,
    /// Do not run it; say it in SQL.
    #[arg(long, conflicts_with = "explain")]
    show_sql: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let now_ms = server::SystemClock.now().millis();
    let question = Question {
        query: &arguments.query,
        language: arguments.language.into(),
        from_ms: time_argument::parse(&arguments.from, now_ms)?,
        to_ms: time_argument::parse(&arguments.to, now_ms)?,
        time_zone: &arguments.time_zone,
        limit: arguments.limit,
    };
    if arguments.explain {
        print!(
            "{}",
            client::explain(&arguments.connection, &question).await?
        );
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.show_sql {
        let told = client::sql(&arguments.connection, &question).await?;
        for note in told.notes {
            eprintln!("note: {note}");
        }
        if told.sql.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
        println!("{}", told.sql);
        return Ok(ExitCode::SUCCESS);
    }
    let shows_progress = std::io::stderr().is_terminal();
    let progress = |so_far: &str| {
        if shows_progress {
            eprint!("\r\x1b[2K{so_far}");
        }
    };
    let found = match arguments.language {
        LanguageArgument::Metrics => metrics_client::ask(&arguments.connection, &question).await?,
        LanguageArgument::Log | LanguageArgument::Sql => {
            client::search(&arguments.connection, &question, progress).await?
        }
    };
    if shows_progress {
        eprint!("\r\x1b[2K");
    }
    for warning in &found.warnings {
        eprintln!("note: {warning}");
    }
    output::print(&found, arguments.format)?;
    Ok(ExitCode::SUCCESS)
}
