//! Function apps at Azure: which functions each has, what calls them, how its plan writes its log;
//! and their executions, which share the hosts of their app.

use std::sync::Arc;

use model::Timestamp;

use super::FleetConfig;
use super::calls::{Call, Ending};
use super::functions::AZURE_FUNCTIONS;
use super::hosts::{Host, Hosts};
use super::invocation;
use super::lanes::Lanes;
use super::sandbox::Place;
use crate::random::Random;

/// One function app.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) subscription: &'static str,
    pub(crate) resource_group: &'static str,
    /// The region, as records show it.
    pub(crate) location: &'static str,
    pub(crate) host_version: &'static str,
    pub(crate) logging: Logging,
    /// Its functions, and what calls each.
    functions: &'static [(&'static str, Trigger)],
}

/// Where an app's log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    /// To a container, as diagnostic records.
    Records(RecordForm),
    /// To the tables that hosts before version 4 keep.
    HostTables,
}

/// What `properties` of a diagnostic record is, which depends on the plan and its operating system
/// (<https://github.com/Azure/azure-functions-host/issues/7864>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordForm {
    /// An object with apostrophes around its texts: no JSON.
    Quoted,
    /// A text that holds such an object; its times have the form of the United States.
    QuotedText,
    /// An object.
    Json,
}

/// What calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    Http,
    Timer,
    /// A storage queue of this name.
    Queue(&'static str),
    /// Blobs in this container.
    Blob(&'static str),
    ServiceBus,
    EventHub,
}

/// All apps. Those whose records go to one storage account are in its region: diagnostic settings
/// ask for that (<https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings>).
pub(crate) static APPS: [App; 4] = [
    App {
        name: "billing-legacy",
        subscription: "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11",
        resource_group: "billing",
        location: "West Europe",
        host_version: "3.21.3.0",
        logging: Logging::HostTables,
        functions: &[
            ("close-day", Trigger::Timer),
            ("import-payments", Trigger::Queue("payments")),
            ("post-invoice", Trigger::Http),
        ],
    },
    App {
        name: "lab-insights",
        subscription: "90b1d2aa-3c77-4b1e-8f2d-6a0c5b9e4d22",
        resource_group: "lab",
        location: "West Europe",
        host_version: "4.1039.400.2",
        logging: Logging::Records(RecordForm::QuotedText),
        functions: &[
            ("ingest-events", Trigger::EventHub),
            ("score-leads", Trigger::ServiceBus),
            ("usage-report", Trigger::Timer),
        ],
    },
    App {
        name: "shop-orders",
        subscription: "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11",
        resource_group: "shop",
        location: "West Europe",
        host_version: "4.1039.500.1",
        logging: Logging::Records(RecordForm::Json),
        functions: &[
            ("place-order", Trigger::Http),
            ("refresh-prices", Trigger::Timer),
            ("sync-orders", Trigger::Queue("orders")),
        ],
    },
    App {
        name: "shop-pictures",
        subscription: "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11",
        resource_group: "shop",
        location: "West Europe",
        host_version: "4.1037.0.0",
        logging: Logging::Records(RecordForm::Quoted),
        functions: &[
            ("moderate-image", Trigger::Queue("pictures")),
            ("picture-api", Trigger::Http),
            ("resize-image", Trigger::Blob("pictures")),
        ],
    },
];

impl App {
    /// How many functions it has.
    pub(crate) fn functions_count(&self) -> usize {
        self.functions.len()
    }

    /// Whether a function is one of its functions.
    pub(crate) fn has(&self, function: &str) -> bool {
        self.functions.iter().any(|(name, _)| *name == function)
    }

    /// The resource id in the form of diagnostic records: upper case.
    pub(crate) fn resource_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Web/sites/{}",
            self.subscription, self.resource_group, self.name
        )
        .to_ascii_uppercase()
    }
}

impl Trigger {
    /// Why a function runs, in the words of the host.
    pub(crate) fn reason(self, begin: Timestamp, random: &mut Random) -> String {
        match self {
            Trigger::Http => {
                "This function was programmatically called via the host APIs.".to_owned()
            }
            Trigger::Timer => {
                let time = super::moment::Moment(begin).to_string();
                let time = time.trim_end_matches('Z');
                format!("Timer fired at {time}{:04}+00:00", random.below(10_000))
            }
            Trigger::Queue(queue) => format!("New queue message detected on '{queue}'."),
            Trigger::Blob(container) => {
                let picture = random.below(100_000);
                format!("New blob detected(LogsAndContainerScan): {container}/{picture:05}.png")
            }
            // These two say more in a line of their own.
            Trigger::ServiceBus | Trigger::EventHub => "(null)".to_owned(),
        }
    }
}

