//! What several collectors need, each file named by its job.

pub(crate) mod aws;
pub(crate) mod azure_storage;
pub(crate) mod backoff;
pub(crate) mod budgets;
pub(crate) mod cached_token;
pub(crate) mod dead_letters;
pub(crate) mod decompress;
pub(crate) mod fields;
pub(crate) mod google_credentials;
pub(crate) mod google_refusal;
pub(crate) mod lambda_names;
pub(crate) mod minutes;
pub(crate) mod parts;
pub(crate) mod receive;
pub(crate) mod refusal;
pub(crate) mod reread;
pub(crate) mod rest;
pub(crate) mod start;
pub(crate) mod token_bucket;
pub(crate) mod turn;

pub(crate) use model::{duration, secret};
