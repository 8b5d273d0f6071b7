//! Time's hand: runs a collector on its interval, start to start, and keeps its background work alive.
//! A late run is skipped, never made up for; a panic in background work restarts it and is counted.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use smol_str::SmolStr;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tracing::{debug, error, warn};

use crate::{
    clock::Clock,
    collectors::{Background, Guarded, Stop},
    sample::{Batch, Desc, Family, Kind},
    sys::allocator,
};

/// No interval run may take longer, whatever its interval.
const LONGEST_RUN: Duration = Duration::from_secs(10);
/// Behind runs with more readings than this, freed memory is given back to the system.
const MANY_READINGS: usize = 4_000;
/// Pause before background work that panicked starts again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

const RESTARTS: Desc = Desc {
    name: "netkestrel_task_restarts_total",
    kind: Kind::Counter,
    labels: &["task"],
    help: "Restarts of a background task after it panicked.",
};

const LOST: Desc = Desc {
    name: "netkestrel_collector_lost_runs_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Interval runs that were neither judged nor recorded because too many waited.",
};

/// Metrics about schedules and background tasks.
pub(super) const METRICS: &[&Desc] = &[&RESTARTS, &LOST];

/// Everything that runs for one collector.
#[derive(Clone)]
pub(super) struct Schedule {
    pub(super) guarded: Arc<Guarded>,
    pub(super) clock: Clock,
    /// Fires when the collector's settings may have changed.
    pub(super) changed: watch::Receiver<u64>,
    pub(super) stop: Stop,
    /// Where interval runs go: to history and rules.
    pub(super) batches: mpsc::Sender<Arc<Batch>>,
    pub(super) mishaps: Arc<Mishaps>,
}

impl Schedule {
    /// The interval runs, until `stop`.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the same shape as the background work, which may be absent"
    )]
    pub(super) fn intervals(self) -> Option<Background> {
        Some(Box::pin(self.run_on_interval()))
    }

    /// The collector's background work, if it has any.
    pub(super) fn background(self) -> Option<Background> {
        Arc::clone(self.guarded.collector()).background(self.stop)
    }

    async fn run_on_interval(mut self) {
        let mut started = Instant::now();
        let mut interval = self.guarded.collector().interval();
        let mut ticks = ticker(started, interval);
        loop {
            tokio::select! {
                () = stopped(&mut self.stop) => return,
                Ok(()) = self.changed.changed() => {
                    let wanted = self.guarded.collector().interval();
                    if wanted != interval {
                        interval = wanted;
                        ticks = ticker((started + interval).max(Instant::now()), interval);
                    }
                }
                tick = ticks.tick() => {
                    started = tick;
                    if self.guarded.collector().enabled() {
                        self.run_once(interval.min(LONGEST_RUN)).await;
                    }
                }
            }
        }
    }
}

impl Schedule {
    /// One run, and on with its batch. Rules and history that lag behind by a whole queue miss it: waiting for them
    /// would delay the next reading.
    async fn run_once(&self, deadline: Duration) {
        let Some(batch) = self.guarded.sample(self.clock.now(), deadline).await else {
            return;
        };
        if batch.readings.len() > MANY_READINGS {
            // So many are scraped as well, and pages about them leave much free memory behind.
            tokio::task::spawn_blocking(allocator::give_back);
        }
        if self.batches.try_send(batch).is_err() {
            self.mishaps.lost.fetch_add(1, Relaxed);
            let collector = self.guarded.collector().name();
            warn!(
                collector,
                "rules and history lag behind: a run was not judged and not recorded"
            );
        }
    }
}

