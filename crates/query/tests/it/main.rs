//! What the crate does as a whole, against real stores; one program, because each would link all of DataFusion.
#![allow(clippy::unwrap_used, reason = "tests")]

mod corpus;
mod examples;
mod facets;
mod golden;
mod golden_logs;
mod golden_metrics;
mod invocations;
mod limits;
mod one_truth;
mod robustness;
mod samples;
