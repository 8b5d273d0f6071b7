//! `/probe`: pings one host for whoever asks, under the names of `blackbox_exporter`'s module `icmp`. Reads the
//! request, judges the target and writes what came of it; the ping itself is the collector's.

mod allowlist;
mod config;
mod probing;
mod report;
mod request;

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};

pub(super) use self::allowlist::Settings;
pub use self::config::{Config, IpProtocol};
use self::probing::Probing;
use super::{
    answer::{self, set},
    metrics::ProbeResult,
    services::Services,
};

/// Where it is.
pub(super) const PATH: &str = "/probe";
/// Probes under way at one time. A server with a thousand hosts may find all of them down at once, and each then takes
/// its whole timeout; one takes some kilobytes and no thread.
pub(super) const PROBES: usize = 1024;

/// `GET /probe?target=&module=icmp&debug=`.
pub(super) async fn probe(
    State(services): State<Arc<Services>>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let (result, response) = match probed(&services, &parameters, &headers).await {
        Ok(probing) => (probing.result(), probing.answer(&headers)),
        Err(refusal) => (refusal.result(), refusal.answer()),
    };
    services.telemetry.probed(result);
    response
}

async fn probed<'a>(
    services: &'a Services,
    parameters: &'a [(String, String)],
    headers: &HeaderMap,
) -> Result<Probing<'a>, Refusal> {
    let (mut probing, way) = Probing::begin(services, parameters, headers)?;
    let place = Arc::clone(&services.probes)
        .try_acquire_owned()
        .map_err(|_| Refusal::Unavailable(format!("{PROBES} probes are under way; try again in a moment")))?;
    probing.go(way, place).await?;
    Ok(probing)
}

/// Why nothing is probed, in words.
#[derive(Debug)]
enum Refusal {
    /// The request makes no sense.
    Invalid(String),
    /// The target may not be probed.
    Forbidden(String),
    /// It cannot be done at present.
    Unavailable(String),
}

impl Refusal {
    fn result(&self) -> ProbeResult {
        match self {
            Self::Invalid(_) => ProbeResult::Invalid,
            Self::Forbidden(_) => ProbeResult::Forbidden,
            Self::Unavailable(_) => ProbeResult::Unavailable,
        }
    }

    fn answer(self) -> Response {
        match self {
            Self::Invalid(detail) => answer::refuse(PATH, StatusCode::BAD_REQUEST, detail),
            Self::Forbidden(detail) => answer::refuse(PATH, StatusCode::FORBIDDEN, detail),
            Self::Unavailable(detail) => {
                let mut response = answer::refuse(PATH, StatusCode::SERVICE_UNAVAILABLE, detail);
                set(&mut response, header::RETRY_AFTER, "1");
                response
            }
        }
    }
}

#[cfg(test)]
mod tests;
