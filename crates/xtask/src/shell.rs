//! Runs other programs: in the repository's root, with their output passed through and, where a count is wanted, read on the way.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// So many of the last lines that were passed through are remembered.
const LAST_LINES: usize = 40;

thread_local! {
    static PASSED_THROUGH: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

/// Takes the last lines that this thread has read and passed through.
pub(crate) fn take_last_lines() -> Vec<String> {
    PASSED_THROUGH.with_borrow_mut(|lines| lines.drain(..).collect())
}

fn remember(line: &str) {
    PASSED_THROUGH.with_borrow_mut(|lines| {
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    });
}

/// Returns the repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns the folder that cargo builds into; everything a chore makes goes there, too.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A command in the repository's root.
///
/// It does not see what `cargo run` tells its program about the package: build scripts of
/// dependencies watch these variables, and a cargo that sees them builds half of the tree again.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// A command line split at spaces; for fixed texts only.
pub(crate) fn words(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = command(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Whether the command can be started and succeeds; its output is dropped.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs the command to its end; anything but success is an error.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let name = describe(&command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed: {status}");
    }
    Ok(())
}

/// Runs the command, passes its output through and shows every line to `see`; returns whether it succeeded.
pub(crate) fn run_seeing(command: Command, see: impl FnMut(&str)) -> Result<bool> {
    run_for_status(command, see).map(|status| status.success())
}

/// The same, and returns how it ended.
pub(crate) fn run_for_status(
    mut command: Command,
    mut see: impl FnMut(&str),
) -> Result<ExitStatus> {
    let name = describe(&command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{name}`"))?;
    let (lines, received) = std::sync::mpsc::channel::<String>();
    let mut readers = Vec::new();
    let outputs: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as _),
        child.stderr.take().map(|pipe| Box::new(pipe) as _),
    ];
    for output in outputs.into_iter().flatten() {
        let lines = lines.clone();
        readers.push(std::thread::spawn(move || forward(output, &lines)));
    }
    drop(lines);
    let thread = std::thread::current();
    let prefix = match thread.name() {
        None | Some("main") => String::new(),
        Some(step) => format!("{step} | "),
    };
    let mut out = std::io::stdout();
    for line in received {
        writeln!(out, "{prefix}{line}").context("cannot write to the terminal")?;
        remember(&line);
        see(&without_colours(&line));
    }
    for reader in readers {
        if reader.join().is_err() {
            bail!("the reader of the output of `{name}` panicked");
        }
    }
    child
        .wait()
        .with_context(|| format!("cannot wait for `{name}`"))
}

/// Sends every line of `output` on, invalid UTF-8 replaced.
fn forward(output: Box<dyn Read + Send>, lines: &std::sync::mpsc::Sender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .is_ok_and(|bytes| bytes > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if lines.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

/// Returns the line without terminal escape sequences.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A sequence ends with its first letter.
            for inside in characters.by_ref() {
                if inside.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out_of_a_line() {
        assert_eq!(
            without_colours("\u{1b}[32;1m Summary\u{1b}[0m 3 tests"),
            " Summary 3 tests"
        );
    }

    #[test]
    fn both_outputs_of_a_command_are_seen() {
        let mut seen = Vec::new();
        let mut both = command("sh");
        both.args(["-c", "echo out; echo err >&2; exit 3"]);
        let succeeded = run_seeing(both, |line| seen.push(line.to_owned())).unwrap();
        seen.sort();
        assert_eq!(
            (succeeded, &seen),
            (false, &vec!["err".to_owned(), "out".to_owned()])
        );
        let mut last = take_last_lines();
        last.sort();
        assert_eq!(last, seen);
    }
}
