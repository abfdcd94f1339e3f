//! Writes what the apps do into the storage account as time goes on: lines into the append blobs of
//! diagnostic settings, in blocks, received a little later and some of them late; rows into the
//! tables of old hosts.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use model::Timestamp;

use super::blobs::Blobs;
use super::management::Execution;
use super::rows::{self, Minute, Row};
use super::said;
use super::tables::Tables;
use super::times;
use crate::config::{Nuisances, SimulatorConfig};
use crate::executions::Executions;
use crate::fleet::{AZURE_FUNCTIONS, App, AppCall, AppCalls, Logging};
use crate::random::{Random, mix_text};

const CONTAINER: &str = "insights-logs-functionapplogs";
/// How often an app's lines are appended, as one block.
const BLOCK_MS: i64 = 5_000;
/// After how long the rest of a half line follows.
const REST_MS: i64 = 2_000;
/// Late lines are at least so late.
const LATE_MS_MIN: u64 = 10_000;
/// So long into an hour some blocks still go to the blob of the hour before.
const OVERLAP_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// The apps and their way into the account.
#[derive(Debug)]
pub(super) struct Feed {
    calls: AppCalls,
    nuisances: Nuisances,
    seed: u64,
    random: Random,
    pending: BinaryHeap<Reverse<Pending>>,
    number: u64,
    /// The executions of minutes whose row is not written yet: all, and those that failed.
    minutes: HashMap<Minute, (i32, i32)>,
    /// How many lines each app has written; of an app that has tables, how many executions.
    counts: BTreeMap<&'static str, u64>,
}

/// What is about to be written.
#[derive(Debug)]
struct Pending {
    at: Timestamp,
    number: u64,
    item: Item,
}

