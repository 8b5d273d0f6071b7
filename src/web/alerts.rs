//! `/api/v1/alerts` and `/api/v1/silences`: finds, filters and changes.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    access::Authorized,
    answer,
    desk::{NewSilence, Order, Refusal, Signed, Taking},
    parameter,
    services::Services,
};
use crate::{
    alerts::{self, Alert},
    history::parse_time,
};

/// Alerts on one page unless the request says otherwise, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];
const KEYS: [&str; 9] = [
    "state", "severity", "rule", "subject", "q", "from", "to", "limit", "cursor",
];

/// Which alerts are asked for. Several values of one key are separated by commas.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    state: String,
    severity: String,
    rule: String,
    subject: String,
    /// Text that must occur in the rule, the subject, the title or the explanation.
    q: String,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<usize>,
    cursor: String,
}

impl Wanted {
    /// What the parameters ask for. A word that no alert can match is a mistake, not an empty answer.
    fn read(parameters: &[(String, String)], (now, zone): (Timestamp, &TimeZone)) -> Result<Self, String> {
        let mut wanted = Self::default();
        let time = |key: &str, text: &str| {
            let read = (!text.is_empty())
                .then(|| parse_time(text, now, zone))
                .transpose();
            read.map_err(|error| parameter::wrong(key, error))
        };
        for (key, value) in parameters {
            match key.as_str() {
                "state" => wanted.state = words(key, value, &alerts::State::ALL.map(alerts::State::name))?,
                "severity" => wanted.severity = words(key, value, &SEVERITIES)?,
                "rule" => wanted.rule.clone_from(value),
                "subject" => wanted.subject.clone_from(value),
                "q" => wanted.q.clone_from(value),
                "from" => wanted.from = time(key, value)?,
                "to" => wanted.to = time(key, value)?,
                "limit" => wanted.limit = Some(parameter::count(key, value, LARGEST_PAGE)?),
                "cursor" => wanted.cursor.clone_from(value),
                _ => return Err(parameter::unknown(key, &KEYS)),
            }
        }
        if let (Some(from), Some(to)) = (wanted.from, wanted.to) {
            parameter::in_order(from, to)?;
        }
        Ok(wanted)
    }

    fn matches(&self, alert: &Alert) -> bool {
        let end = alert.resolved_at.unwrap_or(Timestamp::MAX);
        one_of(&self.state, alert.state.name())
            && one_of(&self.severity, alert.severity.name())
            && one_of(&self.rule, &alert.rule)
            && one_of(&self.subject, &alert.subject)
            && self.from.is_none_or(|from| end >= from)
            && self.to.is_none_or(|to| alert.since <= to)
            && self.text_occurs(alert)
    }

    fn text_occurs(&self, alert: &Alert) -> bool {
        let wanted = self.q.to_lowercase();
        let texts = [
            alert.rule.as_str(),
            alert.subject.as_str(),
            alert.title.as_str(),
            &alert.explanation,
        ];
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }
}

fn one_of(list: &str, value: &str) -> bool {
    list.is_empty() || list.split(',').any(|wanted| wanted.trim() == value)
}

/// A list whose every word is one of `known`.
fn words(key: &str, list: &str, known: &[&str]) -> Result<String, String> {
    let mut given = list.split(',').map(str::trim).filter(|given| !given.is_empty());
    match given.find(|given| !known.contains(given)) {
        Some(odd) => Err(parameter::not_one_of(key, odd, known)),
        None => Ok(list.to_owned()),
    }
}

