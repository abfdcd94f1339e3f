//! The configuration file: every key, its default, and how mistakes in it are reported.
//!
//! A node runs without any file. Text values may contain `${NAME}`, which stands for an
//! environment variable.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::duration;
use serde::Deserialize;

use crate::{PartitionConfig, ServerError, partitions};

/// Name of the file that is read from the working directory if there is one.
const DEFAULT_FILE: &str = "nephoscope.toml";

/// All settings of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[server]`: how the node is reached.
    pub server: ListenConfig,
    /// `[storage]`: where data rests.
    pub storage: storage::StoreConfig,
    /// `[ingest]`: when data moves to disk, and how much may wait.
    pub ingest: ingest::IngestConfig,
    /// `[content]`: what users save.
    pub content: ContentConfig,
    /// `[auth]`: who may use it.
    pub auth: AuthConfig,
    /// `[alerting]`: what is watched.
    pub alerting: alerting::AlertingConfig,
    /// `[[channels]]`: ways to tell people.
    pub channels: Vec<alerting::ChannelConfig>,
    /// `[[sources]]`: where data comes from.
    pub sources: Vec<collectors::SourceConfig>,
    /// `[[partitions]]`: which events are kept apart, and how long.
    pub partitions: Vec<PartitionConfig>,
    /// `[[extraction_rules]]`: what of messages becomes fields.
    pub extraction_rules: Vec<ingest::ExtractionRule>,
    /// `[[redaction_rules]]`: what is masked or hashed before anything is written.
    pub redaction_rules: Vec<ingest::RedactionRule>,
    /// `[[ingest_budgets]]`: how much a source may send in a day.
    pub ingest_budgets: Vec<ingest::Budget>,
}

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How often the node's own metrics become samples; zero for never.
    #[serde(deserialize_with = "duration::deserialize")]
    pub own_metrics_interval: Duration,
}

impl Default for ListenConfig {
    fn default() -> Self {
        ListenConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 8470)),
            own_metrics_interval: Duration::from_secs(60),
        }
    }
}

/// `[content]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContentConfig {
    /// Folder with your own dashboards, `<app>/<name>.dashboard.toml`; one with the id of a packaged dashboard
    /// takes its place. `dashboards` in the data folder if not given.
    pub dashboards_dir: Option<PathBuf>,
}

/// `[auth]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// `[[auth.access_keys]]`: HTTP Basic credentials. Without any, the node listens on
    /// loopback only and asks nobody who they are.
    pub access_keys: Vec<api::AccessKey>,
}

impl Config {
    /// Reads `file`, or `nephoscope.toml` of the working directory if there is one, or else
    /// returns the defaults.
    ///
    /// # Errors
    /// If a file that was asked for cannot be read, or a file has a mistake.
    pub fn load(file: Option<&Path>) -> Result<Config, ServerError> {
        let path = match file {
            Some(path) => path.to_path_buf(),
            None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
            None => {
                let invalid = |message| ServerError::ConfigInvalid {
                    path: PathBuf::from(DEFAULT_FILE),
                    message,
                };
                return Config::parse("").map_err(invalid);
            }
        };
        let text =
            std::fs::read_to_string(&path).map_err(|source| ServerError::ConfigUnreadable {
                path: path.clone(),
                source,
            })?;
        Config::parse(&text).map_err(|message| ServerError::ConfigInvalid { path, message })
    }

    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// The mistake in words: what, on which line, and what was probably meant.
    pub fn parse(text: &str) -> Result<Config, String> {
        let text = expand_environment(text)?;
        let mut config: Config =
            toml::from_str(&text).map_err(|error| content::with_suggestion(&error.to_string()))?;
        config.validate()?;
        partitions::spread(&mut config)?;
        config.ingest.rules = ingest::Rules {
            extraction: config.extraction_rules.clone(),
            redaction: config.redaction_rules.clone(),
            budgets: config.ingest_budgets.clone(),
        };
        config.ingest.rules.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), String> {
        for (index, key) in self.auth.access_keys.iter().enumerate() {
            if key.id.is_empty() || key.key.is_empty() {
                return Err(format!("auth.access_keys[{index}] has an empty id or key"));
            }
        }
        self.storage.validate().map_err(|error| error.to_string())?;
        self.validate_channels()?;
        let mut names = BTreeSet::new();
        for source in &self.sources {
            source.validate().map_err(|error| error.to_string())?;
            if !names.insert(source.name()) {
                return Err(format!(
                    "two sources are called `{}`; their checkpoints would be mixed up",
                    source.name()
                ));
            }
        }
        Ok(())
    }
}

