//! What a metrics query's text says: its selector and its formulas. No data, no engine.

pub(crate) mod formula;
pub(crate) mod selector;
