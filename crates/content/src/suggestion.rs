//! "Did you mean": the known name that an unknown one resembles.

/// A suggestion is made if the names are at least this alike (1.0 = equal).
const LIKENESS_MIN: f64 = 0.7;

/// The name among `known` that was probably meant.
pub fn likely<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(unknown, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Adds "did you mean" to a complaint of a TOML reader about an unknown name.
pub fn with_suggestion(message: &str) -> String {
    let message = message.trim_end();
    // The reader shows the line before it complains, so the names are looked for in the complaint.
    let complaint = message
        .find("unknown ")
        .and_then(|start| message.get(start..));
    let mut names = complaint
        .into_iter()
        .flat_map(|text| text.split('`').skip(1).step_by(2));
    let unknown = names.next().unwrap_or_default();
    match likely(unknown, names) {
        Some(name) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_resembles_is_suggested() {
        let known = ["title", "description", "refresh"];
        assert_eq!(likely("refrehs", known), Some("refresh"));
        assert_eq!(likely("zzz", known), None);
    }
}
