//! Text becomes a tree with positions. Nothing here knows how a query is executed.

pub(crate) mod diagnostic;

pub use diagnostic::{Diagnostic, Severity};
