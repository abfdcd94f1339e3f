//! Whether sources can be together: names, tokens, and who names whom. Pure.

use std::collections::{HashMap, HashSet};

use crate::error::{CollectorsError, Result};
use crate::registry::SourceConfig;
use crate::{aws_cloudwatch_logs, aws_firehose};

/// Checks every source, and all of them against each other.
pub(super) fn check<'a>(configs: impl Iterator<Item = &'a SourceConfig> + Clone) -> Result<()> {
    let pullers = pullers(configs.clone());
    let mut names = HashSet::new();
    let mut tokens = HashSet::new();
    for config in configs {
        config.validate()?;
        if !names.insert(config.name()) {
            return Err(CollectorsError::NameTwice(config.name().to_owned()));
        }
        if let SourceConfig::AwsFirehose(firehose) = config {
            pulled_by(firehose, &pullers)?;
        }
        if let Some(token) = config.token()
            && !tokens.insert(token.expose())
        {
            return Err(CollectorsError::TokenTwice(config.name().to_owned()));
        }
    }
    Ok(())
}

/// The sources that pull log groups, by name.
pub(super) fn pullers<'a>(
    configs: impl Iterator<Item = &'a SourceConfig>,
) -> HashMap<String, aws_cloudwatch_logs::Config> {
    let pullers = configs.filter_map(|config| match config {
        SourceConfig::AwsCloudwatchLogs(config) => Some((config.name.clone(), config.clone())),
        _ => None,
    });
    pullers.collect()
}

/// Whether a source says that the one of this name pulls what it is sent.
pub(super) fn names(config: &SourceConfig, puller: &str) -> bool {
    match config {
        SourceConfig::AwsFirehose(config) => config.also_pulled_by.as_deref() == Some(puller),
        _ => false,
    }
}

/// The source that pulls the log groups that this one is sent, if its configuration names one.
pub(crate) fn pulled_by(
    config: &aws_firehose::Config,
    pullers: &HashMap<String, aws_cloudwatch_logs::Config>,
) -> Result<Option<aws_cloudwatch_logs::Config>> {
    let Some(name) = &config.also_pulled_by else {
        return Ok(None);
    };
    let puller = pullers.get(name).cloned();
    puller.map(Some).ok_or_else(|| CollectorsError::Setting {
        source_name: config.name.clone(),
        setting: "also_pulled_by",
        problem: format!("names no aws_cloudwatch_logs source: `{name}`"),
    })
}
