//! What people see: the UI, built and embedded as bytes.
