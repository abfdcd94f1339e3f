//! Asks input after input, and keeps those whose answer is not as it must be.
//!
//! The thread that asks has the stack of a server's thread. Each input is on disk before it is asked:
//! what kills the process is found there. What takes too much CPU time is told by another thread.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use model::limits::THREAD_STACK_BYTES;
use query::Language;

use crate::Failure;
use crate::inputs::Inputs;
use crate::judge::{self, Judge};
use crate::watch::CpuClock;

/// So much CPU time is too much for one input.
const READ_CPU_MAX: Duration = Duration::from_secs(2);
const PLAN_CPU_MAX: Duration = Duration::from_secs(10);
/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(200);
/// After so many looks without any progress it waits for what never comes.
const IDLE_LOOKS_MAX: u32 = 600;
/// So many different findings are enough for one run.
const FINDINGS_MAX: usize = 40;
/// Findings are the same if their messages begin with so many same characters.
const KIND_CHARS: usize = 90;
/// How often a finding is asked again to make it shorter.
const SHORTER_TRIES_MAX: usize = 2_000;

/// One kind of question, and what answers it.
struct Work {
    inputs: Inputs,
    judge: Judge,
}

/// The input at hand, for the watch.
#[derive(Default)]
struct AtHand {
    number: u64,
    text: String,
    since: Duration,
}

/// What stays the same during a run.
struct Run {
    mode: String,
    seed: u64,
    cpu: Duration,
    folder: PathBuf,
    at_hand: Mutex<AtHand>,
}

