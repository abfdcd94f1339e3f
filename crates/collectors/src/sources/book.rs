//! Where changes to sources are kept, so that they outlive the process.

use async_trait::async_trait;

/// What is kept about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSource {
    /// Its name.
    pub name: String,
    /// What was sent to add it, as JSON, with its secrets; empty for one of the configuration
    /// file.
    pub config: String,
    /// Whether it is paused.
    pub is_paused: bool,
}

/// Keeps sources. Whoever implements it says in words what went wrong.
#[async_trait]
pub trait SourceBook: std::fmt::Debug + Send + Sync {
    /// Returns all that is kept, in an order that stays the same.
    async fn all(&self) -> Result<Vec<KeptSource>, String>;

    /// Keeps a source in place of the one of its name; when this returns, it is durable.
    async fn put(&self, source: &KeptSource) -> Result<(), String>;

    /// Forgets a source.
    async fn remove(&self, name: &str) -> Result<(), String>;
}

/// Keeps nothing.
#[derive(Debug)]
pub(super) struct NoBook;

#[async_trait]
impl SourceBook for NoBook {
    async fn all(&self) -> Result<Vec<KeptSource>, String> {
        Ok(Vec::new())
    }

    async fn put(&self, _: &KeptSource) -> Result<(), String> {
        Ok(())
    }

    async fn remove(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}
