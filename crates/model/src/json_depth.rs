//! Tells JSON that can be read on a thread's stack from JSON that is nested too deeply for it:
//! JSON readers call themselves for each level, and real documents have a dozen.

use crate::limits::JSON_DEPTH_MAX;

/// Whether `json` is nested at most [`JSON_DEPTH_MAX`] deep; deeper text must not be given to a
/// JSON reader and stays text.
pub fn is_shallow_json(json: &[u8]) -> bool {
    // No text is nested more deeply than it has opening brackets.
    let mut opening = memchr::memchr2_iter(b'{', b'[', json);
    opening.nth(JSON_DEPTH_MAX).is_none() || depth_fits(json)
}

fn depth_fits(bytes: &[u8]) -> bool {
    let (mut depth, mut is_in_string, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_string => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            b'{' | b'[' if !is_in_string => depth += 1,
            b'}' | b']' if !is_in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_brackets_count() {
        assert!(is_shallow_json("[]".repeat(10_000).as_bytes()));
        assert!(is_shallow_json(
            format!("\"{}\"", "[".repeat(10_000)).as_bytes()
        ));
        assert!(is_shallow_json("[".repeat(128).as_bytes()));
        assert!(!is_shallow_json("[".repeat(129).as_bytes()));
        assert!(!is_shallow_json(
            format!("\"\\\"\"{}", "[".repeat(129)).as_bytes()
        ));
    }
}
