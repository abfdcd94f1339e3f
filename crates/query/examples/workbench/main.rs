//! Tries the query language: `workbench fuzz …` asks what nobody would ask, `workbench again …` asks
//! what it has kept once more, `workbench speed …` measures how fast text is parsed.
//! `cargo xtask fuzz` and `cargo xtask bench parse` run it.
#![allow(clippy::print_stdout, reason = "a chore talks to the terminal")]

mod fuzz;
mod inputs;
mod judge;
mod random;
mod speed;
mod watch;

use std::error::Error;
use std::process::ExitCode;

/// Why something could not be tried.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done: Result<bool, Failure> = match arguments.as_slice() {
        ["fuzz", mode, seed, cpu_seconds, folder] => {
            fuzz::run(mode, seed, cpu_seconds, folder.as_ref())
        }
        ["again", mode, file] => fuzz::again(mode, file.as_ref()),
        ["speed", file, query, runs] => speed::run(file.as_ref(), query, runs),
        _ => Err("give `fuzz <read|plan> <seed> <cpu seconds> <folder>`, `again <read|plan> <file>` or `speed <file> <query> <runs>`".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
