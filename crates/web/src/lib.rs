//! What people see: the UI, built and embedded as bytes.
//!
//! `build.rs` turns `ui/` into a list of files; [`router`] serves them. An address that is no file and
//! belongs to nobody else (`/api`, `/receiver`, …) is a page of the UI, so it answers `index.html`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// First parts of addresses which the UI never answers.
const RESERVED: [&str; 6] = ["api", "receiver", "metrics", "healthz", "readyz", "assets"];

/// Scripts only from here; inline styles because the editor writes its own style element.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

struct EmbeddedFile {
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    gzip_etag: &'static str,
    is_immutable: bool,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
}

/// Returns the routes of the UI: they are a fallback, so that every other route goes first.
///
/// Files whose name carries a hash may be cached for ever, all others are revalidated by their ETag.
pub fn router() -> Router {
    Router::new().fallback(serve)
}

async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let found = find(path).or_else(|| {
        if RESERVED.contains(&first) {
            None
        } else {
            find("index.html")
        }
    });
    let Some(file) = found else {
        return (StatusCode::NOT_FOUND, "nothing here\n").into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "GET, HEAD")],
        )
            .into_response();
    }
    answer(file, &headers, method == Method::HEAD)
}

fn find(path: &str) -> Option<&'static EmbeddedFile> {
    FILES.iter().find(|file| file.path == path)
}

fn answer(file: &'static EmbeddedFile, request: &HeaderMap, is_head: bool) -> Response {
    let gzip = file
        .gzip
        .filter(|_| names(request, header::ACCEPT_ENCODING, "gzip"));
    let etag = if gzip.is_some() {
        file.gzip_etag
    } else {
        file.etag
    };
    let is_known = names(request, header::IF_NONE_MATCH, etag);
    let bytes = gzip.unwrap_or(file.bytes);
    let body = if is_head || is_known {
        Body::empty()
    } else {
        Body::from(Bytes::from_static(bytes))
    };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let cache = if file.is_immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    let mut put = |name, value| headers.insert(name, HeaderValue::from_static(value));
    put(header::CONTENT_TYPE, file.content_type);
    put(header::ETAG, etag);
    put(header::CACHE_CONTROL, cache);
    put(header::VARY, "accept-encoding");
    put(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::REFERRER_POLICY, "same-origin");
    if gzip.is_some() {
        put(header::CONTENT_ENCODING, "gzip");
    }
    if is_head {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    response
}

/// Tells whether the comma-separated header names the value; weights such as `;q=0` other than zero do not matter.
fn names(headers: &HeaderMap, name: header::HeaderName, value: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|text| text.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|item| {
            let mut parts = item.trim().split(';');
            let matches = parts
                .next()
                .is_some_and(|first| first.trim().trim_start_matches("W/") == value);
            matches
                && !parts
                    .any(|weight| matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_page_of_the_ui_answers_index_html_with_a_policy() {
        for path in ["/", "/search?q=*", "/welcome"] {
            let response = get(path, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
            assert!(
                response
                    .headers()
                    .contains_key(header::CONTENT_SECURITY_POLICY)
            );
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(b"<!doctype html>"), "{path}");
        }
    }

    #[tokio::test]
    async fn addresses_of_others_are_not_pages() {
        for path in ["/api/v1/nothing", "/receiver/v1/http", "/assets/gone.js"] {
            assert_eq!(
                get(path, &[]).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn a_hashed_asset_is_packed_and_kept_for_ever() {
        let script = FILES
            .iter()
            .find(|file| file.path.ends_with(".js"))
            .unwrap();
        let path = format!("/{}", script.path);
        let response = get(&path, &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(
            response.headers()[header::CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
        let plain = get(&path, &[("accept-encoding", "gzip;q=0")]).await;
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    }

    /// Bytes on the wire of what `index.html` loads, and of everything.
    fn weights() -> (usize, usize) {
        let packed = |file: &EmbeddedFile| file.gzip.unwrap_or(file.bytes).len();
        let index = std::str::from_utf8(find("index.html").unwrap().bytes).unwrap();
        let first = FILES
            .iter()
            .filter(|file| file.path == "index.html" || index.contains(file.path));
        (first.map(packed).sum(), FILES.iter().map(packed).sum())
    }

    #[test]
    fn the_first_load_is_light() {
        let (first, all) = weights();
        assert!(
            (20_000..=90_000).contains(&first),
            "first load: {first} bytes"
        );
        assert!(
            (first..=300_000).contains(&all),
            "with every page: {all} bytes"
        );
    }

    #[tokio::test]
    async fn a_known_etag_is_not_sent_again() {
        let etag = get("/", &[]).await.headers()[header::ETAG]
            .to_str()
            .unwrap()
            .to_owned();
        let response = get("/", &[("if-none-match", &etag)]).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(
            response
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
    }
}
