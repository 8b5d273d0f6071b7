//! `/api/v1/history/{stream}`: a range of what is remembered, in at most as many points as asked for.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{self, Path, State},
    http::{StatusCode, Uri},
    response::Response,
};

use jiff::Timestamp;

use super::{answer, services::Services};
use crate::history::{Query, Stream, parse_step, parse_time};

/// Points in each series at most; there may be thousands of series.
const MOST_POINTS: usize = 3_000;
/// How far back a query goes that does not say.
const USUAL: Duration = Duration::from_hours(24);

/// `GET /api/v1/history/{stream}?from=&to=&step=&max_points=&signal=&subject=`.
pub(super) async fn range(
    uri: Uri,
    State(services): State<Arc<Services>>,
    Path(stream): Path<String>,
    extract::Query(parameters): extract::Query<Vec<(String, String)>>,
) -> Response {
    let refuse = |status, detail: String| answer::refuse(uri.path(), status, detail);
    let Some(stream) = Stream::ALL.into_iter().find(|known| known.name() == stream) else {
        let names = Stream::ALL.map(Stream::name).join(", ");
        return refuse(
            StatusCode::NOT_FOUND,
            format!("there is no such stream; there are {names}"),
        );
    };
    let Some(reader) = services.history.clone() else {
        let detail = "nothing is remembered: there is no data directory";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, detail.to_owned());
    };
    let query = match asked(stream, &parameters, services.clock.now().wall) {
        Ok(query) => query,
        Err(detail) => return refuse(StatusCode::BAD_REQUEST, detail),
    };
    let Ok(turn) = Arc::clone(&services.queries).acquire_owned().await else {
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is stopping".to_owned(),
        );
    };
    let found = tokio::task::spawn_blocking(move || {
        // Kept until the work is done, also when nobody waits for it any more.
        let _turn = turn;
        let answer = reader
            .query(&query)
            .map_err(|error| format!("failed to {error}"))?;
        serde_json::to_vec(&answer).map_err(|error| error.to_string())
    });
    match found.await {
        Ok(Ok(body)) => answer::typed(StatusCode::OK, "application/json", body),
        Ok(Err(detail)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, detail),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// The query that the parameters mean: the last day unless they say otherwise.
fn asked(stream: Stream, parameters: &[(String, String)], now: Timestamp) -> Result<Query, String> {
    let mut query = Query::new(stream, now - USUAL, now);
    for (key, value) in parameters {
        let wrong = |error: &dyn std::fmt::Display| format!("`{key}`: {error}");
        match key.as_str() {
            "from" => query.from = parse_time(value, now).map_err(|error| wrong(&error))?,
            "to" => query.to = parse_time(value, now).map_err(|error| wrong(&error))?,
            "step" => query.step = Some(parse_step(value).map_err(|error| wrong(&error))?),
            "max_points" => {
                query.max_points = value.parse().map_err(|error| wrong(&error))?;
                if !(1..=MOST_POINTS).contains(&query.max_points) {
                    return Err(format!(
                        "`max_points`: given {value}; accepted: 1 to {MOST_POINTS}"
                    ));
                }
            }
            "signal" => query.signals.push(value.clone()),
            "subject" => query.subjects.push(value.clone()),
            _ => {
                return Err(format!(
                    "`{key}` is not understood; accepted: from, to, step, max_points, signal, subject"
                ));
            }
        }
    }
    if query.from > query.to {
        return Err("`from` is later than `to`".to_owned());
    }
    Ok(query)
}
