//! How the simulated cloud and its fleet behave.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use model::{Clock, Timestamp};

use crate::fleet::FleetConfig;

/// The key that every emulator of Azure Storage has
/// (<https://learn.microsoft.com/azure/storage/common/storage-use-emulator>).
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How the simulator behaves.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Decides the fleet and every nuisance.
    pub seed: u64,
    /// Log events per second of the whole fleet, about; 0 for no fleet at all.
    pub events_per_second: f64,
    /// The same of the functions that run at Google.
    pub google_events_per_second: f64,
    /// The same of the function apps at Azure.
    pub azure_events_per_second: f64,
    /// How many minutes of logs are already there at the start.
    pub history_minutes: u32,
    /// After how many minutes the bad version of `checkout-api` goes live and is rolled back,
    /// counted from the start; `None` for a fleet without a story.
    pub bad_deployment_minutes: Option<(u32, u32)>,
    /// After how many seconds the fleet falls silent, counted from the start.
    pub silent_after_seconds: Option<u32>,
    /// How many events of the fleet are kept; the oldest go first. A thousand take about 400 KB.
    pub events_max: usize,
    /// How many hours events of the fleet are kept.
    pub retention_hours: u32,
    /// The account that the resource names show.
    pub account: String,
    /// The project at Google.
    pub project: String,
    /// The storage account at Azure.
    pub storage_account: String,
    /// Its key, in Base64; requests must be signed with it.
    pub storage_key: String,
    /// Where the simulated AWS listens; the other clouds listen on free ports of this address.
    pub listen: SocketAddr,
    /// In which ways the cloud is awkward.
    pub nuisances: Nuisances,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl SimulatorConfig {
    /// Returns the setup of the demo: 60 events a second, 30 minutes of history, a bad deployment
    /// after 4 minutes that is rolled back after 20, and the usual nuisances.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        SimulatorConfig {
            seed: 42,
            events_per_second: 60.0,
            google_events_per_second: 20.0,
            azure_events_per_second: 20.0,
            history_minutes: 30,
            bad_deployment_minutes: Some((4, 20)),
            silent_after_seconds: None,
            events_max: 500_000,
            retention_hours: 24,
            account: "123456789012".to_owned(),
            project: "shop-prod".to_owned(),
            storage_account: "shoplogs".to_owned(),
            storage_key: EMULATOR_KEY.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            nuisances: Nuisances::default(),
            clock,
        }
    }

    /// The functions at Google of a simulator that starts at `now`.
    pub(crate) fn google_fleet(&self, now: Timestamp) -> FleetConfig {
        FleetConfig {
            events_per_second: self.google_events_per_second,
            ..self.fleet(now)
        }
    }

    /// The functions at Azure of a simulator that starts at `now`.
    pub(crate) fn azure_fleet(&self, now: Timestamp) -> FleetConfig {
        FleetConfig {
            events_per_second: self.azure_events_per_second,
            ..self.fleet(now)
        }
    }

    /// The fleet of a simulator that starts at `now`.
    pub(crate) fn fleet(&self, now: Timestamp) -> FleetConfig {
        let after_seconds = |seconds: u32| now.saturating_add_millis(i64::from(seconds) * 1_000);
        let after = |minutes: u32| now.saturating_add_millis(i64::from(minutes) * 60_000);
        FleetConfig {
            seed: self.seed,
            start: now.saturating_add_millis(-i64::from(self.history_minutes) * 60_000),
            events_per_second: self.events_per_second,
            end: self.silent_after_seconds.map(after_seconds),
            bad_deployment: self
                .bad_deployment_minutes
                .map(|(live, rolled_back)| (after(live), after(rolled_back))),
        }
    }
}

