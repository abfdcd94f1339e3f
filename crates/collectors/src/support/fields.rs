//! Puts a named value where it belongs on an event: into a serverless column if it is named
//! like one, otherwise among the fields.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{Level, LogEvent, Provider};

/// From how many fields on uniqueness is checked with a set.
const FEW: usize = 16;
/// Names remembered before the memory starts again.
const NAMES_MAX: usize = 8192;

/// Gives equal texts the same allocation.
#[derive(Debug, Default)]
pub(crate) struct Interner(HashMap<Arc<str>, Arc<str>>);

impl Interner {
    /// The shared form of `text`.
    pub(crate) fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() >= NAMES_MAX {
            self.0.clear();
        }
        let shared: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&shared), Arc::clone(&shared));
        shared
    }
}

/// Puts `value` into the column called `name`. Returns `false`, having done nothing, if there
/// is no such column or it cannot hold the value.
pub(crate) fn set_column(
    event: &mut LogEvent,
    name: &str,
    value: &str,
    interner: &mut Interner,
) -> bool {
    match name {
        "function" => event.function = Some(interner.intern(value)),
        "version" => event.version = Some(interner.intern(value)),
        "instance" => event.instance = Some(interner.intern(value)),
        "account" => event.account = Some(interner.intern(value)),
        "region" => event.region = Some(interner.intern(value)),
        "request_id" => event.request_id = Some(value.to_owned()),
        "level" => match Level::parse(value) {
            Some(level) => event.level = Some(level),
            None => return false,
        },
        "provider" => match value {
            "aws" => event.provider = Some(Provider::Aws),
            "gcp" => event.provider = Some(Provider::Gcp),
            "azure" => event.provider = Some(Provider::Azure),
            _ => return false,
        },
        _ => return false,
    }
    true
}

/// Puts `value` into the column called `name` or, if there is none that can hold it, among the
/// fields. A value without a name is nothing.
pub(crate) fn put(event: &mut LogEvent, name: &str, value: &str, interner: &mut Interner) {
    if !name.is_empty() && !set_column(event, name, value, interner) {
        event.fields.push((name.to_owned(), value.to_owned()));
    }
}

/// Keeps the last value of every name, in the order in which the names first stood.
pub(crate) fn keep_last(fields: &mut Vec<(String, String)>) {
    let is_repeated = if fields.len() <= FEW {
        (1..fields.len()).any(|i| fields[..i].iter().any(|(name, _)| *name == fields[i].0))
    } else {
        let mut seen = HashSet::with_capacity(fields.len());
        !fields.iter().all(|(name, _)| seen.insert(name.as_str()))
    };
    if !is_repeated {
        return;
    }
    let mut places: HashMap<String, usize> = HashMap::with_capacity(fields.len());
    let mut kept: Vec<(String, String)> = Vec::with_capacity(fields.len());
    for (name, value) in fields.drain(..) {
        match places.get(&name) {
            Some(place) => kept[*place].1 = value,
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    *fields = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_take_what_they_can_hold() {
        let mut event = LogEvent::default();
        let mut interner = Interner::default();
        assert!(set_column(&mut event, "function", "pay", &mut interner));
        assert!(set_column(&mut event, "level", "warning", &mut interner));
        assert!(!set_column(&mut event, "level", "loud", &mut interner));
        assert!(!set_column(&mut event, "colour", "red", &mut interner));
        assert_eq!(event.function.as_deref(), Some("pay"));
        assert_eq!(event.level, Some(Level::Warn));
    }

    #[test]
    fn the_last_value_of_a_name_is_kept() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut few = vec![pair("a", "1"), pair("b", "2"), pair("a", "3")];
        keep_last(&mut few);
        assert_eq!(few, vec![pair("a", "3"), pair("b", "2")]);
        let mut many: Vec<_> = (0..1000)
            .map(|i| pair(&format!("k{}", i % 500), "v"))
            .collect();
        keep_last(&mut many);
        assert_eq!(many.len(), 500);
    }
}
