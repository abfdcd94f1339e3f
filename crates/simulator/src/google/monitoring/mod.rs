//! Cloud Monitoring: the metrics that functions and their services have, counted from the same
//! calls that the log entries are of.

mod descriptors;
mod execution;
mod metric;
mod series;

use std::collections::BTreeMap;

use model::Timestamp;

pub(super) use self::descriptors::list as metric_descriptors;
pub(super) use self::execution::Execution;
pub(super) use self::series::list as time_series;
use crate::executions::Executions;

/// How many executions of each function that end before `until` ended how, counted yet or not.
pub(super) fn truth(
    executions: &Executions<Execution>,
    until: Timestamp,
) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut truth: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let range = (Timestamp::from_millis(0), until);
    for (_, all) in executions.minutes(range, Timestamp::MAX) {
        for one in all.into_iter().filter(|one| one.has_run()) {
            let of_function = truth.entry(one.function.name.to_owned()).or_default();
            *of_function.entry(one.status().to_owned()).or_default() += 1;
        }
    }
    truth
}

#[cfg(test)]
mod tests;
