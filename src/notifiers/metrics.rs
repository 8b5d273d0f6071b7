//! Delivery in numbers: how much waits, what was told, what failed and why.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::histogram::Histogram;
use smol_str::SmolStr;

use super::{Reason, outbox::Key};
use crate::{
    clock::Now,
    sample::{Desc, Family, Kind, Value, histogram},
};

const INTEGRATIONS: [&str; 3] = ["email", "alertmanager", "webhook"];
const BOUNDS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0];

const TOTAL: Desc = Desc {
    name: "netkestrel_notifications_total",
    kind: Kind::Counter,
    labels: &["integration"],
    help: "Notifications attempted.",
};
const FAILED: Desc = Desc {
    name: "netkestrel_notifications_failed_total",
    kind: Kind::Counter,
    labels: &["integration", "reason"],
    help: "Notifications that failed after all retries.",
};
const RETRIES: Desc = Desc {
    name: "netkestrel_notification_retries_total",
    kind: Kind::Counter,
    labels: &["integration"],
    help: "Delivery attempts that were retried.",
};
const DURATION: Desc = Desc {
    name: "netkestrel_notification_duration_seconds",
    kind: Kind::Histogram(BOUNDS),
    labels: &["integration"],
    help: "Time to deliver one notification.",
};
const QUEUE_LENGTH: Desc = Desc {
    name: "netkestrel_notification_queue_length",
    kind: Kind::Gauge,
    labels: &[],
    help: "Notifications waiting for delivery.",
};
const QUEUE_CAPACITY: Desc = Desc {
    name: "netkestrel_notification_queue_capacity",
    kind: Kind::Gauge,
    labels: &[],
    help: "Notifications the queue can hold.",
};
const QUEUE_WRITE_FAILURES: Desc = Desc {
    name: "netkestrel_notification_queue_write_failures_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Writes of the notification queue to disk that failed.",
};
const DROPPED: Desc = Desc {
    name: "netkestrel_notifications_dropped_total",
    kind: Kind::Counter,
    labels: &["integration"],
    help: "Notifications given up because the queue was full or they expired.",
};
const LAST_SUCCESS: Desc = Desc {
    name: "netkestrel_notification_last_success_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["integration"],
    help: "Unix time of the last delivered notification.",
};

const NOT_ANSWERED: Desc = Desc {
    name: "netkestrel_alertmanager_query_failures_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Times an Alertmanager did not say whether it suppresses an alert; the notification then goes out.",
};

/// Metrics about delivery.
pub const METRICS: &[&Desc] = &[
    &TOTAL,
    &FAILED,
    &RETRIES,
    &DURATION,
    &QUEUE_LENGTH,
    &QUEUE_CAPACITY,
    &QUEUE_WRITE_FAILURES,
    &DROPPED,
    &LAST_SUCCESS,
    &NOT_ANSWERED,
];

/// Reads one number of an integration; `None` is no series.
type Number = fn(&Integration) -> Option<f64>;

/// Counts; shared by the outbox, delivery and the exposition.
#[derive(Debug)]
pub(super) struct Metrics {
    capacity: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: usize,
    write_failures: u64,
    withheld: u64,
    not_answered: u64,
    of: HashMap<&'static str, Integration>,
}

#[derive(Debug)]
struct Integration {
    attempted: u64,
    retried: u64,
    dropped: u64,
    failed: HashMap<Reason, u64>,
    last_success: Option<f64>,
    duration: Histogram,
}

impl Default for Integration {
    fn default() -> Self {
        Self {
            attempted: 0,
            retried: 0,
            dropped: 0,
            failed: HashMap::new(),
            last_success: None,
            duration: histogram(BOUNDS),
        }
    }
}

impl Metrics {
    pub(super) fn new(capacity: usize) -> Self {
        let mut counts = Counts::default();
        for integration in INTEGRATIONS {
            counts.of.insert(integration, Integration::default());
        }
        Self {
            capacity,
            counts: Mutex::new(counts),
        }
    }

