//! `/api/v1/history/{stream}`: a range of what is remembered, in at most as many points as asked for.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{self, Path, State},
    http::{StatusCode, Uri},
    response::Response,
};

use jiff::{Timestamp, tz::TimeZone};

use super::{answer, parameter, services::Services};
use crate::history::{NotATime, Query, Stream, parse_step, parse_time};

const KEYS: [&str; 6] = ["from", "to", "step", "max_points", "signal", "subject"];
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
    let query = match asked(
        stream,
        &parameters,
        (services.clock.now().wall, &services.watch.zone()),
    ) {
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
fn asked(
    stream: Stream,
    parameters: &[(String, String)],
    (now, zone): (Timestamp, &TimeZone),
) -> Result<Query, String> {
    let mut query = Query::new(stream, now - USUAL, now);
    for (key, value) in parameters {
        let wrong = |error: NotATime| parameter::wrong(key, error);
        match key.as_str() {
            "from" => query.from = parse_time(value, now, zone).map_err(wrong)?,
            "to" => query.to = parse_time(value, now, zone).map_err(wrong)?,
            "step" => query.step = Some(parse_step(value).map_err(wrong)?),
            "max_points" => query.max_points = parameter::count(key, value, MOST_POINTS)?,
            "signal" => query.signals.push(value.clone()),
            "subject" => query.subjects.push(value.clone()),
            _ => return Err(parameter::unknown(key, &KEYS)),
        }
    }
    parameter::in_order(query.from, query.to)?;
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str) -> String {
        let parameters = [(key.to_owned(), value.to_owned())];
        let now = (Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        asked(Stream::System, &parameters, now).expect_err(value)
    }

    #[test]
    fn a_refusal_names_the_parameter_the_value_and_what_is_possible() {
        for (key, value, expected) in [
            (
                "max_points",
                "abc",
                "`max_points`: given `abc`; accepted: a whole number from 1 to 3000",
            ),
            (
                "max_points",
                "0",
                "`max_points`: given `0`; accepted: a whole number from 1 to 3000",
            ),
            (
                "step",
                "x",
                "`step`: given `x`; accepted: a span such as 30s or 5m, or a number of seconds",
            ),
            (
                "stepp",
                "1m",
                "`stepp`: not a parameter here; accepted: from, to, step, max_points, signal, subject; did you mean \
                 `step`?",
            ),
            (
                "from",
                "1",
                "`from`: given 1970-01-01T00:00:01Z, which is later than `to`, 1970-01-01T00:00:00Z; accepted: an \
                 earlier time",
            ),
        ] {
            assert_eq!(refused(key, value), expected);
        }
        let error = refused("from", "yesterday");
        assert!(
            error.starts_with("`from`: given `yesterday`; accepted: RFC 3339"),
            "{error}"
        );
    }
}
