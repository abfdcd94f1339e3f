//! What the clouds look like.
