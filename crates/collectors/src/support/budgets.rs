//! Budgets of calls that all sources share which use the same quota of a cloud.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The budgets, by what tells one quota from another.
#[derive(Debug)]
pub(crate) struct Budgets<B>(Mutex<HashMap<Vec<Option<String>>, Arc<B>>>);

impl<B> Default for Budgets<B> {
    fn default() -> Self {
        Budgets(Mutex::default())
    }
}

impl<B> Budgets<B> {
    /// The budget of this quota; the first source that asks sets its size.
    pub(crate) fn get(&self, quota: &[Option<&str>], make: impl FnOnce() -> B) -> Arc<B> {
        let quota = quota.iter().map(|part| part.map(str::to_owned)).collect();
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(budgets.entry(quota).or_insert_with(|| Arc::new(make())))
    }
}
