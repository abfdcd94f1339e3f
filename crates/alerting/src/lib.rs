//! What watches.