/// In which ways the simulated cloud is awkward. Fractions are between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Nuisances {
    /// How many pages come back empty, or with a part of what they could hold, and a token.
    pub empty_pages: f64,
    /// How many calls of each operation a second allows before `ThrottlingException`, and how many
    /// calls of a service of Azure before `ServerBusy`; `None` for the real quotas, `Some(0)` for
    /// none.
    pub throttle_per_second: Option<u32>,
    /// How many reads a minute Google allows a project; `None` for the real quota, `Some(0)` for
    /// none.
    pub reads_per_minute: Option<u32>,
    /// How long an event stays invisible after it was accepted, in milliseconds, on average.
    pub ingestion_delay_ms: u32,
    /// How many of the fleet's events are accepted late.
    pub late_fraction: f64,
    /// How late these are at most, in milliseconds.
    pub late_ms_max: u32,
    /// How long an invocation takes to be counted in the metrics after its end, in milliseconds, on
    /// average.
    pub metric_delay_ms: u32,
    /// How many invocations are counted late, up to 14 minutes: their minutes are corrected.
    pub late_metrics: f64,
    /// How many pages of metrics come back in part, with a token.
    pub partial_metrics: f64,
    /// How long a page token is good for, in milliseconds.
    pub token_lifetime_ms: u64,
    /// The fleet's events get times that are multiples of this, in milliseconds, so that many
    /// share one; 0 or 1 for what they have.
    pub time_grain_ms: u32,
    /// How many calls fail with `ServiceUnavailableException`; at Azure with `InternalError`.
    pub unavailable_fraction: f64,
    /// How many of Google's entries bear an `insertId` that others bear, too.
    pub insert_id_reuse: f64,
    /// How many blocks of Azure's append blobs end within a line, whose rest comes with the next
    /// block.
    pub half_lines: f64,
    /// How far the clocks of Azure's hosts are off at most, in milliseconds.
    pub clock_skew_ms: u32,
    /// How many executions the metrics of Google and of Azure count late …
    pub counted_late: f64,
    /// … and how late at most, in milliseconds after the end of their minute.
    pub counted_late_ms_max: u32,
    /// How many pages of Google's metrics lack series, and say so.
    pub missing_series: f64,
    /// The most bytes of a page; a page of the real cloud holds 1 MB.
    pub page_bytes_max: usize,
    /// A log group whose events nobody may read.
    pub refused_group: Option<String>,
}

impl Default for Nuisances {
    /// What an ordinary day looks like.
    fn default() -> Self {
        Nuisances {
            empty_pages: 0.05,
            throttle_per_second: None,
            reads_per_minute: None,
            ingestion_delay_ms: 1_200,
            late_fraction: 0.001,
            late_ms_max: 90_000,
            metric_delay_ms: 40_000,
            late_metrics: 0.01,
            partial_metrics: 0.05,
            token_lifetime_ms: 24 * 3_600_000,
            time_grain_ms: 1,
            unavailable_fraction: 0.0,
            insert_id_reuse: 0.01,
            half_lines: 0.01,
            clock_skew_ms: 80,
            counted_late: 0.02,
            counted_late_ms_max: 360_000,
            missing_series: 0.01,
            page_bytes_max: 1_048_576,
            refused_group: None,
        }
    }
}

impl Nuisances {
    /// Returns a cloud without any awkwardness but pages and their tokens.
    pub fn none() -> Self {
        Nuisances {
            empty_pages: 0.0,
            throttle_per_second: Some(0),
            reads_per_minute: Some(0),
            ingestion_delay_ms: 0,
            late_fraction: 0.0,
            metric_delay_ms: 0,
            late_metrics: 0.0,
            partial_metrics: 0.0,
            insert_id_reuse: 0.0,
            half_lines: 0.0,
            clock_skew_ms: 0,
            counted_late: 0.0,
            missing_series: 0.0,
            ..Nuisances::default()
        }
    }

    /// Returns a cloud on its worst day: every nuisance is on, and strong.
    pub fn all() -> Self {
        Nuisances {
            empty_pages: 0.3,
            throttle_per_second: Some(5),
            reads_per_minute: None,
            ingestion_delay_ms: 4_000,
            late_fraction: 0.03,
            late_ms_max: 60_000,
            metric_delay_ms: 60_000,
            late_metrics: 0.1,
            partial_metrics: 0.3,
            token_lifetime_ms: 20_000,
            time_grain_ms: 50,
            unavailable_fraction: 0.02,
            insert_id_reuse: 0.2,
            half_lines: 0.2,
            clock_skew_ms: 3_000,
            counted_late: 0.3,
            counted_late_ms_max: 540_000,
            missing_series: 0.1,
            page_bytes_max: 262_144,
            refused_group: None,
        }
    }
}
