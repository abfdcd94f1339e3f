//! Buckets that live as long as the test's process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use object_store::ObjectStore;
use object_store::memory::InMemory;

/// The bucket of that name.
pub(super) fn bucket(name: &str) -> Arc<dyn ObjectStore> {
    static BUCKETS: LazyLock<Mutex<HashMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);
    let mut buckets = BUCKETS.lock().unwrap();
    Arc::clone(buckets.entry(name.to_owned()).or_default()) as Arc<dyn ObjectStore>
}
