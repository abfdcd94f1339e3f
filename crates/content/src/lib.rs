//! What users save. So far: saved searches, kept as TOML files that people write and review.

mod saved_search;

pub use saved_search::{ContentError, SavedSearch};
