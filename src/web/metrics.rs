//! Counts and times what the server does, for its own metrics.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use prometheus_client::metrics::histogram::Histogram;
use smol_str::{SmolStr, format_smolstr};
use tokio::time::Instant;
use tracing::warn;

use super::services::Services;
use crate::{
    exposition::Omitted,
    sample::{Desc, Family, Kind, Value, histogram},
};

const DURATION_BOUNDS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 5.0];

const REQUESTS: Desc = Desc {
    name: "netkestrel_http_requests_total",
    kind: Kind::Counter,
    labels: &["handler", "code"],
    help: "HTTP requests answered.",
};
const DURATION: Desc = Desc {
    name: "netkestrel_http_request_duration_seconds",
    kind: Kind::Histogram(DURATION_BOUNDS),
    labels: &["handler"],
    help: "Time to answer an HTTP request.",
};
const SCRAPE_DURATION: Desc = Desc {
    name: "netkestrel_scrape_duration_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "Time this exposition took to gather and encode.",
};
const OMITTED: Desc = Desc {
    name: "netkestrel_exposition_omitted_series_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Series left out of expositions because they were there twice or had no valid value.",
};

const PROBES: Desc = Desc {
    name: "netkestrel_probe_requests_total",
    kind: Kind::Counter,
    labels: &["result"],
    help: "Requests for probes, by how they ended: success, failure, invalid, forbidden or unavailable.",
};

/// Metrics of the HTTP server.
pub const METRICS: &[&Desc] = &[&REQUESTS, &DURATION, &SCRAPE_DURATION, &OMITTED, &PROBES];

/// How a request for a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeResult {
    /// The host answered.
    Success,
    /// It did not, or has no address.
    Failure,
    /// The request made no sense.
    Invalid,
    /// The host may not be probed.
    Forbidden,
    /// There was no place, or no pings are sent.
    Unavailable,
}

impl ProbeResult {
    /// Values of the label `result`, in the order of the variants.
    const WORDS: [&'static str; 5] = ["success", "failure", "invalid", "forbidden", "unavailable"];
}

/// Every value of the label `handler`; what matches no route is `other`.
pub(super) const HANDLERS: [&str; 8] = [
    "/",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/api/v1/status",
    "/metrics",
    "/probe",
    OTHER,
];
const OTHER: &str = "other";

/// What the server did so far.
pub struct Telemetry {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    durations: BTreeMap<&'static str, Histogram>,
    omitted: Mutex<Omitted>,
    probes: [AtomicU64; ProbeResult::WORDS.len()],
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            requests: Mutex::new(HANDLERS.map(|handler| ((handler, 200), 0)).into()),
            durations: HANDLERS
                .map(|handler| (handler, histogram(DURATION_BOUNDS)))
                .into(),
            omitted: Mutex::default(),
            probes: std::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl Telemetry {
    /// The metrics as they are now, without `netkestrel_scrape_duration_seconds`, which each exposition adds.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut requests = Family::new(&REQUESTS);
        let mut asked = BTreeSet::new();
        for ((handler, code), count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            let code = format_smolstr!("{code}");
            requests.push([SmolStr::new_static(handler), code], *count as f64);
            asked.extend((*count > 0).then_some(*handler));
        }
        let mut durations = Family::new(&DURATION);
        // Nine lines each: a handler nobody has asked yet is not worth them.
        for (handler, histogram) in self
            .durations
            .iter()
            .filter(|(handler, _)| asked.contains(*handler))
        {
            durations.push_value(
                [SmolStr::new_static(handler)],
                Value::Histogram(histogram.clone()),
            );
        }
        let omitted = self.omitted.lock().unwrap_or_else(PoisonError::into_inner).series;
        let mut probes = Family::new(&PROBES);
        for (word, count) in ProbeResult::WORDS.into_iter().zip(&self.probes) {
            probes.push([SmolStr::new_static(word)], count.load(Relaxed) as f64);
        }
        vec![
            requests,
            durations,
            Family::single(&OMITTED, omitted as f64),
            probes,
        ]
    }

    /// The family that ends an exposition.
    pub(super) fn scrape_duration(took: Duration) -> Family {
        Family::single(&SCRAPE_DURATION, took.as_secs_f64())
    }

    /// Counts what was left out of an exposition and logs each metric once.
    pub(super) fn omitted(&self, omitted: &Omitted) {
        if omitted.series == 0 {
            return;
        }
        let mut sum = self.omitted.lock().unwrap_or_else(PoisonError::into_inner);
        sum.series += omitted.series;
        let new: BTreeSet<_> = omitted.metrics.difference(&sum.metrics).copied().collect();
        for metric in &new {
            warn!(
                metric,
                "series left out of the exposition: there twice or without a valid value"
            );
        }
        sum.metrics.extend(new);
    }

    /// Counts a request for a probe.
    pub(super) fn probed(&self, result: ProbeResult) {
        if let Some(count) = self.probes.get(result as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn answered(&self, handler: &'static str, code: u16, took: Duration) {
        *self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((handler, code))
            .or_default() += 1;
        if let Some(histogram) = self.durations.get(handler) {
            histogram.observe(took.as_secs_f64());
        }
    }
}

/// Counts and times every request.
pub(super) async fn count(State(services): State<Arc<Services>>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let handler = HANDLERS
        .into_iter()
        .find(|handler| Some(*handler) == matched)
        .unwrap_or(OTHER);
    let began = Instant::now();
    let response = next.run(request).await;
    services
        .telemetry
        .answered(handler, response.status().as_u16(), began.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_legal_and_complete() {
        assert_eq!(crate::exposition::complaints(METRICS), Vec::<String>::new());
        let telemetry = Telemetry::default();
        telemetry.answered("/metrics", 200, Duration::from_millis(3));
        telemetry.answered(OTHER, 404, Duration::from_millis(1));
        telemetry.probed(ProbeResult::Forbidden);
        let families = telemetry.families();
        let shape: Vec<_> = families.iter().map(|f| (f.desc.name, f.points.len())).collect();
        assert_eq!(
            shape,
            [
                (REQUESTS.name, 9),
                (DURATION.name, 2),
                (OMITTED.name, 1),
                (PROBES.name, 5)
            ]
        );
    }

    #[test]
    fn what_was_left_out_adds_up() {
        let telemetry = Telemetry::default();
        let omitted = Omitted {
            series: 2,
            metrics: ["test_bytes"].into(),
        };
        telemetry.omitted(&omitted);
        telemetry.omitted(&omitted);
        let sum = telemetry.omitted.lock().expect("not poisoned").clone();
        assert_eq!((sum.series, sum.metrics.len()), (4, 1));
    }
}
