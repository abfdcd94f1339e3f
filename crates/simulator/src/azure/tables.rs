//! What the simulated table service holds: tables of entities, in memory and bounded.

use std::collections::{BTreeMap, VecDeque};

use model::Timestamp;
use serde_json::{Value, json};

use super::times;

/// A partition key and a row key: the order of entities.
pub(super) type Key = (String, String);

/// The value of a property, by its type
/// (<https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model>).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Property {
    Text(String),
    Int32(i32),
    Boolean(bool),
    Time(Timestamp),
    Guid(String),
}

impl Property {
    /// The value as JSON, and its type where JSON does not say it.
    pub(super) fn json(&self) -> (Value, Option<&'static str>) {
        match self {
            Property::Text(text) => (json!(text), None),
            Property::Int32(number) => (json!(number), None),
            Property::Boolean(value) => (json!(value), None),
            Property::Time(time) => (json!(times::with_ticks(*time)), Some("Edm.DateTime")),
            Property::Guid(id) => (json!(id), Some("Edm.Guid")),
        }
    }
}

/// Properties by name, in the order in which they were first written.
pub(super) type Properties = Vec<(&'static str, Property)>;

/// One entity.
#[derive(Debug)]
pub(super) struct Entity {
    /// When it was written last.
    pub(super) timestamp: Timestamp,
    pub(super) properties: Properties,
}

impl Entity {
    /// The property of this name, of those that are not part of the key.
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        let found = self.properties.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }
}

/// All entities by key, of each table.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tables: BTreeMap<String, BTreeMap<Key, Entity>>,
    /// What was inserted, the oldest first.
    inserted: VecDeque<(Timestamp, String, Key)>,
}

impl Tables {
    /// Inserts an entity, or replaces those of its properties that are given (Insert Or Merge); a
    /// table that is not there is created.
    pub(super) fn merge(&mut self, table: &str, key: Key, now: Timestamp, properties: Properties) {
        let entities = self.tables.entry(table.to_owned()).or_default();
        if !entities.contains_key(&key) {
            let inserted = (now, table.to_owned(), key.clone());
            self.inserted.push_back(inserted);
        }
        let entity = entities.entry(key).or_insert_with(|| Entity {
            timestamp: now,
            properties: Vec::new(),
        });
        entity.timestamp = now.max(entity.timestamp.saturating_add_nanos(100));
        for (name, value) in properties {
            let known = entity
                .properties
                .iter_mut()
                .find(|(known, _)| *known == name);
            match known {
                Some((_, old)) => *old = value,
                None => entity.properties.push((name, value)),
            }
        }
    }

    /// Deletes what was inserted before `before`, and the oldest until at most `entities_max` are
    /// left: hosts themselves never delete, people do.
    pub(super) fn retain(&mut self, before: Timestamp, entities_max: usize) {
        while let Some((inserted, _, _)) = self.inserted.front() {
            if *inserted >= before && self.inserted.len() <= entities_max {
                return;
            }
            let Some((_, table, key)) = self.inserted.pop_front() else {
                return;
            };
            if let Some(entities) = self.tables.get_mut(&table) {
                entities.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);

    #[test]
    fn merging_keeps_what_is_not_given() {
        let mut tables = Tables::default();
        let key = || ("I".to_owned(), "1".to_owned());
        let first = vec![("A", Property::Int32(1)), ("B", Property::Int32(2))];
        tables.merge("T", key(), START, first);
        tables.merge("T", key(), START, vec![("B", Property::Int32(3))]);
        let entity = &tables.tables["T"][&key()];
        assert_eq!(entity.property("A"), Some(&Property::Int32(1)));
        assert_eq!(entity.property("B"), Some(&Property::Int32(3)));
        assert!(entity.timestamp > START);
        tables.retain(START.saturating_add_millis(1), 10);
        assert!(tables.tables["T"].is_empty());
    }
}
