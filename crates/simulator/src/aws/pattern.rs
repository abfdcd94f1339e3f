//! The part of CloudWatch's filter patterns that matches words: `ERROR`, `"timed out"`, `-DEBUG`,
//! `?this ?that`. Patterns for JSON and for columns are refused.

use super::error::AwsError;

/// A filter pattern; the empty one matches everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Pattern, AwsError> {
        let mut pattern = Pattern::default();
        let mut rest = text.trim();
        if rest.starts_with(['{', '[', '%']) {
            return Err(AwsError::invalid_parameter("Invalid filter pattern"));
        }
        while !rest.is_empty() {
            let (list, after) = match rest.strip_prefix('-') {
                Some(after) => (&mut pattern.none, after),
                None => match rest.strip_prefix('?') {
                    Some(after) => (&mut pattern.any, after),
                    None => (&mut pattern.all, rest),
                },
            };
            let (term, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted
                    .split_once('"')
                    .ok_or_else(|| AwsError::invalid_parameter("Invalid filter pattern"))?,
                None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
            };
            list.push(term.to_owned());
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    /// Whether the message has what the pattern asks for.
    pub(crate) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| message.contains(term.as_str()))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term.as_str())))
            && !self.none.iter().any(|term| message.contains(term.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_exclusions_and_alternatives_match() {
        let matches = |pattern: &str, text: &str| Pattern::parse(pattern).unwrap().matches(text);
        assert!(matches("", "anything"));
        assert!(matches("ERROR \"timed out\"", "ERROR: task timed out"));
        assert!(!matches("ERROR -timed", "ERROR: task timed out"));
        assert!(matches("?WARN ?ERROR", "an ERROR"));
        assert!(!matches("?WARN ?ERROR", "INFO"));
        assert!(Pattern::parse("{ $.level = \"ERROR\" }").is_err());
    }
}