    /// How many entries wait now.
    pub(super) fn waiting(&self, entries: usize) {
        self.lock().waiting = entries;
    }

    /// A write of the outbox failed.
    pub(super) fn write_failed(&self) {
        self.lock().write_failures += 1;
    }

    /// So many were not told, as an Alertmanager suppresses the alert.
    pub(super) fn withheld(&self, notifications: usize) {
        self.lock().withheld += notifications as u64;
    }

    /// So many Alertmanagers did not say whether they suppress an alert.
    pub(super) fn not_answered(&self, times: usize) {
        self.lock().not_answered += times as u64;
    }

    /// How many were not told, as an Alertmanager suppresses the alert.
    pub(super) fn suppressed(&self) -> u64 {
        self.lock().withheld
    }

    /// A message is tried for the first time.
    pub(super) fn attempted(&self, integration: &str) {
        self.with(integration, |of| of.attempted += 1);
    }

    /// A message is tried once more.
    pub(super) fn retried(&self, integration: &str) {
        self.with(integration, |of| of.retried += 1);
    }

    /// A message was accepted after `took`.
    pub(super) fn delivered(&self, integration: &str, took: Duration, now: Now) {
        self.with(integration, |of| {
            of.last_success = Some(now.unix_seconds());
            of.duration.observe(took.as_secs_f64());
        });
    }

    /// A message will never be accepted.
    pub(super) fn failed(&self, integration: &str, reason: Reason) {
        self.with(integration, |of| *of.failed.entry(reason).or_default() += 1);
    }

    /// These were given up.
    pub(super) fn dropped(&self, keys: &[Key]) {
        for key in keys {
            self.with(&key.integration, |of| of.dropped += 1);
        }
    }

    /// Every series.
    pub(super) fn families(&self) -> Vec<Family> {
        let counts = self.lock();
        let mut families = vec![
            Family::single(&QUEUE_LENGTH, counts.waiting as f64),
            Family::single(&QUEUE_CAPACITY, self.capacity as f64),
            Family::single(&QUEUE_WRITE_FAILURES, counts.write_failures as f64),
            Family::single(&NOT_ANSWERED, counts.not_answered as f64),
        ];
        let each: [(&'static Desc, Number); 4] = [
            (&TOTAL, |of| Some(of.attempted as f64)),
            (&RETRIES, |of| Some(of.retried as f64)),
            (&DROPPED, |of| Some(of.dropped as f64)),
            (&LAST_SUCCESS, |of| of.last_success),
        ];
        for (desc, value) in each {
            let mut family = Family::new(desc);
            for (name, of) in counts.all() {
                family.push_some([name], value(of));
            }
            families.push(family);
        }
        families.extend([counts.failures(), counts.durations()]);
        families
    }

    fn with(&self, integration: &str, change: impl FnOnce(&mut Integration)) {
        if let Some(of) = self.lock().of.get_mut(integration) {
            change(of);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// In a settled order.
    fn all(&self) -> impl Iterator<Item = (SmolStr, &Integration)> {
        INTEGRATIONS
            .into_iter()
            .filter_map(|name| Some((SmolStr::new_static(name), self.of.get(name)?)))
    }

    fn failures(&self) -> Family {
        let mut family = Family::new(&FAILED);
        for (name, of) in self.all() {
            for reason in Reason::ALL {
                let count = of.failed.get(&reason).copied().unwrap_or_default();
                let labels = [name.clone(), SmolStr::new_static(reason.name())];
                family.push(labels, count as f64);
            }
        }
        family
    }

    fn durations(&self) -> Family {
        let mut family = Family::new(&DURATION);
        // A histogram is many series: only of what is used.
        for (name, of) in self.all().filter(|(_, of)| of.attempted > 0) {
            family.push_value([name], Value::Histogram(of.duration.clone()));
        }
        family
    }
}
