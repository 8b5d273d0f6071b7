//! Runs a collector under a deadline, contains its panics and counts how its runs went. Overlapping runs of one
//! kind take turns. A run that hangs is left behind on its thread, and no other is started until it returns. Whether
//! it hangs is judged by how long it runs: the deadline may be that of an impatient client.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use smol_str::SmolStr;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Collect, Error, Fresh, Outcome};
use crate::{
    clock::Now,
    sample::{Batch, ComponentHealth, Desc, Family, Health, Kind, Reading, SubjectKind},
};

/// A run that takes longer hangs: the next ones are skipped at once instead of waiting for their turn.
const HANGS_AFTER: Duration = Duration::from_secs(5);

const SUCCESS: Desc = Desc {
    name: "netkestrel_collector_success",
    kind: Kind::Gauge,
    labels: &["collector"],
    help: "Whether the collector's last run succeeded.",
};
const DURATION: Desc = Desc {
    name: "netkestrel_collector_duration_seconds",
    kind: Kind::Gauge,
    labels: &["collector"],
    help: "Duration of the collector's last run.",
};
const RUNS: Desc = Desc {
    name: "netkestrel_collector_runs_total",
    kind: Kind::Counter,
    labels: &["collector"],
    help: "Runs of the collector, on its interval and for scrapes.",
};
const FAILURES: Desc = Desc {
    name: "netkestrel_collector_failures_total",
    kind: Kind::Counter,
    labels: &["collector"],
    help: "Runs of the collector that failed.",
};
const TIMEOUTS: Desc = Desc {
    name: "netkestrel_collector_timeouts_total",
    kind: Kind::Counter,
    labels: &["collector"],
    help: "Runs of the collector that were cut off at their timeout.",
};
const MISSED: Desc = Desc {
    name: "netkestrel_collector_missed_runs_total",
    kind: Kind::Counter,
    labels: &["collector"],
    help: "Runs skipped because the previous one had not finished.",
};
const INTERVAL: Desc = Desc {
    name: "netkestrel_collector_interval_seconds",
    kind: Kind::Gauge,
    labels: &["collector"],
    help: "Time between interval runs of the collector.",
};
const LAST_SUCCESS: Desc = Desc {
    name: "netkestrel_collector_last_success_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["collector"],
    help: "Unix time of the collector's last successful interval run.",
};
const HEALTH: Desc = Desc {
    name: "netkestrel_health_status",
    kind: Kind::Gauge,
    labels: &["component"],
    help: "Health of a component: 0 ok, 1 warning, 2 critical; absent when unknown.",
};

/// Metrics about the runs of every collector.
pub const METRICS: &[&Desc] = &[
    &SUCCESS,
    &DURATION,
    &RUNS,
    &FAILURES,
    &TIMEOUTS,
    &MISSED,
    &INTERVAL,
    &LAST_SUCCESS,
    &HEALTH,
];

/// A collector with its guard.
pub struct Guarded {
    collector: Arc<dyn Collect>,
    scraping: Turn,
    sampling: Turn,
    stats: Mutex<Stats>,
}

#[derive(Default)]
struct Stats {
    success: bool,
    duration: Duration,
    runs: u64,
    failures: u64,
    timeouts: u64,
    missed: u64,
    /// Whether the last run was late or skipped, which is news only once.
    late: bool,
    last_success: Option<Now>,
    latest: Option<Fresh<Arc<Batch>>>,
}

/// How the runs of a collector go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStatus {
    /// Whether the last run succeeded; `None` before the first.
    pub success: Option<bool>,
    /// How long the last run took.
    pub duration: Duration,
    /// When an interval run last succeeded.
    pub last_success: Option<Now>,
}

/// The batch without readings of devices.
fn without_devices(batch: &Arc<Batch>) -> Arc<Batch> {
    let is_kept = |reading: &&Reading| reading.signal.subject != SubjectKind::Device;
    if batch.readings.iter().all(|reading| is_kept(&reading)) {
        return Arc::clone(batch);
    }
    Arc::new(Batch {
        collector: batch.collector,
        scope: batch.scope,
        at: batch.at,
        elapsed: batch.elapsed,
        readings: batch.readings.iter().filter(is_kept).cloned().collect(),
        changes: Vec::new(),
        health: batch.health.clone(),
    })
}

