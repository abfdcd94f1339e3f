//! Text becomes a tree with positions. Nothing here knows how a query is executed.

pub(crate) mod diagnostic;
pub(crate) mod expression;
pub(crate) mod habits;
pub(crate) mod lexer;
pub(crate) mod pipeline;
pub(crate) mod scope;
pub(crate) mod tokens;
mod work;

pub use diagnostic::{Diagnostic, Severity};
pub(crate) use diagnostic::{at_most_chars, located};