#[derive(Debug)]
enum Item {
    Line(&'static App, String),
    /// What a block of this blob lacks of its last line.
    Rest(String),
    Row(Row),
    Minute(Minute),
}

impl Feed {
    /// The apps before their first execution.
    pub(super) fn new(config: &SimulatorConfig, now: Timestamp) -> Feed {
        Feed {
            calls: AppCalls::new(&config.azure_fleet(now)),
            nuisances: config.nuisances.clone(),
            seed: config.seed,
            random: Random::new(mix_text(config.seed, "azure")),
            pending: BinaryHeap::new(),
            number: 0,
            minutes: HashMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Writes everything that is written until `now`.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
        (blobs, tables): (&mut Blobs, &mut Tables),
        executions: &mut Executions<Execution>,
    ) {
        while let Some(one) = self.calls.next_until(now) {
            executions.note(one.call.end, Execution::of(&one));
            match one.app.logging {
                Logging::Records(_) => self.push_lines(&one),
                Logging::HostTables => self.push_rows(&one),
            }
        }
        let mut blocks: BTreeMap<(Timestamp, &'static str), (&'static App, Vec<String>)> =
            BTreeMap::new();
        while self.pending.peek().is_some_and(|next| next.0.at <= now) {
            let Some(Reverse(next)) = self.pending.pop() else {
                break;
            };
            match next.item {
                Item::Line(app, line) => {
                    let block = blocks.entry((next.at, app.name));
                    block.or_insert((app, Vec::new())).1.push(line);
                }
                Item::Rest(name) => blobs.append((CONTAINER, &name), next.at, &[], 0),
                Item::Row(row) => write(row, tables),
                Item::Minute(minute) => {
                    let counts = self.minutes.remove(&minute).unwrap_or_default();
                    write(minute.row(counts), tables);
                }
            }
        }
        for ((at, _), (app, lines)) in blocks {
            self.append(app, at, &lines, blobs);
        }
    }

    /// How many lines or executions there are of each app, written yet or not.
    pub(super) fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn push_lines(&mut self, one: &AppCall) {
        let Logging::Records(form) = one.app.logging else {
            return;
        };
        let mut records = Vec::new();
        if one.is_first {
            records = said::start(one.app, &one.host);
        }
        records.extend(said::execution(one, &mut self.random));
        let skew_ms = self.skew_ms(&one.host.instance);
        *self.counts.entry(one.app.name).or_default() += records.len() as u64;
        for mut record in records {
            let at = self.received(one.app, record.time);
            record.time = record.time.saturating_add_millis(skew_ms);
            let line = record.line(one.app, &one.host, form);
            self.push(at, Item::Line(one.app, line));
        }
    }

    fn push_rows(&mut self, one: &AppCall) {
        if one.is_first {
            for function in AZURE_FUNCTIONS.iter().filter(|f| one.app.has(f.name)) {
                let row = rows::definition(one, function);
                self.push(row.at, Item::Row(row));
            }
        }
        *self.counts.entry(one.app.name).or_default() += 1;
        let (rows, minute) = rows::execution(one, &mut self.random);
        let has_failed = rows.iter().any(Row::has_error);
        for row in rows {
            self.push(row.at, Item::Row(row));
        }
        let Some(minute) = minute else { return };
        if !self.minutes.contains_key(&minute) {
            self.push(minute.at, Item::Minute(minute.clone()));
        }
        let counts = self.minutes.entry(minute).or_default();
        counts.0 += 1;
        counts.1 += i32::from(has_failed);
    }

    /// When the block is appended in which a line of `time` arrives.
    fn received(&mut self, app: &App, time: Timestamp) -> Timestamp {
        let delay_ms = u64::from(self.nuisances.ingestion_delay_ms);
        let mut delay_ms = delay_ms / 2 + self.random.below(delay_ms + 1);
        if self.random.chance(self.nuisances.late_fraction) {
            let span = u64::from(self.nuisances.late_ms_max).saturating_sub(LATE_MS_MIN);
            delay_ms += LATE_MS_MIN + self.random.below(span + 1);
        }
        let offset_ms = (mix_text(self.seed, app.name) % BLOCK_MS as u64) as i64;
        let received_ms = time.millis() + delay_ms as i64 - offset_ms;
        let blocks = received_ms.div_euclid(BLOCK_MS) + 1;
        Timestamp::from_millis(blocks * BLOCK_MS + offset_ms)
    }

    /// How far a host's clock is off.
    fn skew_ms(&self, instance: &str) -> i64 {
        let most = u64::from(self.nuisances.clock_skew_ms);
        (mix_text(self.seed, instance) % (2 * most + 1)) as i64 - most as i64
    }

    fn append(&mut self, app: &App, at: Timestamp, lines: &[String], blobs: &mut Blobs) {
        let block = lines.concat();
        let name = self.blob_name(app, at);
        let last = lines.last().map_or(0, String::len);
        let held_back = match self.random.chance(self.nuisances.half_lines) {
            true => 1 + self.random.below(last.saturating_sub(1) as u64) as usize,
            false => 0,
        };
        blobs.append((CONTAINER, &name), at, block.as_bytes(), held_back);
        if held_back > 0 {
            let rest = at.saturating_add_millis(REST_MS);
            self.push(rest, Item::Rest(name));
        }
    }

    /// The blob of the hour in which a block is received; when an hour begins, that of the hour
    /// before may still be written
    /// (<https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-blob-format>).
    fn blob_name(&mut self, app: &App, at: Timestamp) -> String {
        let is_overlap = at.millis().rem_euclid(HOUR_MS) < OVERLAP_MS && self.random.chance(0.5);
        let hour = match is_overlap {
            true => at.saturating_add_millis(-OVERLAP_MS),
            false => at,
        };
        let hour = times::civil(hour, "y=%Y/m=%m/d=%d/h=%H/m=00");
        format!("resourceId={}/{hour}/PT1H.json", app.resource_id())
    }

    fn push(&mut self, at: Timestamp, item: Item) {
        self.number += 1;
        let number = self.number;
        self.pending.push(Reverse(Pending { at, number, item }));
    }
}

fn write(row: Row, tables: &mut Tables) {
    tables.merge(&row.table, row.key, row.at, row.properties);
}

impl Pending {
    fn key(&self) -> (Timestamp, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
