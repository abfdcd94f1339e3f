//! Reads from Azure storage accounts: their Blob and Table services, over REST.
//!
//! `credentials` says who asks, `sign` (pure) makes the signatures of account keys, `client` asks,
//! and `refusal` (pure) says what an answer means that is none, and which right is missing.

mod client;
mod credentials;
mod refusal;
mod sign;

pub(crate) use client::{StorageClient, Target, encode_path};
pub use credentials::AzureCredentials;
pub(crate) use credentials::Entra;

/// A service of a storage account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Blob,
    Table,
}

impl Service {
    /// Its name in addresses.
    fn host(self) -> &'static str {
        match self {
            Service::Blob => "blob",
            Service::Table => "table",
        }
    }

    /// The least role that lets a source read.
    fn role(self) -> &'static str {
        match self {
            Service::Blob => "Storage Blob Data Reader",
            Service::Table => "Storage Table Data Reader",
        }
    }

    /// The least that a shared access signature of the account must allow.
    fn sas(self) -> &'static str {
        match self {
            Service::Blob => "ss=b, srt=sco, sp=rl",
            Service::Table => "ss=t, srt=sco, sp=rl",
        }
    }
}

/// Names of storage accounts: 3 to 24 lower-case letters and digits.
/// <https://learn.microsoft.com/azure/storage/common/storage-account-overview>
pub(crate) fn is_account(name: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=24).contains(&name.len()) && name.bytes().all(is_right)
}
