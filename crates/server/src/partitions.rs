//! `[[partitions]]`: named slices of the events, each with rules of its own about what goes in
//! and how long it stays.

use std::collections::BTreeSet;
use std::time::Duration;

use ingest::{Condition, Route};
use model::{DEAD_LETTER_CATEGORY, duration, size};
use serde::{Deserialize, Deserializer};
use storage::{Keep, PARTITION_DEFAULT};

use crate::Config;

/// Longest name of a partition, in characters.
const NAME_CHARS_MAX: usize = 100;

/// The partition that is there without being configured: what sources could not read.
const DEAD_LETTERS: &str = "dead_letters";
/// How long it keeps that.
const DEAD_LETTERS_KEPT: Duration = Duration::from_secs(14 * 86_400);
/// And how much of it.
const DEAD_LETTERS_BYTES_MAX: u64 = 256 << 20;

/// One partition. An event goes to the first whose condition it fits, or else to `default`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionConfig {
    /// The name, as queries say it: `_index=<name>`.
    pub name: String,
    /// What an event must be like, field by field; `*` stands for any text.
    #[serde(rename = "where")]
    pub condition: Condition,
    /// How long its events are kept; `[storage.retention] events` if not said.
    #[serde(default, deserialize_with = "some_duration")]
    pub retention: Option<Duration>,
    /// How many bytes its events may take on disk; beyond it the oldest go first.
    #[serde(default, deserialize_with = "some_size")]
    pub bytes_max: Option<u64>,
}

fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(from).map(Some)
}

fn some_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    size::deserialize(from).map(Some)
}

/// Tells ingest where events go and storage how long they stay.
pub(crate) fn spread(config: &mut Config) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for partition in &config.partitions {
        check_name(&partition.name)?;
        if !names.insert(partition.name.as_str()) {
            return Err(format!(
                "partition `{}` is there twice; give one `where` several patterns instead",
                partition.name
            ));
        }
    }
    for partition in &config.partitions {
        config.ingest.routes.push(Route {
            partition: partition.name.clone(),
            condition: partition.condition.clone(),
        });
        let keep = Keep {
            age: partition.retention,
            bytes_max: partition.bytes_max,
        };
        let partitions = &mut config.storage.retention.partitions;
        partitions.insert(partition.name.clone(), keep);
    }
    if !names.contains(DEAD_LETTERS) {
        add_dead_letters(config);
    }
    Ok(())
}

/// Keeps what sources could not read apart from what they could, unless a partition of the
/// configuration does so.
fn add_dead_letters(config: &mut Config) {
    config.ingest.routes.push(Route {
        partition: DEAD_LETTERS.to_owned(),
        condition: Condition::of_category(DEAD_LETTER_CATEGORY),
    });
    let keep = Keep {
        age: Some(DEAD_LETTERS_KEPT),
        bytes_max: Some(DEAD_LETTERS_BYTES_MAX),
    };
    let partitions = &mut config.storage.retention.partitions;
    partitions.insert(DEAD_LETTERS.to_owned(), keep);
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_plain) {
        return Err(format!(
            "partition `{name}` needs a name of 1 to {NAME_CHARS_MAX} letters, digits, `_` or `-`"
        ));
    }
    if name == PARTITION_DEFAULT {
        return Err(format!(
            "partition `{name}` is where all other events go; how long they stay is said under [storage.retention]"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_reach_ingest_and_storage() {
        let config = Config::parse(
            "[[partitions]]\nname = \"audit\"\nwhere = { function = \"login*\" }\nretention = \"400d\"\nbytes_max = \"10GB\"\n",
        )
        .unwrap();
        assert_eq!(config.ingest.routes[0].partition, "audit");
        let keep = config.storage.retention.partitions["audit"];
        assert_eq!(keep.age, Some(Duration::from_secs(400 * 86_400)));
        assert_eq!(keep.bytes_max, Some(10_000_000_000));
    }

    #[test]
    fn dead_letters_are_apart_unless_somebody_says_otherwise() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.ingest.routes[0].partition, DEAD_LETTERS);
        let keep = config.storage.retention.partitions[DEAD_LETTERS];
        assert_eq!(keep.bytes_max, Some(DEAD_LETTERS_BYTES_MAX));
        let own = "[[partitions]]\nname = \"dead_letters\"\nwhere = { _sourceCategory = \"nephoscope/dead_letters\" }\nretention = \"1d\"\n";
        let config = Config::parse(own).unwrap();
        assert_eq!(config.ingest.routes.len(), 1);
        let keep = config.storage.retention.partitions[DEAD_LETTERS];
        assert_eq!(
            (keep.age, keep.bytes_max),
            (Some(Duration::from_secs(86_400)), None)
        );
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let config = |names: &[&str]| {
            let text: String = names
                .iter()
                .map(|name| {
                    format!("[[partitions]]\nname = \"{name}\"\nwhere = {{ level = \"x\" }}\n")
                })
                .collect();
            Config::parse(&text).unwrap_err()
        };
        assert!(config(&["default"]).contains("[storage.retention]"));
        assert!(config(&["a b"]).contains("needs a name"));
        assert!(config(&["a", "a"]).contains("there twice"));
    }
}
