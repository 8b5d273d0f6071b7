//! `/api/v1/devices`: how devices fare and how long they were up, and the outages of one of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::{self, Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use smol_str::SmolStr;

use super::{
    answer, parameter,
    services::{DeviceRow, DeviceStatus, Services},
};
use crate::history::{
    parse_time,
    uptime::{Outage, OutageRecord, Standing, Sums, WINDOWS},
};

const KEYS: [&str; 2] = ["from", "to"];
/// How far back outages are told of unless the address says.
const USUAL: Duration = Duration::from_hours(30 * 24);
/// More outages than this are never given; the newest are.
const MOST: usize = 10_000;

impl DeviceStatus {
    /// Its word in answers, as in the label `status` of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Maintenance => "maintenance",
        }
    }
}

/// One device.
#[derive(Serialize)]
struct Device {
    name: SmolStr,
    group: SmolStr,
    address: SmolStr,
    status: &'static str,
    reason: String,
    /// Since when it is up, down or neither.
    since: Option<Timestamp>,
    round_trip_seconds: Option<f64>,
    loss_ratio: Option<f64>,
    /// The share of the known time for which it is to be up.
    #[serde(skip_serializing_if = "Option::is_none")]
    slo_ratio: Option<f64>,
    /// By window; empty where nothing is remembered.
    uptime: BTreeMap<&'static str, Stretch>,
}

/// How long a device stood how within a stretch.
#[derive(Serialize)]
struct Stretch {
    /// Share of the known time in which it was up; `null` when nothing is known.
    uptime_ratio: Option<f64>,
    /// Share of the stretch that is known.
    coverage_ratio: f64,
    /// Seconds that it may still be down; only with an objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_seconds: Option<f64>,
    /// By standing.
    seconds: BTreeMap<&'static str, f64>,
}

impl Stretch {
    fn of(sums: &Sums, slo: Option<f64>) -> Self {
        Self {
            budget_seconds: slo.filter(|_| sums.known() > 0).map(|slo| sums.budget(slo)),
            uptime_ratio: sums.ratio(),
            coverage_ratio: sums.coverage(),
            seconds: Standing::ALL
                .into_iter()
                .map(|standing| (standing.name(), sums.seconds(standing)))
                .collect(),
        }
    }
}

/// `GET /api/v1/devices`.
pub(super) async fn list(uri: Uri, State(services): State<Arc<Services>>) -> Response {
    let rows = services.watch.overview().devices;
    in_turn(&uri, &services, |services| {
        let now = services.clock.now();
        let devices = rows.into_iter().map(|row| device(services, row, now));
        Ok(json!({"devices": devices.collect::<Vec<_>>()}))
    })
    .await
}

fn device(services: &Services, row: DeviceRow, now: crate::clock::Now) -> Device {
    let known = services.history.as_ref().and_then(|reader| {
        reader.standing(|tracker| (tracker.since(&row.name), tracker.windows(&row.name, now)))
    });
    let (since, sums) = known.unwrap_or_default();
    let uptime = WINDOWS.iter().zip(sums.iter().flatten());
    Device {
        status: row.status.name(),
        name: row.name,
        group: row.group,
        address: row.address,
        reason: row.reason,
        since,
        slo_ratio: row.slo,
        round_trip_seconds: row.round_trip.map(|time| time.as_secs_f64()),
        loss_ratio: row.loss,
        uptime: uptime
            .map(|((window, _), sums)| (*window, Stretch::of(sums, row.slo)))
            .collect(),
    }
}

/// Outages of one device.
#[derive(Serialize)]
struct Outages {
    device: String,
    from: Timestamp,
    to: Timestamp,
    #[serde(flatten)]
    uptime: Stretch,
    #[serde(flatten)]
    record: OutageRecord,
    list: Vec<Outage>,
}

/// `GET /api/v1/devices/{name}/outages?from=&to=`.
pub(super) async fn outages(
    uri: Uri,
    State(services): State<Arc<Services>>,
    Path(device): Path<String>,
    extract::Query(parameters): extract::Query<Vec<(String, String)>>,
) -> Response {
    let refuse = |status, detail: &str| answer::refuse(uri.path(), status, detail);
    let row = services
        .watch
        .overview()
        .devices
        .into_iter()
        .find(|row| row.name == *device);
    let (is_known, slo) = (row.is_some(), row.and_then(|row| row.slo));
    let Some(reader) = services.history.clone() else {
        let detail = "nothing is remembered: there is no data directory";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, detail);
    };
    let (from, to) = match asked(&parameters, &services) {
        Ok(window) => window,
        Err(detail) => return refuse(StatusCode::BAD_REQUEST, &detail),
    };
    in_turn(&uri, &services, move |services| {
        let now = services.clock.now();
        let until = reader.standing(|tracker| tracker.until(now)).unwrap_or(now.wall);
        let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to {error}"));
        let ledger = reader.ledger(Some(&device)).map_err(failed)?;
        if !is_known && ledger.devices().next().is_none() {
            let detail = "there is no device of this name; /api/v1/devices lists them";
            return Err((StatusCode::NOT_FOUND, detail.to_owned()));
        }
        let (mut list, record) = ledger.outages(&device, (from, to), until);
        list.drain(..list.len().saturating_sub(MOST));
        let sums = ledger.sums(&device, (from, to), until);
        let answer = Outages {
            device,
            from,
            to,
            uptime: Stretch::of(&sums, slo),
            record,
            list,
        };
        serde_json::to_value(answer).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
    })
    .await
}

/// The stretch that the parameters mean: the last thirty days unless they say otherwise.
fn asked(parameters: &[(String, String)], services: &Services) -> Result<(Timestamp, Timestamp), String> {
    let (now, zone) = (services.clock.now().wall, services.watch.zone());
    let (mut from, mut to) = (now - USUAL, now);
    for (key, value) in parameters {
        let time = || parse_time(value, now, &zone).map_err(|error| parameter::wrong(key, error));
        match key.as_str() {
            "from" => from = time()?,
            "to" => to = time()?,
            _ => return Err(parameter::unknown(key, &KEYS)),
        }
    }
    parameter::in_order(from, to)?;
    Ok((from, to))
}

type Worked = Result<serde_json::Value, (StatusCode, String)>;

/// Works off the threads that serve, when it is its turn.
async fn in_turn(
    uri: &Uri,
    services: &Arc<Services>,
    work: impl FnOnce(&Services) -> Worked + Send + 'static,
) -> Response {
    let refuse = |status, detail: String| answer::refuse(uri.path(), status, detail);
    let Ok(turn) = Arc::clone(&services.queries).acquire_owned().await else {
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is stopping".to_owned(),
        );
    };
    let services = Arc::clone(services);
    let worked = tokio::task::spawn_blocking(move || {
        // Kept until the work is done, also when nobody waits for it any more.
        let _turn = turn;
        work(&services)
    });
    match worked.await {
        Ok(Ok(body)) => answer::typed(StatusCode::OK, "application/json", format!("{body}\n")),
        Ok(Err((status, detail))) => refuse(status, detail),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