/// How a run ended, apart from what it read.
enum End<T> {
    Returned(Outcome<T>),
    Panicked(String),
    TimedOut,
    Skipped(Skipped),
}

/// Why a run did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skipped {
    /// The run before hangs.
    Hanging,
    /// The runs before took until the deadline, which says nothing about the collector.
    OutOfTime,
}

impl Guarded {
    /// Puts `collector` under guard.
    #[must_use]
    pub fn new(collector: Arc<dyn Collect>) -> Self {
        Self {
            collector,
            scraping: Turn::default(),
            sampling: Turn::default(),
            stats: Mutex::default(),
        }
    }

    /// The collector itself.
    #[must_use]
    pub fn collector(&self) -> &Arc<dyn Collect> {
        &self.collector
    }

    /// The batch of the last interval run that returned in time, unless it is older than three intervals. Readings of
    /// devices are left out: there may be very many, and their collector tells how they fare.
    #[must_use]
    pub fn latest(&self, now: Now) -> Option<Arc<Batch>> {
        let stats = self.stats();
        stats
            .latest
            .as_ref()?
            .get(now, self.collector.interval())
            .cloned()
    }

    /// Takes note of a run that somebody else made and that succeeded, as when a past is made up. An interval run has
    /// a batch.
    pub fn note(&self, took: Duration, batch: Option<Arc<Batch>>) {
        let mut stats = self.stats();
        stats.success = true;
        stats.runs += 1;
        stats.duration = took;
        if let Some(value) = batch {
            stats.last_success = Some(value.at);
            let taken = value.at.instant;
            stats.latest = Some(Fresh { value, taken });
        }
    }

