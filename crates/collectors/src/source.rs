//! What the configuration of a collector can do: the part that every collector's folder brings to
//! the one list of [`crate::registry`].

use crate::error::Result;
use crate::sources::{Context, Starting};
use crate::support::secret::Secret;

/// A setting that cannot work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Its key.
    pub(crate) setting: &'static str,
    /// What is wrong with it, and what to do.
    pub(crate) problem: String,
}

/// Says what is wrong with a setting.
pub(crate) fn wrong(
    setting: &'static str,
    problem: impl Into<String>,
) -> std::result::Result<(), Wrong> {
    let problem = problem.into();
    Err(Wrong { setting, problem })
}

/// The configuration of a source, which can be started.
pub(crate) trait Source {
    /// The source's name.
    fn name(&self) -> &str;

    /// What senders identify a pushed source by, and the setting that has it.
    fn token(&self) -> Option<(&'static str, &Secret)> {
        None
    }

    /// Where a pushed source is sent its data, with `<token>` for the token.
    fn address(&self) -> Option<&'static str> {
        None
    }

    /// Checks what the types cannot, but for the name and the token.
    fn check(&self) -> std::result::Result<(), Wrong> {
        Ok(())
    }

    /// Starts it in its surroundings.
    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()>
    where
        Self: Sized;
}

/// Checks all settings of a source.
pub(crate) fn check(source: &dyn Source) -> std::result::Result<(), Wrong> {
    if source.name().is_empty() {
        return wrong("name", "is empty; checkpoints and the status need one");
    }
    if let Some((setting, token)) = source.token() {
        let token = token.expose();
        if token.is_empty() || token.contains(|c: char| !c.is_ascii_graphic() || c == '/') {
            return wrong(setting, "must be visible ASCII characters without `/`");
        }
    }
    source.check()
}
