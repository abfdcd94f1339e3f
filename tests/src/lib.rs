//! House rules and scenarios live in `tests/`; this library is empty.
