//! What an operator, aggregate or function tells about itself: feeds completion, help and "did you mean".

use serde::Serialize;

/// What kind of thing a descriptor describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitKind {
    /// A stage of a pipeline.
    Operator,
    /// A measure of a grouping stage.
    Aggregate,
    /// Part of an expression.
    Function,
}

/// Describes one operator, aggregate or function.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Descriptor {
    /// The word that is written in a query.
    pub name: &'static str,
    /// Operator, aggregate or function.
    pub kind: UnitKind,
    /// How it is written.
    pub syntax: &'static str,
    /// What it does, one sentence.
    pub summary: &'static str,
    /// Queries that use it.
    pub examples: &'static [&'static str],
}

/// Returns every operator, aggregate and function.
pub fn descriptors() -> Vec<Descriptor> {
    let operators = crate::operators::OPERATORS
        .iter()
        .map(|entry| entry.descriptor);
    let functions = crate::functions::entries().map(|entry| entry.descriptor);
    let aggregates = crate::aggregates::AGGREGATES
        .iter()
        .map(|entry| entry.descriptor);
    operators.chain(aggregates).chain(functions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_can_be_planned() {
        for descriptor in descriptors() {
            for example in descriptor.examples {
                assert_eq!(crate::check(example, crate::Language::Log), [], "{example}");
            }
        }
    }
}
