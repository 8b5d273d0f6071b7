//! Counts log messages by level, so that a rise in errors can be seen and alerted on without reading logs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use smol_str::SmolStr;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::ErrorCounter;
use tracing_subscriber::{Layer, layer::Context};

use super::file::Failures;
use crate::sample::{Desc, Family, Kind};

/// Metrics of the log.
pub const METRICS: &[&Desc] = &[&MESSAGES, &WRITE_FAILURES];

const MESSAGES: Desc = Desc {
    name: "netkestrel_log_messages_total",
    kind: Kind::Counter,
    labels: &["level"],
    help: "Log messages written.",
};

const WRITE_FAILURES: Desc = Desc {
    name: "netkestrel_log_write_failures_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Log messages that the log file or standard error did not take.",
};

/// The levels that are counted, with their label.
const LEVELS: [(Level, &str); 3] = [
    (Level::ERROR, "error"),
    (Level::WARN, "warn"),
    (Level::INFO, "info"),
];

/// Numbers behind [`METRICS`].
pub(super) struct Counts {
    messages: [AtomicU64; LEVELS.len()],
    failures: Failures,
    dropped: ErrorCounter,
}

impl Counts {
    /// Counts that start at zero. `dropped` knows the lines a slow disk or reader made us drop.
    pub(super) fn new(failures: Failures, dropped: ErrorCounter) -> Self {
        Self {
            messages: Default::default(),
            failures,
            dropped,
        }
    }

    /// The layer that counts into `self`; it belongs behind the filter.
    pub(super) fn layer(self: &Arc<Self>) -> Counting {
        Counting(Arc::clone(self))
    }

    pub(super) fn families(&self) -> Vec<Family> {
        let mut messages = Family::new(&MESSAGES);
        for ((_, label), count) in LEVELS.iter().zip(&self.messages) {
            messages.push([SmolStr::new_static(label)], count.load(Ordering::Relaxed) as f64);
        }
        let dropped = self.dropped.dropped_lines();
        let failed = self.failures.get() as f64 + dropped as f64;
        vec![messages, Family::single(&WRITE_FAILURES, failed)]
    }
}

/// Layer that counts what passed the filter.
pub(super) struct Counting(Arc<Counts>);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        for ((level, _), count) in LEVELS.iter().zip(&self.0.messages) {
            if level == event.metadata().level() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