impl Config {
    fn validate_channels(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for channel in &self.channels {
            channel.validate()?;
            if !names.insert(channel.name()) {
                return Err(format!("two channels are called `{}`", channel.name()));
            }
        }
        match self
            .alerting
            .channels
            .iter()
            .find(|name| !names.contains(name.as_str()))
        {
            Some(name) => Err(format!(
                "`alerting.channels` names `{name}`, but no channel is called that"
            )),
            None => Ok(()),
        }
    }
}

/// Replaces `${NAME}` by the environment variable `NAME`, escaped for a basic TOML string.
fn expand_environment(text: &str) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after
            .split_once('}')
            .ok_or("`${` without `}`: write ${NAME}, or put the text in another way")?;
        let value = std::env::var(name).map_err(|_| {
            format!("environment variable `{name}` is not set, but ${{{name}}} is used")
        })?;
        expanded.push_str(before);
        expanded.push_str(&value.replace('\\', "\\\\").replace('"', "\\\""));
        rest = tail;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod page_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_needed() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8470");
        assert_eq!(config.storage.data_dir, PathBuf::from("data"));
        assert!(config.sources.is_empty());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_likely_one() {
        let mistake = Config::parse("[server]\nlisten_adress = \"127.0.0.1:1\"\n").unwrap_err();
        assert!(
            mistake.contains("unknown field `listen_adress`"),
            "{mistake}"
        );
        assert!(mistake.contains("did you mean `listen`?"), "{mistake}");
    }

    #[test]
    fn sources_that_cannot_work_are_refused() {
        let source = "[[sources]]\nname = \"a\"\ncollector = \"sumo_http\"\n";
        let mistake = Config::parse(&format!("{source}token = \"\"\n")).unwrap_err();
        assert!(mistake.contains("token"), "{mistake}");
        let twice = format!("{source}token = \"t\"\n").repeat(2);
        let mistake = Config::parse(&twice).unwrap_err();
        assert!(mistake.contains("two sources are called `a`"), "{mistake}");
    }

    #[test]
    fn keys_do_not_reach_the_log() {
        let config =
            Config::parse("[[auth.access_keys]]\nid = \"suX\"\nkey = \"hidden\"\n").unwrap();
        let shown = format!("{config:?}");
        assert!(
            shown.contains("suX") && !shown.contains("hidden"),
            "{shown}"
        );
    }

    #[test]
    fn a_bad_pattern_is_refused_with_its_place() {
        let text = "[[redaction_rules]]\nname = \"x\"\nregex = \"a(b\"\n";
        let mistake = Config::parse(text).unwrap_err();
        assert!(mistake.contains("line 3"), "{mistake}");
        assert!(mistake.contains("unclosed group"), "{mistake}");
        let text = "[[extraction_rules]]\nname = \"x\"\nparse = \"a * b *\"\nas = [\"a\"]\n";
        let mistake = Config::parse(text).unwrap_err();
        assert!(mistake.contains("extraction rule `x`"), "{mistake}");
    }

    #[test]
    fn a_missing_environment_variable_is_named() {
        let mistake =
            Config::parse("[storage]\ndata_dir = \"${NEPHOSCOPE_NOT_SET}/x\"\n").unwrap_err();
        assert!(
            mistake.contains("`NEPHOSCOPE_NOT_SET` is not set"),
            "{mistake}"
        );
    }
}
