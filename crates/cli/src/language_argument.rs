//! The language of a query, as a flag.

use query::Language;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LanguageArgument {
    /// The pipe language over logs.
    Log,
    /// The pipe language over metrics.
    Metrics,
    /// SQL.
    Sql,
}

impl From<LanguageArgument> for Language {
    fn from(argument: LanguageArgument) -> Language {
        match argument {
            LanguageArgument::Log => Language::Log,
            LanguageArgument::Metrics => Language::Metrics,
            LanguageArgument::Sql => Language::Sql,
        }
    }
}
