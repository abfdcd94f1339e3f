//! Gives every decoder what no cloud would send: `fuzz_decoders <seed> <cpu seconds> <folder>`.
//! `cargo xtask fuzz` runs it.
//!
//! Inputs are made of the fixtures by changes that a seed repeats. Each is in the folder before it is
//! decoded: what kills the process is found there. Nothing may panic, take long, or leave what nobody
//! could store.
#![allow(clippy::print_stdout, reason = "a chore talks to the terminal")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use collectors::{FuzzTarget, fuzz_targets, registry};
use model::EventBatch;
use model::limits::{MESSAGE_BYTES_MAX, THREAD_STACK_BYTES};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// So much time is too much for one input; a busy machine makes everything slower, so it is much.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);
/// Inputs grow by changes, but not for ever.
const INPUT_BYTES_MAX: usize = 1 << 20;
/// Changes of one input.
const CHANGES_MAX: usize = 6;
/// How much is copied or left out at once.
const PIECE_BYTES_MAX: usize = 4 << 10;
/// How deep brackets are put into one another.
const DEPTH_MAX: usize = 20_000;
/// What is put in the place of something else.
const WORDS: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "-1e-999",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "123456789012345678901234567890",
    "NaN",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{}",
    "[]",
    "[[]]",
    "{\"a\":{}}",
    "\"9999-12-31T23:59:59.999999999Z\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"yesterday\"",
    "'",
    "\"",
    "\\",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    ",",
    ":",
    "}",
    "]",
];

type Failure = Box<dyn Error + Send + Sync>;

static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [seed, cpu_seconds, folder] => run(seed, cpu_seconds, folder.as_ref()),
        _ => Err("give `<seed> <cpu seconds> <folder>`".into()),
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

/// Tries every decoder for its share of the time, on a thread with the stack of a server's; returns
/// whether nothing was found.
fn run(seed: &str, cpu_seconds: &str, folder: &Path) -> Result<bool, Failure> {
    let (seed, seconds): (u64, f64) = (seed.parse()?, cpu_seconds.parse()?);
    let folder = folder.to_owned();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or_default();
        let told = format!("panicked at {place}: {message}");
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }));
    let all = move || {
        let targets = fuzz_targets();
        if targets.len() != registry().len() {
            return Err("a collector has no fuzz target".into());
        }
        let share = Duration::from_secs_f64(seconds / targets.len() as f64);
        let mut is_good = true;
        for target in &targets {
            is_good &= try_out(target, seed, share, &folder)?;
        }
        Ok::<bool, Failure>(is_good)
    };
    let thread = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    thread
        .spawn(all)?
        .join()
        .map_err(|_| "the thread that tries is gone")?
}

/// Tries one decoder; returns whether nothing was found.
fn try_out(target: &FuzzTarget, seed: u64, time: Duration, folder: &Path) -> Result<bool, Failure> {
    let seeds = fixtures(target.collector)?;
    let at_hand = folder.join("at-hand.txt");
    let (begin, mut number, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
    let (mut decoded, mut known) = (0, BTreeSet::new());
    // The fixtures as they are, first; then what is made of them.
    while number < seeds.len() as u64 || begin.elapsed() < time {
        let input = match seeds.get(usize::try_from(number)?) {
            Some(seed) => seed.clone(),
            None => changed(&seeds, seed, number),
        };
        fs::write(&at_hand, &input)?;
        let since = Instant::now();
        let answer = std::panic::catch_unwind(AssertUnwindSafe(|| target.decode(&input)));
        let took = since.elapsed();
        let panicked = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        let slow = (took > INPUT_TIME_MAX).then(|| format!("takes {took:?}"));
        let wrong = answer.as_ref().ok().and_then(wrong);
        if let Some(what) = panicked.or(slow).or(wrong)
            && known.insert(what.clone())
        {
            let file = folder.join(format!("{}-{seed}-{number}.txt", target.collector));
            fs::write(&file, &input)?;
            println!("{}: {what}", file.display());
        }
        decoded += answer.map_or(0, |batch| batch.events.len() + batch.samples.len());
        slowest = slowest.max(took);
        number += 1;
    }
    println!(
        "{}: seed {seed}, {number} inputs made of {} fixtures, {decoded} events and samples, the slowest {:.0} ms, {} findings",
        target.collector,
        seeds.len(),
        slowest.as_secs_f64() * 1e3,
        known.len()
    );
    if decoded == 0 {
        return Err(format!(
            "the decoder of {} makes nothing of its fixtures",
            target.collector
        )
        .into());
    }
    Ok(known.is_empty())
}

/// What could not be stored.
fn wrong(batch: &EventBatch) -> Option<String> {
    if batch.samples.iter().any(|sample| !sample.value.is_finite()) {
        return Some("a sample is no number".to_owned());
    }
    for event in &batch.events {
        if event.message.len() > MESSAGE_BYTES_MAX {
            return Some("a message is longer than MESSAGE_BYTES_MAX".to_owned());
        }
        let names: BTreeSet<&str> = event.fields.iter().map(|(name, _)| name.as_str()).collect();
        if names.len() != event.fields.len() {
            return Some("an event has two fields of one name".to_owned());
        }
    }
    None
}

/// What clouds send, from the collector's folder; of one without, some bytes.
fn fixtures(collector: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    // An entry is the same, pushed or pulled.
    let folder = folder.join(match collector {
        "gcp_pubsub_push" => "gcp_cloud_logging",
        other => other,
    });
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join("fixtures")).into_iter().flatten() {
        let path = entry?.path();
        let is_payload = path.extension().is_some_and(|ending| ending != "expected");
        if is_payload {
            found.push(fs::read(path)?);
        }
    }
    if found.is_empty() {
        found.push((0..64).map(|byte| byte * 3).collect());
    }
    found.sort();
    Ok(found)
}

/// An input that its seed and number make.
fn changed(seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    let mut input = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..=CHANGES_MAX) {
        change(&mut input, seeds, &mut random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut StdRng) {
    let place = random.random_range(0..=input.len());
    let end = (place + random.random_range(0..PIECE_BYTES_MAX)).min(input.len());
    let word = WORDS[random.random_range(0..WORDS.len())].as_bytes();
    match random.random_range(0..9) {
        0 => drop(input.drain(place..end)),
        1 => input.truncate(place),
        2 => {
            let piece = input[place..end].to_vec();
            input.splice(place..place, piece);
        }
        3 => {
            let other = &seeds[random.random_range(0..seeds.len())];
            let from = random.random_range(0..=other.len());
            let to = (from + PIECE_BYTES_MAX).min(other.len());
            input.splice(place..end, other[from..to].iter().copied());
        }
        4 => drop(input.splice(place..place, word.iter().copied())),
        5 => {
            let depth = random.random_range(1..DEPTH_MAX);
            let bracket = if random.random() {
                b"[".to_vec()
            } else {
                b"{\"a\":".to_vec()
            };
            input.splice(place..place, bracket.repeat(depth));
        }
        6 | 7 => {
            // A whole value for another: what is between two marks of JSON.
            let is_mark = |byte: &u8| b",:[]{}".contains(byte);
            let from = input[place..]
                .iter()
                .position(is_mark)
                .map(|at| place + at + 1);
            let Some(from) = from else { return };
            let length = input[from..].iter().position(is_mark).unwrap_or(0);
            input.splice(from..from + length, word.iter().copied());
        }
        _ => {
            if let Some(byte) = input.get_mut(place) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
    }
}
