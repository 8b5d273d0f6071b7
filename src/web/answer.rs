//! Answers that are not what was asked for: plain sentences for people, problem details (RFC 9457) under `/api`.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// An answer of `status` to a request for `path`, with a sentence that helps.
pub(super) fn refuse(path: &str, status: StatusCode, detail: impl Into<String>) -> Response {
    let detail = detail.into();
    if is_api(path) {
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
        });
        return typed(status, "application/problem+json", format!("{problem}\n"));
    }
    typed(status, "text/plain; charset=utf-8", format!("{detail}\n"))
}

/// 401 with the scheme that would help.
pub(super) fn unauthorized(path: &str, detail: String) -> Response {
    let mut response = refuse(path, StatusCode::UNAUTHORIZED, detail);
    set(
        &mut response,
        header::WWW_AUTHENTICATE,
        "Bearer realm=\"netkestrel\"",
    );
    response
}

/// An answer of this type.
pub(super) fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// Sets one header to a constant.
pub(super) fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}
