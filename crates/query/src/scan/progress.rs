//! What scans have read, told while they run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

/// Counts what scans read, while they run.
#[derive(Debug, Default)]
pub(crate) struct ScanProgress {
    files: Mutex<Vec<ExecutionPlanMetricsSet>>,
    memory_rows: AtomicU64,
    memory_bytes: AtomicU64,
}

impl ScanProgress {
    /// Rows read so far.
    pub(crate) fn rows(&self) -> u64 {
        self.memory_rows.load(Ordering::Relaxed) + self.sum("output_rows")
    }

    /// Bytes read so far, as stored.
    pub(crate) fn bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed) + self.sum("bytes_scanned")
    }

    fn sum(&self, name: &str) -> u64 {
        let Ok(files) = self.files.lock() else {
            return 0;
        };
        files
            .iter()
            .filter_map(|set| set.clone_inner().sum_by_name(name))
            .map(|value| value.as_usize() as u64)
            .sum()
    }

    pub(super) fn watch(&self, set: ExecutionPlanMetricsSet) {
        if let Ok(mut files) = self.files.lock() {
            files.push(set);
        }
    }

    pub(super) fn add_memory(&self, batch: &RecordBatch) {
        self.memory_rows
            .fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        self.memory_bytes
            .fetch_add(batch.get_array_memory_size() as u64, Ordering::Relaxed);
    }
}
