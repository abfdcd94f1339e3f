//! Where data rests: WAL, segments, catalog.
