//! Functions of expressions: a folder per family, a file per function or tight group of functions;
//! and the vectorised kernels that they and the operators use.

mod backtracker;
pub(crate) mod calls;
pub(crate) mod casts;
mod checks;
mod entry;
pub(crate) mod extract;
pub(crate) mod glob;
pub(crate) mod java_pattern;
pub(crate) mod json;
pub(crate) mod kernels;
pub(crate) mod matcher;
mod math;
mod named;
mod net;
pub(crate) mod region;
pub(crate) mod text;
pub(crate) mod text_search;
pub(crate) mod time;

pub(crate) use calls::lower;
pub(crate) use entry::Entry;

use datafusion::prelude::SessionContext;

/// Every function, by family.
const FAMILIES: &[&[&[Entry]]] = &[
    casts::ENTRIES,
    checks::ENTRIES,
    json::ENTRIES,
    math::ENTRIES,
    net::ENTRIES,
    text::ENTRIES,
    time::ENTRIES,
];

/// Every function.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter().copied())
        .flatten()
}

/// The function that is written as `name`, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.is_called(name))
}

/// Registers every function with `session`, so that plans and SQL can name them.
pub fn register_functions(session: &SessionContext) {
    for kernel in named::all() {
        session.register_udf(kernel.clone());
    }
    crate::aggregates::register(session);
    crate::lookups::register(session);
}
