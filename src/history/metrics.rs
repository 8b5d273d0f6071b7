//! What the history tells of itself.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;
use smol_str::SmolStr;

use super::{Stream, reader::Stats};
use crate::sample::{Desc, Family, Kind, Value, histogram};

const KIND: &[&str] = &["kind"];

const fn desc(name: &'static str, kind: Kind, help: &'static str) -> Desc {
    Desc {
        name,
        kind,
        labels: KIND,
        help,
    }
}

const RECORDS: Desc = desc(
    "netkestrel_history_records",
    Kind::Gauge,
    "Records in the history store.",
);
const LIMIT: Desc = desc(
    "netkestrel_history_records_limit",
    Kind::Gauge,
    "Records the store keeps at most.",
);
const SIZE: Desc = desc(
    "netkestrel_history_size_bytes",
    Kind::Gauge,
    "Size of the store on disk.",
);
const APPENDS: Desc = desc(
    "netkestrel_history_appends_total",
    Kind::Counter,
    "Records appended.",
);
const PRUNED: Desc = desc(
    "netkestrel_history_pruned_records_total",
    Kind::Counter,
    "Records removed by the clean-up.",
);
const FAILURES: Desc = desc(
    "netkestrel_history_write_failures_total",
    Kind::Counter,
    "Writes to the store that failed.",
);
const CORRUPT: Desc = desc(
    "netkestrel_history_corrupt_records_total",
    Kind::Counter,
    "Records skipped on load because they could not be read.",
);
const WRITE_SECONDS: Desc = Desc {
    name: "netkestrel_history_write_duration_seconds",
    kind: Kind::Histogram(WRITE_BOUNDS),
    labels: &[],
    help: "Time to write to the store durably.",
};
const WRITE_BOUNDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];
const OLDEST: Desc = desc(
    "netkestrel_history_oldest_record_timestamp_seconds",
    Kind::Gauge,
    "Unix time of the oldest record.",
);
const LAST_WRITE: Desc = desc(
    "netkestrel_history_last_write_timestamp_seconds",
    Kind::Gauge,
    "Unix time of the last successful write.",
);

/// Metrics of the history.
pub(super) const METRICS: &[&Desc] = &[
    &RECORDS,
    &LIMIT,
    &SIZE,
    &APPENDS,
    &PRUNED,
    &FAILURES,
    &CORRUPT,
    &WRITE_SECONDS,
    &OLDEST,
    &LAST_WRITE,
];

/// How a metric is taken from what it is about.
type Show<T> = (&'static Desc, fn(&T) -> Option<f64>);

/// Counters of one stream.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) appends: AtomicU64,
    pub(super) pruned: AtomicU64,
    pub(super) failures: AtomicU64,
    last_write: Mutex<Option<Timestamp>>,
}

impl Counts {
    pub(super) fn written(&self, at: Timestamp) {
        *self.last_write.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

/// Numbers behind [`METRICS`].
pub(super) struct Telemetry {
    streams: [Counts; Stream::ALL.len()],
    pub(super) write_seconds: Histogram,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            streams: Default::default(),
            write_seconds: histogram(WRITE_BOUNDS),
        }
    }
}

impl Telemetry {
    pub(super) fn of(&self, stream: Stream) -> &Counts {
        let [bandwidth, system, devices, alerts] = &self.streams;
        match stream {
            Stream::Bandwidth => bandwidth,
            Stream::System => system,
            Stream::Devices => devices,
            Stream::Alerts => alerts,
        }
    }

    pub(super) fn families(&self, stats: &[Stats]) -> Vec<Family> {
        let gauges: [Show<Stats>; 5] = [
            (&RECORDS, |stats| Some(stats.records as f64)),
            (&LIMIT, |stats| Some(stats.limit as f64)),
            (&SIZE, |stats| Some(stats.bytes as f64)),
            (&CORRUPT, |stats| Some(stats.corrupt as f64)),
            (&OLDEST, |stats| stats.oldest.map(unix)),
        ];
        let counters: [Show<Counts>; 4] = [
            (&APPENDS, |counts| Some(counts.appends.load(Relaxed) as f64)),
            (&PRUNED, |counts| Some(counts.pruned.load(Relaxed) as f64)),
            (&FAILURES, |counts| Some(counts.failures.load(Relaxed) as f64)),
            (&LAST_WRITE, |counts| {
                counts
                    .last_write
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .map(unix)
            }),
        ];
        let name = |stream: Stream| [SmolStr::new_static(stream.name())];
        let of_stats = gauges.into_iter().map(|(desc, value)| {
            let mut family = Family::new(desc);
            for stats in stats {
                family.push_some(name(stats.stream), value(stats));
            }
            family
        });
        let of_counts = counters.into_iter().map(|(desc, value)| {
            let mut family = Family::new(desc);
            for stream in Stream::ALL {
                family.push_some(name(stream), value(self.of(stream)));
            }
            family
        });
        let mut families: Vec<_> = of_stats.chain(of_counts).collect();
        let mut writes = Family::new(&WRITE_SECONDS);
        writes.push_value([], Value::Histogram(self.write_seconds.clone()));
        families.push(writes);
        families
    }
}

fn unix(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
