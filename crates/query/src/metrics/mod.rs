//! The metrics query language: a selector of series, operators on them, and joins of rows.
//!
//! Text → [`syntax`] (selector, formulas) → [`plan`] (rows and what they refer to) → [`execute`]:
//! [`load`] reads samples onto a grid of time buckets, [`operators`] work on grids of numbers,
//! [`join`] combines rows. Reading a query needs no data, computing needs no plan of the engine:
//! after the samples are in buckets, a row is a few thousand numbers.

mod execute;
mod join;
mod load;
mod operators;
mod plan;
mod reducer;
mod result;
mod series;
mod syntax;

pub use execute::{MetricsQuery, MetricsRequest};
pub use result::{MetricsBand, MetricsRow, MetricsSeries};

use crate::{Descriptor, Diagnostic};

/// Returns what is wrong with one row; rows that it refers to may have any name.
pub(crate) fn check(text: &str) -> Vec<Diagnostic> {
    plan::read(text).err().unwrap_or_default()
}

/// Returns every operator of the metrics language.
pub fn metrics_descriptors() -> Vec<Descriptor> {
    operators::descriptors().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_example_can_be_planned() {
        for descriptor in metrics_descriptors() {
            for example in descriptor.examples {
                assert_eq!(check(example), [], "{example}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "(metric=|#A|\\| ?|sum |by |topk\\(|parse |quantize |to 5m|rate |over |where |_value|along |as |eval |[a-z0-9*\"/(){}=!,.<>+ä #-]){0,40}",
        ) {
            drop(check(&text));
        }
    }
}
