//! What several collectors need, each file named by its job.

pub(crate) mod backoff;
pub(crate) mod decompress;
pub(crate) mod fields;
pub(crate) mod lambda_names;
pub(crate) mod parts;

pub(crate) mod token_bucket;

pub(crate) use model::{duration, secret};