    /// How its runs go.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        let stats = self.stats();
        RunStatus {
            success: (stats.runs > 0).then_some(stats.success),
            duration: stats.duration,
            last_success: stats.last_success,
        }
    }

    /// Reads the sources for one exposition; no families when that fails or takes longer than `deadline`.
    pub async fn scrape(&self, now: Now, deadline: Duration) -> Vec<Family> {
        let end = self.run(&self.scraping, deadline, move |c| c.scrape(now)).await;
        self.settle(end).map(|run| run.data).unwrap_or_default()
    }

    /// One interval run; `None` when it panicked, was cut off or the one before still hangs.
    pub async fn sample(&self, now: Now, deadline: Duration) -> Option<Arc<Batch>> {
        let end = self.run(&self.sampling, deadline, move |c| c.sample(now)).await;
        let Outcome { data, failures } = self.settle(end)?;
        let batch = Arc::new(data);
        let mut stats = self.stats();
        if failures.is_empty() {
            stats.last_success = Some(now);
        }
        stats.latest = Some(Fresh {
            value: without_devices(&batch),
            taken: now.instant,
        });
        Some(batch)
    }

    /// Metrics about the runs so far, and the health the last fresh batch tells.
    #[must_use]
    pub fn families(&self, now: Now) -> Vec<Family> {
        let stats = self.stats();
        let name = SmolStr::new_static(self.collector.name());
        let interval = self.collector.interval();
        let one = |desc, value| {
            let mut family = Family::new(desc);
            family.push([name.clone()], value);
            family
        };
        let mut families = vec![
            one(&SUCCESS, f64::from(u8::from(stats.success))),
            one(&DURATION, stats.duration.as_secs_f64()),
            one(&RUNS, stats.runs as f64),
            one(&FAILURES, stats.failures as f64),
            one(&TIMEOUTS, stats.timeouts as f64),
            one(&MISSED, stats.missed as f64),
            one(&INTERVAL, interval.as_secs_f64()),
        ];
        if let Some(last) = stats.last_success {
            families.push(one(&LAST_SUCCESS, last.unix_seconds()));
        }
        let batch = stats.latest.as_ref().and_then(|latest| latest.get(now, interval));
        families.push(health(
            batch.map(|batch| batch.health.as_slice()).unwrap_or_default(),
        ));
        families
    }

    async fn run<T: Send + 'static>(
        &self,
        turn: &Turn,
        deadline: Duration,
        read: impl FnOnce(&dyn Collect) -> Outcome<T> + Send + 'static,
    ) -> End<T> {
        let ends = Instant::now() + deadline;
        let held = match turn.take(ends).await {
            Ok(held) => held,
            Err(why) => return End::Skipped(why),
        };
        let started = turn.begin();
        let collector = Arc::clone(&self.collector);
        let task = tokio::task::spawn_blocking(move || {
            let _held = held;
            read(&*collector)
        });
        let end = match tokio::time::timeout_at(ends, task).await {
            Ok(Ok(outcome)) => End::Returned(outcome),
            Ok(Err(error)) => End::Panicked(error.to_string()),
            Err(_) => End::TimedOut,
        };
        self.stats().duration = started.elapsed();
        end
    }

    /// Counts and logs how a run ended; returns what it read.
    fn settle<T>(&self, end: End<T>) -> Option<Outcome<T>> {
        let name = self.collector.name();
        let mut stats = self.stats();
        let late = matches!(end, End::TimedOut | End::Skipped(_));
        let known = std::mem::replace(&mut stats.late, late);
        if let End::Skipped(why) = end {
            stats.missed += 1;
            stats.success &= why == Skipped::OutOfTime;
            log_late(name, "run skipped: the previous one has not finished", known);
            return None;
        }
        stats.runs += 1;
        stats.success = false;
        match end {
            End::Returned(outcome) => {
                stats.success = outcome.failures.is_empty();
                stats.failures += u64::from(!stats.success);
                outcome.failures.iter().for_each(|error| log_failure(name, error));
                Some(outcome)
            }
            End::Panicked(detail) => {
                stats.failures += 1;
                warn!(collector = name, detail, "run panicked");
                None
            }
            End::TimedOut | End::Skipped(_) => {
                stats.failures += 1;
                stats.timeouts += 1;
                log_late(name, "run cut off at its deadline", known);
                None
            }
        }
    }

    fn stats(&self) -> std::sync::MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets runs of one kind take turns, without waiting for one that hangs.
#[derive(Default)]
struct Turn {
    free: Arc<tokio::sync::Mutex<()>>,
    /// When the run that has the turn began.
    since: Mutex<Option<Instant>>,
}

impl Turn {
    /// The right to run, unless the run before hangs or the turn does not come by `ends`.
    async fn take(&self, ends: Instant) -> Result<tokio::sync::OwnedMutexGuard<()>, Skipped> {
        if let Ok(held) = Arc::clone(&self.free).try_lock_owned() {
            return Ok(held);
        }
        if self.hangs() {
            return Err(Skipped::Hanging);
        }
        let wait = tokio::time::timeout_at(ends, Arc::clone(&self.free).lock_owned());
        wait.await.map_err(|_| {
            if self.hangs() {
                Skipped::Hanging
            } else {
                Skipped::OutOfTime
            }
        })
    }

    /// Notes the beginning of the run that has the turn.
    fn begin(&self) -> Instant {
        let now = Instant::now();
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        now
    }

    fn hangs(&self) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= HANGS_AFTER)
    }
}

/// Anybody who may scrape can make runs late: the first in a row is news, the rest is counted.
fn log_late(collector: &'static str, what: &'static str, known: bool) {
    if known {
        debug!(collector, "{what}");
    } else {
        warn!(collector, "{what}");
    }
}

fn log_failure(collector: &'static str, error: &Error) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    debug!(collector, %error, cause, "failed to read a source");
}

fn health(components: &[ComponentHealth]) -> Family {
    let mut family = Family::new(&HEALTH);
    for part in components {
        let code = part.health.map(|health| match health {
            Health::Ok => 0.0,
            Health::Warning => 1.0,
            Health::Critical => 2.0,
        });
        family.push_some([SmolStr::new_static(part.component)], code);
    }
    family
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
