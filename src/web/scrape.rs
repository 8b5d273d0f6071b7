//! Answers `/metrics`: reads the request, lets the sources be read within the scraper's patience, and writes the
//! page in the form it asked for.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::{Instant, timeout};

use super::{answer, metrics::Telemetry, services::Services};
use crate::exposition::{Coding, Format, Selection, Snapshot, negotiate, negotiate_coding};

pub(super) const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// What Prometheus waits unless told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Nobody gets us to keep a request open for longer.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(2);
/// Left of the scraper's timeout for encoding and the way back.
const RESERVE: Duration = Duration::from_millis(500);
/// Nobody gets us to cut the collectors off sooner, which counts as a failure of theirs. A scraper that waits for
/// 1 s gives this much.
const LEAST_DEADLINE: Duration = Duration::from_millis(500);
/// Pages with more series are written on a thread for blocking work.
const MANY_SERIES: usize = 2_000;
/// How long any scrape may take, with the time to write it.
pub(super) const LIMIT: Duration = Duration::from_secs(150);

type Parameters = Query<Vec<(String, String)>>;

/// `GET /metrics`.
pub(super) async fn metrics(
    State(services): State<Arc<Services>>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let parameters = query.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let selection = match Selection::from_query(parameters, services.collectors) {
        Ok(selection) => selection,
        Err(error) => return answer::refuse("/metrics", StatusCode::BAD_REQUEST, error.to_string()),
    };
    let began = Instant::now();
    let deadline = deadline(headers.get(TIMEOUT_HEADER));
    let Ok(snapshot) = timeout(deadline + RESERVE, services.shared.read(selection, deadline)).await else {
        let detail = format!(
            "the sources were not read within {:.1} s",
            (deadline + RESERVE).as_secs_f64()
        );
        return answer::refuse("/metrics", StatusCode::SERVICE_UNAVAILABLE, detail);
    };
    services.telemetry.omitted(snapshot.omitted());
    let wanted = Wanted::from(&headers);
    match write(&services, snapshot, wanted, began).await {
        Some((body, coding)) => page(body, wanted.format, coding),
        None => answer::refuse(
            "/metrics",
            StatusCode::INTERNAL_SERVER_ERROR,
            "writing the page failed",
        ),
    }
}

/// The form of the page that the client asks for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) format: Format,
    pub(super) coding: Coding,
}

impl From<&HeaderMap> for Wanted {
    fn from(headers: &HeaderMap) -> Self {
        Self {
            format: negotiate(joined(headers, header::ACCEPT).as_deref()),
            coding: negotiate_coding(joined(headers, header::ACCEPT_ENCODING).as_deref()),
        }
    }
}

/// `None` when it panicked on its thread.
async fn write(
    services: &Services,
    snapshot: Snapshot,
    wanted: Wanted,
    began: Instant,
) -> Option<(Vec<u8>, Coding)> {
    let renderer = Arc::clone(&services.renderer);
    let series = snapshot.series();
    let last = move || Telemetry::scrape_duration(began.elapsed());
    let render = move || renderer.render(&snapshot, wanted.format.syntax, wanted.coding, last);
    if series > MANY_SERIES {
        return tokio::task::spawn_blocking(render).await.ok();
    }
    Some(render())
}

/// A page of metrics as an answer.
pub(super) fn page(body: Vec<u8>, format: Format, coding: Coding) -> Response {
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(&format.content_type()) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// All values of a header as one list; `None` when there is none that can be read.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// How long the sources may be read: the scraper's timeout less a reserve, within bounds.
fn deadline(header: Option<&HeaderValue>) -> Duration {
    let seconds: Option<f64> = header
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok());
    let timeout = seconds
        .filter(|seconds| *seconds > 0.0)
        .map_or(DEFAULT_TIMEOUT, |seconds| {
            Duration::from_secs_f64(seconds.min(LONGEST_TIMEOUT.as_secs_f64()))
        });
    timeout.saturating_sub(RESERVE).max(LEAST_DEADLINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_leaves_time_for_the_way_back() {
        let rows = [
            (None, 9.5),
            (Some("10"), 9.5),
            (Some("10.000000"), 9.5),
            (Some("2.5"), 2.0),
            (Some(" 3 "), 2.5),
            (Some("1"), 0.5),
            (Some("0.4"), 0.5),
            (Some("0.001"), 0.5),
            (Some("1e-300"), 0.5),
            (Some("1e300"), 119.5),
            (Some("inf"), 119.5),
            (Some("0"), 9.5),
            (Some("-5"), 9.5),
            (Some("NaN"), 9.5),
            (Some("ten"), 9.5),
            (Some(""), 9.5),
        ];
        for (given, expected) in rows {
            let header = given.map(|text| HeaderValue::from_str(text).expect("legal"));
            let found = deadline(header.as_ref()).as_secs_f64();
            assert!((found - expected).abs() < 1e-9, "{given:?}: {found}");
        }
        assert!(LIMIT > LONGEST_TIMEOUT + RESERVE);
    }
}
