//! Where data comes from: one folder per origin.