/// Runs until so much CPU time is used; returns whether every answer was as it must be.
pub(crate) fn run(mode: &str, seed: &str, cpu: &str, folder: &Path) -> Result<bool, Failure> {
    fs::create_dir_all(folder)?;
    let run = Arc::new(Run {
        mode: mode.to_owned(),
        seed: seed.parse()?,
        cpu: Duration::from_secs_f64(cpu.parse()?),
        folder: folder.to_owned(),
        at_hand: Mutex::default(),
    });
    let most = match mode {
        "read" => READ_CPU_MAX,
        "plan" => PLAN_CPU_MAX,
        _ => return Err("the mode is `read` or `plan`".into()),
    };
    judge::note_panics();
    let (clock_sender, clock) = channel();
    let (done_sender, done) = channel();
    let worker = Arc::clone(&run);
    let thread = thread::Builder::new()
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            let outcome = CpuClock::of_this_thread()
                .map_err(Failure::from)
                .and_then(|own| {
                    clock_sender.send(CpuClock::of_this_thread()?)?;
                    worker.ask(own)
                });
            drop(done_sender.send(outcome));
        })?;
    let mut clock = clock.recv()?;
    let (mut last, mut idle_looks) = (Duration::ZERO, 0);
    let outcome = loop {
        match done.recv_timeout(LOOK) {
            Ok(outcome) => break outcome,
            Err(RecvTimeoutError::Disconnected) => return Err("the asking thread is gone".into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = clock.now()?;
        idle_looks = if now > last { 0 } else { idle_looks + 1 };
        last = now;
        let at_hand = run.at_hand();
        let what = if now.saturating_sub(at_hand.since) > most {
            format!("takes more than {most:?} of CPU time")
        } else if idle_looks > IDLE_LOOKS_MAX {
            "waits for ever".to_owned()
        } else {
            continue;
        };
        run.tell(at_hand.number, &at_hand.text, &what)?;
        return Ok(false);
    };
    drop(thread.join());
    outcome
}

/// Asks what is in a file, and prints how much CPU time the answers took and what is wrong with them.
pub(crate) fn again(mode: &str, file: &Path) -> Result<bool, Failure> {
    let text = fs::read_to_string(file)?;
    judge::note_panics();
    let mode = mode.to_owned();
    let thread = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    let asked = thread.spawn(move || {
        let mut clock = CpuClock::of_this_thread()?;
        let mut found = Vec::new();
        for (_, judge) in judges(&mode)? {
            let begin = clock.now()?;
            let answer = std::panic::catch_unwind(AssertUnwindSafe(|| judge.judge(&text)));
            found.extend(judge::panicked().or_else(|| answer.ok().flatten()));
            println!("{:.3} s", (clock.now()? - begin).as_secs_f64());
        }
        Ok::<_, Failure>(found)
    })?;
    let found = asked.join().map_err(|_| "the asking thread is gone")??;
    found.iter().for_each(|what| println!("{what}"));
    Ok(found.is_empty())
}

/// Who judges the answers of a mode.
fn judges(mode: &str) -> Result<Vec<(Language, Judge)>, Failure> {
    Ok(match mode {
        "read" => vec![
            (Language::Log, Judge::Reading(Language::Log)),
            (Language::Metrics, Judge::Reading(Language::Metrics)),
        ],
        "plan" => vec![(Language::Log, Judge::running(THREAD_STACK_BYTES)?)],
        _ => return Err("the mode is `read` or `plan`".into()),
    })
}

impl Run {
    fn at_hand(&self) -> std::sync::MutexGuard<'_, AtHand> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn works(&self) -> Result<Vec<Work>, Failure> {
        let works = judges(&self.mode)?.into_iter().map(|(language, judge)| {
            let inputs = Inputs::gather(language)?;
            Ok(Work { inputs, judge })
        });
        works.collect()
    }

    /// Asks until the CPU time is used up; returns whether nothing was found.
    fn ask(&self, mut clock: CpuClock) -> Result<bool, Failure> {
        let works = self.works()?;
        let on_disk = fs::File::create(self.folder.join("at-hand.txt"))?;
        let begin = clock.now()?;
        let mut slowest = Duration::ZERO;
        let mut known = BTreeSet::new();
        let mut number = 0;
        loop {
            let since = clock.now()?;
            if since - begin > self.cpu || known.len() >= FINDINGS_MAX {
                break;
            }
            let work = &works[(number % works.len() as u64) as usize];
            let text = work.inputs.input(self.seed, number);
            on_disk.set_len(0)?;
            on_disk.write_all_at(text.as_bytes(), 0)?;
            if let Some(what) = self.judged(&work.judge, number, &text, since)
                && known.insert(kind(&what))
            {
                let shorter = self.shorter(&work.judge, &text, &kind(&what), &mut clock)?;
                self.tell(number, &shorter, &what)?;
            }
            slowest = slowest.max(clock.now()?.saturating_sub(since));
            number += 1;
        }
        let began = works.iter().map(|work| work.inputs.count()).sum::<usize>();
        println!(
            "{}: seed {}, {number} inputs made of {began} queries, {:.0} s of CPU time, the slowest {:.0} ms, {} findings",
            self.mode,
            self.seed,
            (clock.now()? - begin).as_secs_f64(),
            slowest.as_secs_f64() * 1e3,
            known.len()
        );
        Ok(known.is_empty())
    }

    /// What is wrong with the answer, a panic included.
    fn judged(&self, judge: &Judge, number: u64, text: &str, since: Duration) -> Option<String> {
        *self.at_hand() = AtHand {
            number,
            text: text.to_owned(),
            since,
        };
        let answer = std::panic::catch_unwind(AssertUnwindSafe(|| judge.judge(text)));
        judge::panicked().or_else(|| answer.ok().flatten())
    }

    /// The text with as much left out as can be without another kind of finding.
    fn shorter(
        &self,
        judge: &Judge,
        text: &str,
        wanted: &str,
        clock: &mut CpuClock,
    ) -> Result<String, Failure> {
        let number = self.at_hand().number;
        let mut text: Vec<char> = text.chars().collect();
        let mut length = text.len() / 2;
        let mut tries = 0;
        while length > 0 && tries < SHORTER_TRIES_MAX {
            let mut start = 0;
            while start < text.len() && tries < SHORTER_TRIES_MAX {
                let mut without = text.clone();
                without.drain(start..(start + length).min(text.len()));
                tries += 1;
                let asked: String = without.iter().collect();
                let told = self.judged(judge, number, &asked, clock.now()?);
                if told.is_some_and(|what| kind(&what) == wanted) {
                    text = without;
                } else {
                    start += length;
                }
            }
            length /= 2;
        }
        Ok(text.into_iter().collect())
    }

    /// Prints a finding and writes its text to a file of its own.
    fn tell(&self, number: u64, text: &str, what: &str) -> Result<(), Failure> {
        let file = self
            .folder
            .join(format!("{}-{}-{number}.txt", self.mode, self.seed));
        fs::write(&file, text)?;
        println!("{}: {what}\n{text:?}", file.display());
        Ok(())
    }
}

fn kind(what: &str) -> String {
    what.chars().take(KIND_CHARS).collect()
}
