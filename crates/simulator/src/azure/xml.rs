//! The little XML that the answers of the blob service need.

/// A text as the content of an element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An element with a text in it.
pub(super) fn element(name: &str, text: &str) -> String {
    match text {
        "" => format!("<{name} />"),
        text => format!("<{name}>{}</{name}>", escape(text)),
    }
}
