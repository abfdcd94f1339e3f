//! Tells JSON that can be read on a thread's stack from JSON that is nested too deeply for it.

use memchr::memchr2_iter;

/// The JSON reader calls itself for each level; real documents have a dozen.
const JSON_DEPTH_MAX: usize = 128;

/// Whether the text is nested at most so deeply; deeper text stays text.
pub(crate) fn is_shallow(text: &str) -> bool {
    let bytes = text.as_bytes();
    // No text is nested more deeply than it has opening brackets.
    memchr2_iter(b'{', b'[', bytes)
        .nth(JSON_DEPTH_MAX)
        .is_none()
        || depth_fits(bytes)
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
        assert!(is_shallow(&"[]".repeat(10_000)));
        assert!(is_shallow(&format!("\"{}\"", "[".repeat(10_000))));
        assert!(is_shallow(&"[".repeat(128)));
        assert!(!is_shallow(&"[".repeat(129)));
        assert!(!is_shallow(&format!("\"\\\"\"{}", "[".repeat(129))));
    }
}
