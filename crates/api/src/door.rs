//! What is answered before the node is ready: that it lives, and that it is starting.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower::ServiceExt;

use crate::Node;
use crate::error::ApiError;
use crate::routes::health;

/// The address of a node from its first moment on. Replaying a long log takes a while; whoever
/// asks meanwhile is told so instead of being kept waiting.
#[derive(Clone, Debug, Default)]
pub struct Door(Arc<OnceLock<Router>>);

impl Door {
    /// Returns what is to be served: the node once it is there, excuses before.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(health::live))
            .fallback(enter)
            .with_state(self.clone())
    }

    /// Lets requests in. A second node is not let in.
    pub fn open(&self, node: Node) {
        self.0.get_or_init(|| crate::router(node));
    }
}

async fn enter(State(door): State<Door>, request: Request) -> Response {
    if let Some(node) = door.0.get() {
        let answered: Result<Response, Infallible> = node.clone().oneshot(request).await;
        return answered.unwrap_or_else(|never| match never {});
    }
    let mut response = match request.uri().path() {
        "/readyz" => {
            let text = "not ready: starting, the log is being replayed\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        _ => ApiError::starting().into_response(),
    };
    let seconds = axum::http::HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;

    use super::*;

    async fn ask(door: &Door, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = door.router().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_node_that_starts_lives_and_says_that_it_is_not_ready() {
        let door = Door::default();
        assert_eq!(ask(&door, "/healthz").await.0, StatusCode::OK);
        for path in ["/readyz", "/api/v1/status", "/receiver/v1/http/token", "/"] {
            let (status, text) = ask(&door, path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(text.contains("starting"), "{path}: {text}");
        }
    }
}
