//! The routes, and what every request passes on its way to them: counting, headers, containment of panics, the
//! allow-list of hosts, and limits.

use std::{any::Any, fmt::Write, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use serde_json::json;
use tokio::{sync::Semaphore, time::timeout};
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer};
use tracing::error;

use super::{
    access::{Authorized, check_host},
    alerts,
    answer::{self, set},
    devices, discovery, history, metrics, page, probe, scrape,
    services::{ReloadReport, Services},
};

/// Requests that are worked on at one time, health checks aside, and probes, which are counted by themselves.
const REQUESTS: usize = 40;
/// No request of ours has a body worth mentioning.
const BODY_BYTES: usize = 64 * 1024;
/// How long any request but a scrape may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes over `services`.
pub fn router(services: Arc<Services>) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/metrics", get(scrape::metrics))
        .route(probe::PATH, get(probe::probe))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload))
        .route("/sd/devices", get(discovery::devices))
        .route("/api/v1/status", get(status))
        .route("/api/v1/history/{stream}", get(history::range))
        .route("/api/v1/devices", get(devices::list))
        .route("/api/v1/devices/{name}/outages", get(devices::outages))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/anomalies", get(alerts::anomalies))
        .route("/api/v1/alerts/{id}/ack", post(alerts::acknowledge))
        .route("/api/v1/alerts/{id}/unack", post(alerts::unacknowledge))
        .route("/api/v1/silences", get(alerts::silences).post(alerts::silence))
        .route("/api/v1/silences/{id}", delete(alerts::unsilence))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            Arc::new(Semaphore::new(REQUESTS)),
            limit,
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(&services), check_host))
        .layer(CatchPanicLayer::custom(panicked as fn(_) -> _))
        .layer(middleware::from_fn(protect))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&services),
            metrics::count,
        ))
        .with_state(services)
}

async fn healthy() -> &'static str {
    "Healthy\n"
}

async fn ready(State(services): State<Arc<Services>>) -> Response {
    match services.watch.ready() {
        Ok(()) => answer::typed(StatusCode::OK, "text/plain; charset=utf-8", "Ready\n"),
        Err(waiting_for) => answer::refuse(
            "/-/ready",
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {waiting_for}"),
        ),
    }
}

async fn reload(_: Authorized, State(services): State<Arc<Services>>) -> Response {
    match services.control.reload().await {
        Ok(report) => answer::typed(StatusCode::OK, "text/plain; charset=utf-8", told(&report)),
        Err(reason) => {
            let detail = format!("the configuration in force stays: {reason}");
            answer::refuse("/-/reload", StatusCode::INTERNAL_SERVER_ERROR, detail)
        }
    }
}

fn told(report: &ReloadReport) -> String {
    let list = |paths: &[String]| {
        if paths.is_empty() {
            "nothing".to_owned()
        } else {
            paths.join(", ")
        }
    };
    let mut text = format!("configuration reloaded; changed: {}\n", list(&report.applied));
    if !report.needs_restart.is_empty() {
        let _ = writeln!(text, "in force after a restart: {}", list(&report.needs_restart));
    }
    text
}

async fn status(State(services): State<Arc<Services>>) -> Response {
    let mut document = match serde_json::to_value(services.watch.status()) {
        Ok(document) => document,
        Err(error) => {
            let detail = format!("the status cannot be written: {error}");
            return answer::refuse("/api/v1/status", StatusCode::INTERNAL_SERVER_ERROR, detail);
        }
    };
    if let Some(fields) = document.as_object_mut() {
        let ready = services.watch.ready();
        fields.insert("ready".to_owned(), json!(ready.is_ok()));
        fields.insert("waiting_for".to_owned(), json!(ready.err()));
    }
    answer::typed(StatusCode::OK, "application/json", format!("{document}\n"))
}

async fn unknown(uri: Uri) -> Response {
    let detail = "there is nothing at this address; / lists what there is";
    answer::refuse(uri.path(), StatusCode::NOT_FOUND, detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let method: String = method.as_str().chars().take(32).collect();
    let detail = format!("{method} is not possible here; the header `Allow` tells what is");
    answer::refuse(uri.path(), StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Answers requests beyond what can be worked on at one time with 503, and those that take too long as well.
async fn limit(State(room): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let needs_room = !matches!(path.as_str(), "/-/healthy" | "/-/ready" | probe::PATH);
    let permit = needs_room.then(|| room.try_acquire());
    if permit.as_ref().is_some_and(Result::is_err) {
        let mut response = answer::refuse(
            &path,
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{REQUESTS} requests are being worked on; try again in a moment"),
        );
        set(&mut response, header::RETRY_AFTER, "1");
        return response;
    }
    let longest = match path.as_str() {
        "/metrics" | probe::PATH => scrape::LIMIT,
        _ => REQUEST_TIMEOUT,
    };
    timeout(longest, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("no answer was found within {} s", longest.as_secs());
        answer::refuse(&path, StatusCode::SERVICE_UNAVAILABLE, detail)
    })
}

/// Headers that keep browsers from doing more with an answer than showing it.
async fn protect(request: Request, next: Next) -> Response {
    const DEFAULTS: [(header::HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ];
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if response.extensions().get::<Panicked>().is_some() {
        let detail = "answering failed; the log says more";
        response = answer::refuse(&path, StatusCode::INTERNAL_SERVER_ERROR, detail);
    }
    for (name, value) in DEFAULTS {
        if !response.headers().contains_key(&name) {
            set(&mut response, name, value);
        }
    }
    set(
        &mut response,
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    response
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer asks for"
)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let detail = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let detail = detail
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    error!(detail, "answering a request panicked");
    let mut response = Response::default();
    response.extensions_mut().insert(Panicked);
    response
}

/// Marks the answer to a request that panicked, which [`protect`] words: only it knows the path.
#[derive(Clone)]
struct Panicked;

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
