//! What users save.
