//! Interfaces of the host: counters and facts at scrape time, rates for rules and history on the collector's own
//! interval. Which system call tells them is the business of the source; what they mean is that of this folder.

mod config;
mod demo;
mod families;
#[cfg(test)]
mod fixture;
mod interface;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
mod rates;
mod signals;
mod totals;
mod track;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use smol_str::SmolStr;
use tracing::warn;

pub use self::{config::Config, families::METRICS, signals::SIGNALS};
use self::{
    interface::{Facts, Interface, Snapshot, Source},
    track::{Seen, Track},
};
use super::{Collect, Context, Error, HealthLimits, Outcome};
use crate::{
    clock::Now,
    pattern::Filter,
    sample::{Batch, ComponentHealth, Family, Health, Kind, Reading, Scope},
};

const NAME: &str = "network";
/// Names that a warning shows.
const LISTED: usize = 20;

/// Watches the interfaces of the host.
///
/// It sees the network namespace of the thread that reads first.
pub struct Collector {
    settings: ArcSwap<Settings>,
    source: Mutex<Box<dyn Source>>,
    track: Mutex<Track>,
}

struct Settings {
    config: Config,
    filter: Filter,
    /// Whether the names in the settings were compared with those of the host.
    compared: AtomicBool,
}

/// An interface as a page shows it; its rates are readings.
#[derive(Debug, Clone, PartialEq)]
pub struct InterfaceView {
    /// Name as printable, valid UTF-8.
    pub name: SmolStr,
    /// `physical`, `wireless`, `virtual` or `loopback`.
    pub kind: &'static str,
    /// Whether packets can pass.
    pub up: bool,
    /// Link speed in bytes per second.
    pub speed: Option<f64>,
}

impl Collector {
    pub(super) fn new(config: &Config, context: &Context) -> Self {
        let source = match &context.demo {
            Some(world) => Box::new(demo::MadeUp(Arc::clone(world))),
            None => source(context),
        };
        Self::with_source(config, source)
    }

    pub(super) fn apply(&self, config: &Config, _limits: HealthLimits) {
        self.settings.store(Arc::new(Settings::new(config)));
    }

    /// The watched interfaces as the last interval run saw them.
    #[must_use]
    pub fn overview(&self) -> Vec<InterfaceView> {
        let settings = self.settings.load();
        let track = lock(&self.track);
        let watched = track
            .links()
            .iter()
            .filter(|link| settings.filter.passes(&link.name));
        watched
            .map(|link| InterfaceView {
                name: link.name.clone(),
                kind: link.kind.word(),
                up: link.up,
                speed: link.speed,
            })
            .collect()
    }

    fn with_source(config: &Config, source: Box<dyn Source>) -> Self {
        Self {
            settings: ArcSwap::from_pointee(Settings::new(config)),
            source: Mutex::new(source),
            track: Mutex::default(),
        }
    }

    fn read(&self, facts: Facts) -> Result<Snapshot, Error> {
        lock(&self.source).read(facts)
    }

    /// Rates since the last reading. Their time is that of the reading itself, not of the order to read, between
    /// which a busy host may put a long wait; `now` only counts when it is later, as where tests own time.
    fn rates(&self, snapshot: &Snapshot, now: Now) -> Batch {
        let taken = snapshot.taken.max(now.instant);
        let (elapsed, mut seen) = lock(&self.track).step(snapshot, taken);
        self.keep_watched(&mut seen);
        batch(now, elapsed, signals::readings(&seen), signals::health(&seen))
    }

    fn unread(&self, now: Now) -> Batch {
        let track = lock(&self.track);
        let mut seen = track.unread();
        self.keep_watched(&mut seen);
        let elapsed = track
            .taken()
            .map(|before| now.instant.saturating_duration_since(before));
        batch(now, elapsed, signals::unread(&seen), None)
    }

    fn keep_watched(&self, seen: &mut Vec<Seen>) {
        let settings = self.settings.load();
        seen.retain(|seen| settings.filter.passes(&seen.link.name));
    }
}

impl Collect for Collector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn enabled(&self) -> bool {
        self.settings.load().config.enabled
    }

    fn interval(&self) -> Duration {
        *self.settings.load().config.interval
    }

    fn scrape(&self, _now: Now) -> Outcome<Vec<Family>> {
        let snapshot = match self.read(Facts::Remembered) {
            Ok(snapshot) => snapshot,
            Err(error) => return Outcome::failed(error),
        };
        let settings = self.settings.load();
        let watched = |interface: &&Interface| settings.filter.passes(&interface.link.name);
        let interfaces: Vec<&Interface> = snapshot.interfaces.iter().filter(watched).collect();
        let mut families = families::families(&interfaces, &lock(&self.track));
        if !settings.config.histograms {
            families.retain(|family| !matches!(family.desc.kind, Kind::Histogram(_)));
        }
        Outcome::ok(families)
    }

    fn sample(&self, now: Now) -> Outcome<Batch> {
        match self.read(Facts::Fresh) {
            Ok(snapshot) => {
                self.settings.load().compare_with(&snapshot);
                Outcome::ok(self.rates(&snapshot, now))
            }
            Err(error) => Outcome {
                data: self.unread(now),
                failures: vec![error],
            },
        }
    }
}

impl Settings {
    fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            filter: config.filter(),
            compared: AtomicBool::new(false),
        }
    }

    /// Warns of entries that match nothing, once for each configuration: an interface may come later.
    fn compare_with(&self, snapshot: &Snapshot) {
        if self.compared.swap(true, Ordering::Relaxed) {
            return;
        }
        let links = snapshot.interfaces.iter();
        let names: Vec<&str> = links.map(|interface| interface.link.name.as_str()).collect();
        for entry in self.config.unmatched(&names) {
            let names = names.iter().take(LISTED).copied().collect::<Vec<_>>();
            let interfaces = names.join(", ");
            warn!(
                entry,
                interfaces, "no interface matches this entry of `collectors.network.include` at present"
            );
        }
    }
}

#[cfg(target_os = "linux")]
fn source(context: &Context) -> Box<dyn Source> {
    Box::new(linux::Rtnetlink::new(context))
}

#[cfg(not(target_os = "linux"))]
fn source(context: &Context) -> Box<dyn Source> {
    Box::new(portable::Portable::new(context.clock))
}

fn batch(now: Now, elapsed: Option<Duration>, readings: Vec<Reading>, health: Option<Health>) -> Batch {
    Batch {
        collector: NAME,
        scope: Scope::Whole,
        at: now,
        elapsed,
        readings,
        changes: Vec::new(),
        health: vec![ComponentHealth {
            component: NAME,
            health,
        }],
    }
}

/// A panic while the lock was held costs that run only: both states are valid between any two statements.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