/// `GET /api/v1/alerts`: the newest first; `next_cursor` leads to the page behind.
pub(super) async fn list(
    uri: Uri,
    State(services): State<Arc<Services>>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Response {
    let now = services.clock.now().wall;
    let wanted = Wanted::read(&parameters, (now, &services.watch.zone()));
    match wanted.and_then(|wanted| page(&wanted, services.desk.alerts())) {
        Ok(page) => json_answer(&page),
        Err(detail) => answer::refuse(uri.path(), StatusCode::BAD_REQUEST, detail),
    }
}

fn page(wanted: &Wanted, mut alerts: Vec<Alert>) -> Result<Value, String> {
    alerts.retain(|alert| wanted.matches(alert));
    alerts.sort_by_key(|alert| Reverse((alert.since, alert.id.clone())));
    let total = alerts.len();
    let begin = match wanted.cursor.as_str() {
        "" => 0,
        cursor => alerts
            .iter()
            .position(|alert| alert.id == cursor)
            .map(|place| place + 1)
            .ok_or("`cursor`: leads to no alert of this selection; begin without one")?,
    };
    let limit = wanted.limit.unwrap_or(PAGE);
    let rest = alerts.len().saturating_sub(begin);
    let shown: Vec<Alert> = alerts.into_iter().skip(begin).take(limit).collect();
    let next = (rest > limit)
        .then(|| shown.last().map(|alert| alert.id.clone()))
        .flatten();
    Ok(json!({"alerts": shown, "total": total, "next_cursor": next}))
}

/// `GET /api/v1/anomalies`: values unlike those before, the newest first.
pub(super) async fn anomalies(State(services): State<Arc<Services>>) -> Response {
    json_answer(&json!({"anomalies": &*services.desk.unusual()}))
}

/// `POST /api/v1/alerts/{id}/ack`.
pub(super) async fn acknowledge(
    _: Authorized,
    uri: Uri,
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let order = |Taking { by, note, normal }: Taking| Order::Acknowledge {
        id,
        signed: Signed { by, note },
        normal,
    };
    read_and_carry_out(&services, uri.path(), &body, order).await
}

/// `POST /api/v1/alerts/{id}/unack`.
pub(super) async fn unacknowledge(
    _: Authorized,
    uri: Uri,
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let order = |signed: Signed| Order::Unacknowledge { id, signed };
    read_and_carry_out(&services, uri.path(), &body, order).await
}

/// `GET /api/v1/silences`.
pub(super) async fn silences(State(services): State<Arc<Services>>) -> Response {
    json_answer(&json!({"silences": services.desk.silences()}))
}

/// `POST /api/v1/silences`.
pub(super) async fn silence(
    _: Authorized,
    uri: Uri,
    State(services): State<Arc<Services>>,
    body: Bytes,
) -> Response {
    let order = |silence: NewSilence| Order::Silence(silence);
    read_and_carry_out(&services, uri.path(), &body, order).await
}

/// `DELETE /api/v1/silences/{id}`.
pub(super) async fn unsilence(
    _: Authorized,
    uri: Uri,
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
) -> Response {
    carry_out(&services, uri.path(), Order::Unsilence { id }).await
}

/// Carries out the order that the body amounts to.
async fn read_and_carry_out<T: DeserializeOwned + Default>(
    services: &Services,
    path: &str,
    body: &[u8],
    order: impl FnOnce(T) -> Order,
) -> Response {
    match read(body) {
        Ok(content) => carry_out(services, path, order(content)).await,
        Err(detail) => answer::refuse(path, StatusCode::BAD_REQUEST, detail),
    }
}

async fn carry_out(services: &Services, path: &str, order: Order) -> Response {
    match services.desk.carry_out(order).await {
        Ok(result) => json_answer(&result),
        Err(refusal) => {
            let (status, detail) = match refusal {
                Refusal::NotFound(detail) => (StatusCode::NOT_FOUND, detail),
                Refusal::Invalid(detail) => (StatusCode::BAD_REQUEST, detail),
                Refusal::Unavailable(detail) => (StatusCode::SERVICE_UNAVAILABLE, detail),
            };
            answer::refuse(path, status, detail)
        }
    }
}

/// The body as JSON; an empty one is an empty object.
fn read<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| format!("the body is not what is expected here: {error}"))
}

fn json_answer(value: &Value) -> Response {
    answer::typed(StatusCode::OK, "application/json", format!("{value}\n"))
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