/// One execution.
#[derive(Debug)]
pub(crate) struct AppCall {
    pub(crate) call: Call,
    pub(crate) app: &'static App,
    pub(crate) trigger: Trigger,
    pub(crate) host: Arc<Host>,
    /// Whether the host was started for it: its cold start.
    pub(crate) is_first: bool,
}

/// The executions of all apps, in the order in which they arrive; the same configuration gives the
/// same executions.
#[derive(Debug)]
pub(crate) struct AppCalls {
    lanes: Lanes,
    /// The hosts of each app.
    hosts: Vec<Hosts>,
}

impl AppCalls {
    /// The executions of functions that together write about as many events as `config` says.
    pub(crate) fn new(config: &FleetConfig) -> AppCalls {
        let hosts = APPS.iter().map(|app| Hosts::new(config.seed, app.name));
        AppCalls {
            lanes: Lanes::new(&AZURE_FUNCTIONS, config),
            hosts: hosts.collect(),
        }
    }

    /// The next execution that arrives at `until` or earlier.
    pub(crate) fn next_until(&mut self, until: Timestamp) -> Option<AppCall> {
        let (index, arrival_ms) = self.lanes.next()?;
        if arrival_ms > until.millis() as f64 {
            return None;
        }
        let function = &AZURE_FUNCTIONS[index];
        let (app, trigger) = place_of(function.name)?;
        let hosts = &mut self.hosts[app];
        let (arrival, lane) = self.lanes.arrive(index);
        let random = &mut lane.random;
        let seat = hosts.take(arrival, function.init_ms);
        let place = Place {
            stream: Arc::from(seat.host.instance.as_str()),
            is_cold: seat.is_first,
            used_mb: 0,
            index: app,
        };
        let invocation = invocation::begin(function, (arrival, false), &place, random);
        let times = (arrival, arrival.max(seat.host.ready));
        let instance = seat.host.instance.clone();
        let call = Call::of(&invocation, index, times, instance, random);
        hosts.occupy(&seat.host, call.end, call.ending == Ending::OutOfMemory);
        Some(AppCall {
            call,
            app: &APPS[app],
            trigger,
            host: seat.host,
            is_first: seat.is_first,
        })
    }
}

/// The app that a function is in, by its place in the list, and what calls the function.
fn place_of(function: &str) -> Option<(usize, Trigger)> {
    APPS.iter().enumerate().find_map(|(place, app)| {
        let (_, trigger) = app.functions.iter().find(|(name, _)| *name == function)?;
        Some((place, *trigger))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_function_is_in_one_app() {
        for function in &AZURE_FUNCTIONS {
            assert!(place_of(function.name).is_some(), "{}", function.name);
        }
        let functions: usize = APPS.iter().map(App::functions_count).sum();
        assert_eq!(functions, AZURE_FUNCTIONS.len());
        assert!(APPS.is_sorted_by_key(|app| app.name));
    }

    #[test]
    fn executions_share_the_hosts_of_their_app_and_begin_when_these_are_ready() {
        let start = Timestamp::from_millis(1_795_442_400_000);
        let calls = || {
            let mut calls = AppCalls::new(&FleetConfig {
                seed: 1,
                start,
                events_per_second: 40.0,
                end: Some(start.saturating_add_millis(60 * 60_000)),
                bad_deployment: None,
            });
            std::iter::from_fn(move || calls.next_until(Timestamp::MAX)).collect::<Vec<_>>()
        };
        let (left, right) = (calls(), calls());
        assert!(left.len() > 10_000, "{}", left.len());
        assert!(left.is_sorted_by_key(|one| one.call.arrival));
        let ids = |calls: &[AppCall]| -> Vec<String> {
            let ids = calls.iter();
            ids.map(|one| format!("{} {}", one.call.request_id, one.host.instance))
                .collect()
        };
        assert_eq!(ids(&left), ids(&right));

        let mut functions: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let mut apps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for one in &left {
            assert!(one.call.begin >= one.host.ready);
            assert_eq!(one.call.instance, one.host.instance);
            let host = one.host.instance.as_str();
            functions.entry(host).or_default().insert(one.call.function);
            apps.entry(one.app.name).or_default().insert(host);
        }
        assert!(functions.values().any(|functions| functions.len() == 3));
        assert!(apps.values().all(|hosts| hosts.len() > 1), "{apps:?}");
        let starts = left.iter().filter(|one| one.is_first).count();
        assert_eq!(starts, functions.len());
        for ending in [
            Ending::Ok,
            Ending::Failed,
            Ending::TimedOut,
            Ending::OutOfMemory,
        ] {
            assert!(left.iter().any(|one| one.call.ending == ending));
        }
    }
}