/// Returns when `stop` fires.
pub(super) async fn stopped(stop: &mut Stop) {
    // An error means that the sender is gone, which stops us too.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

fn ticker(first: Instant, interval: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(first, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// What went wrong.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    /// How often each background task was restarted.
    restarts: Mutex<Vec<(&'static str, u64)>>,
    /// Runs that found the queue full.
    lost: AtomicU64,
}

impl Mishaps {
    /// One series per task, and one for all lost runs.
    pub(super) fn families(&self) -> Vec<Family> {
        let mut restarts = Family::new(&RESTARTS);
        for (task, count) in self.counts().iter() {
            restarts.push([SmolStr::new_static(task)], *count as f64);
        }
        let mut lost = Family::new(&LOST);
        lost.push([], self.lost.load(Relaxed) as f64);
        vec![restarts, lost]
    }

    fn know(&self, task: &'static str) {
        let mut counts = self.counts();
        if counts.iter().all(|(known, _)| *known != task) {
            counts.push((task, 0));
        }
    }

    fn count(&self, task: &'static str) {
        let mut counts = self.counts();
        counts
            .iter_mut()
            .filter(|(known, _)| *known == task)
            .for_each(|(_, count)| *count += 1);
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, u64)>> {
        self.restarts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a part of a schedule going until it ends by itself.
pub(super) async fn keep_alive(
    mishaps: Arc<Mishaps>,
    schedule: Schedule,
    part: fn(Schedule) -> Option<Background>,
) {
    let task = schedule.guarded.collector().name();
    while let Some(work) = part(schedule.clone()) {
        mishaps.know(task);
        match tokio::spawn(work).await {
            Ok(()) => return debug!(task, "task ended"),
            Err(error) => {
                mishaps.count(task);
                error!(task, %error, "task panicked and is restarted");
            }
        }
        tokio::time::sleep(RESTART_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::{
        clock::Now,
        collectors::{Collect, Outcome},
        sample::Scope,
    };

    /// Counts its runs; its background work panics until it was started `panics` times.
    #[derive(Default)]
    struct Counting {
        runs: AtomicU64,
        interval: AtomicU64,
        starts: AtomicU64,
        panics: u64,
    }

    impl Collect for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }
        fn enabled(&self) -> bool {
            true
        }
        fn interval(&self) -> Duration {
            Duration::from_secs(self.interval.load(Ordering::SeqCst))
        }
        fn scrape(&self, _: Now) -> Outcome<Vec<Family>> {
            Outcome::ok(Vec::new())
        }
        fn sample(&self, at: Now) -> Outcome<Batch> {
            self.runs.fetch_add(1, Ordering::SeqCst);
            Outcome::ok(Batch {
                collector: "counting",
                scope: Scope::Whole,
                at,
                elapsed: None,
                readings: Vec::new(),
                changes: Vec::new(),
                health: Vec::new(),
            })
        }
        fn background(self: Arc<Self>, _: Stop) -> Option<Background> {
            let start = self.starts.fetch_add(1, Ordering::SeqCst);
            let panics = self.panics;
            Some(Box::pin(async move {
                assert!(start >= panics, "start {start} panics on purpose");
            }))
        }
    }

    fn schedule(collector: &Arc<Counting>, changed: watch::Receiver<u64>, stop: Stop) -> Schedule {
        Schedule {
            guarded: Arc::new(Guarded::new(collector.clone())),
            clock: Clock::System,
            changed,
            stop,
            batches: mpsc::channel(1).0,
            mishaps: Arc::default(),
        }
    }

    fn counting(interval: u64, panics: u64) -> Arc<Counting> {
        Arc::new(Counting {
            interval: interval.into(),
            panics,
            ..Counting::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn runs_start_to_start_and_follow_a_changed_interval() {
        let collector = counting(30, 0);
        let (change, changed) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let schedule = schedule(&collector, changed, stopped);
        let mishaps = Arc::clone(&schedule.mishaps);
        let task = tokio::spawn(keep_alive(Arc::default(), schedule, Schedule::intervals));

        let runs_after = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            collector.runs.load(Ordering::SeqCst)
        };
        assert_eq!(runs_after(1).await, 1, "the first run is at once");
        assert_eq!(runs_after(60).await, 3, "then every 30 s");
        collector.interval.store(5, Ordering::SeqCst);
        change.send(1).expect("the task listens");
        assert_eq!(
            runs_after(10).await,
            5,
            "5 s after the last start, then every 5 s"
        );
        assert_eq!(mishaps.lost.load(Ordering::SeqCst), 5, "nobody takes them");
        stop.send(true).expect("the task listens");
        task.await.expect("the task ends without panic");
    }

    #[tokio::test(start_paused = true)]
    async fn background_work_that_panics_is_restarted_and_counted() {
        let mishaps = Arc::new(Mishaps::default());
        let (_stop, stopped) = watch::channel(false);
        let schedule = schedule(&counting(30, 2), watch::channel(0).1, stopped);
        keep_alive(Arc::clone(&mishaps), schedule, Schedule::background).await;
        assert_eq!(*mishaps.counts(), [("counting", 2)]);
    }
}
