//! The one binary, `nephoscope`.

fn main() {}
