//! `docs/configuration.md` names every key there is and no other, and its examples work.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const PAGE: &str = include_str!("../../../../docs/configuration.md");
/// A key that no section has.
const UNKNOWN: &str = "zzz";

/// The keys in the tables of the page, by the name in the heading above.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut sections = BTreeMap::<String, BTreeSet<String>>::new();
    let mut heading = String::new();
    for line in PAGE.lines() {
        let name = line.split('`').nth(1).unwrap_or_default().to_owned();
        if line.starts_with("##") {
            heading = name;
            sections.entry(heading.clone()).or_default();
        } else if line.starts_with("| `") {
            sections.entry(heading.clone()).or_default().insert(name);
        }
    }
    sections
}

/// The keys that a section knows, as its complaint about an unknown one lists them.
fn known(section: &str) -> BTreeSet<String> {
    let text = format!("{section}\n{UNKNOWN} = 1\n");
    let complaint = toml::from_str::<Config>(&text).unwrap_err().to_string();
    let (_, names) = complaint
        .split_once("expected")
        .unwrap_or_else(|| panic!("{section}: {complaint}"));
    let names = names.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn every_section_is_documented() {
    let documented = documented();
    for section in known("") {
        let heads = [format!("[{section}]"), format!("[[{section}]]")];
        assert!(
            heads.iter().any(|head| documented.contains_key(head)),
            "docs/configuration.md has no section `{section}`"
        );
    }
    for channel in alerting::channel_kinds() {
        assert!(
            documented.contains_key(channel.kind),
            "docs/configuration.md does not describe the channel `{}`",
            channel.kind
        );
    }
    for collector in collectors::registry() {
        assert!(
            documented.contains_key(collector.name),
            "docs/configuration.md does not describe the collector `{}`",
            collector.name
        );
    }
}

fn is_channel(name: &str) -> bool {
    alerting::channel_kinds()
        .iter()
        .any(|channel| channel.kind == name)
}

#[test]
fn the_keys_of_every_section_are_documented_and_no_others() {
    for (section, keys) in documented() {
        if keys.is_empty() {
            continue;
        }
        let head = match section.strip_prefix('[') {
            Some(_) => section.clone(),
            None if is_channel(&section) => format!("[[channels]]\nkind = \"{section}\""),
            None => format!("[[sources]]\ncollector = \"{section}\""),
        };
        assert_eq!(keys, known(&head), "`{section}` in docs/configuration.md");
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let defaults = Config::parse("").unwrap();
    let ingest = toml::Table::try_from(&defaults.ingest).unwrap();
    for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (key, default) = (cells.next().unwrap(), cells.next().unwrap());
        let Some(value) = ingest.get(key.trim_matches('`')) else {
            continue;
        };
        let text = format!(
            "[ingest]\n{} = {}",
            key.trim_matches('`'),
            default.trim_matches('`')
        );
        let parsed = Config::parse(&text).unwrap();
        assert_eq!(
            parsed.ingest, defaults.ingest,
            "{key} is {value} by default"
        );
    }
}

#[test]
fn the_examples_work() {
    let blocks = PAGE.split("```toml").skip(1);
    let examples: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let example = example
            .replace("${NEPHOSCOPE_KEY}", "key")
            .replace("${NEPHOSCOPE_TOKEN}", "t")
            .replace("${NEPHOSCOPE_SLACK}", "https://hooks.slack.com/services/t");
        Config::parse(&example).unwrap_or_else(|mistake| panic!("{mistake}\n{example}"));
    }
}
