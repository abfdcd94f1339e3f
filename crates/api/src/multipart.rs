//! Forms with a file (`multipart/form-data`), as far as uploads need them.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use memchr::memmem;

/// The file in a form: the first part that is one, or the first part at all. A body that is no form is
/// the file itself.
///
/// # Errors
/// In words: the form is broken or empty.
pub(crate) fn file(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, String> {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/") {
        return Ok(body.clone());
    }
    let boundary = boundary(kind).ok_or("the form's content type names no boundary")?;
    let mut files = parts(body, boundary);
    let mut first = None;
    for (head, content) in files.by_ref() {
        if head.to_ascii_lowercase().contains("filename=") {
            return Ok(content);
        }
        first = first.or(Some(content));
    }
    first.ok_or_else(|| "the form holds no file".to_owned())
}

fn boundary(kind: &str) -> Option<&str> {
    let mut options = kind.split(';').map(str::trim);
    let value = options.find_map(|option| {
        let (name, value) = option.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    Some(value.trim_matches('"')).filter(|value| !value.is_empty())
}

/// Heads and contents of the parts; ends at the first that is broken.
fn parts<'a>(body: &'a Bytes, boundary: &str) -> impl Iterator<Item = (String, Bytes)> + 'a {
    let line = format!("--{boundary}");
    let end = format!("\r\n--{boundary}");
    let mut position = memmem::find(body, line.as_bytes()).map(|start| start + line.len());
    std::iter::from_fn(move || {
        let start = position.take()?;
        let rest = body.get(start..)?.strip_prefix(b"\r\n")?;
        let from = start + 2;
        let head_length = memmem::find(rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(rest.get(..head_length)?).into_owned();
        let content = rest.get(head_length + 4..)?;
        let length = memmem::find(content, end.as_bytes())?;
        let begin = from + head_length + 4;
        position = Some(begin + length + end.len());
        Some((head, body.slice(begin..begin + length)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: &str, body: &'static str) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        let found = file(&headers, &Bytes::from_static(body.as_bytes()))?;
        Ok(String::from_utf8(found.to_vec()).unwrap())
    }

    #[test]
    fn the_file_of_a_form_is_found() {
        let form = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nno file\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\
                    Content-Type: text/csv\r\n\r\na,b\r\n--1,2\r\n\r\n--x--\r\n";
        assert_eq!(
            asked("multipart/form-data; boundary=\"x\"", form).unwrap(),
            "a,b\r\n--1,2\r\n"
        );
        assert_eq!(asked("text/csv", "a,b\n").unwrap(), "a,b\n");
    }

    #[test]
    fn a_broken_form_is_told() {
        assert!(asked("multipart/form-data", "a").is_err());
        for broken in ["", "--x", "--x\r\n", "--x\r\na\r\n\r\nb", "--x--"] {
            let told = asked("multipart/form-data; boundary=x", broken).unwrap_err();
            assert_eq!(told, "the form holds no file", "{broken}");
        }
    }
}
