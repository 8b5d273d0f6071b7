//! The host itself: CPU, load, memory, filesystems, disks, temperatures, uptime. Linux is read from /proc and
//! /sys below configurable roots; elsewhere `sysinfo` gives what it can, and the rest is absent.
//!
//! A part that cannot be read costs only its own samples.

mod config;
mod cpu;
mod demo;
mod disks;
mod filesystems;
mod health;
mod host;
mod interval;
#[cfg(target_os = "linux")]
mod linux;
mod load;
mod memory;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod selection;
mod snapshot;
mod temperatures;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;

pub use self::config::Config;
#[cfg(target_os = "linux")]
use self::linux::Reader;
#[cfg(not(target_os = "linux"))]
use self::portable::Reader;
use self::{
    interval::Baseline,
    snapshot::{Purpose, Snapshot},
};
use super::{Collect, Context, Fresh, HealthLimits, Outcome};
use crate::{
    clock::Now,
    sample::{Batch, Desc, Family, Signal},
};

const NAME: &str = "system";

/// Metrics of this collector.
pub const METRICS: &[&Desc] = &[
    &cpu::SECONDS,
    &cpu::USAGE,
    &cpu::LOGICAL,
    &load::LOAD1,
    &load::LOAD5,
    &load::LOAD15,
    &memory::SIZE,
    &memory::AVAILABLE,
    &memory::FREE,
    &memory::SWAP_SIZE,
    &memory::SWAP_FREE,
    &filesystems::SIZE,
    &filesystems::AVAIL,
    &filesystems::FREE,
    &filesystems::FILES,
    &filesystems::FILES_FREE,
    &filesystems::READONLY,
    &filesystems::DEVICE_ERROR,
    &disks::READ,
    &disks::WRITTEN,
    &disks::IO_TIME,
    &temperatures::TEMPERATURE,
    &host::BOOT_TIME,
    &host::OS,
];

/// Signals of this collector.
pub const SIGNALS: &[&Signal] = &[
    &cpu::USAGE_SIGNAL,
    &memory::USAGE_SIGNAL,
    &memory::SWAP_SIGNAL,
    &load::PER_CORE_SIGNAL,
    &filesystems::USAGE_SIGNAL,
    &filesystems::INODES_SIGNAL,
    &filesystems::FULL_SIGNAL,
    &disks::READ_SIGNAL,
    &disks::WRITTEN_SIGNAL,
    &disks::IO_TIME_SIGNAL,
    &temperatures::TEMPERATURE_SIGNAL,
    &host::UPTIME_SIGNAL,
];

/// Collects the host's own state.
pub struct Collector {
    settings: ArcSwap<Settings>,
    /// Held while the sources are read; that is bounded, as hung mounts are given up at a deadline.
    reader: Mutex<Box<dyn ReadHost>>,
    baseline: Mutex<Baseline>,
    usage: Mutex<Option<Fresh<f64>>>,
}

struct Settings {
    config: Arc<Config>,
    limits: HealthLimits,
}

/// Where readings come from.
trait ReadHost: Send {
    /// Reads all parts; what cannot be read is on the list of failures.
    fn read(&mut self, config: &Arc<Config>, purpose: Purpose) -> Outcome<Snapshot>;
}

impl ReadHost for Reader {
    fn read(&mut self, config: &Arc<Config>, purpose: Purpose) -> Outcome<Snapshot> {
        Self::read(self, config, purpose)
    }
}

impl Collector {
    pub(super) fn new(config: &Config, context: &Context) -> Self {
        match &context.demo {
            Some(world) => Self::with_reader(config, context.limits, demo::MadeUp(Arc::clone(world))),
            None => Self::with_reader(config, context.limits, Reader::new(&context.paths)),
        }
    }

    fn with_reader(config: &Config, limits: HealthLimits, reader: impl ReadHost + 'static) -> Self {
        Self {
            settings: ArcSwap::from_pointee(Settings::new(config, limits)),
            reader: Mutex::new(Box::new(reader)),
            baseline: Mutex::default(),
            usage: Mutex::default(),
        }
    }

    pub(super) fn apply(&self, config: &Config, limits: HealthLimits) {
        self.settings.store(Arc::new(Settings::new(config, limits)));
    }

    fn fresh_usage(&self, now: Now) -> Option<f64> {
        let usage = *lock(&self.usage);
        usage?.get(now, self.interval()).copied()
    }
}

impl Settings {
    fn new(config: &Config, limits: HealthLimits) -> Self {
        Self {
            config: Arc::new(config.clone()),
            limits,
        }
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

    fn scrape(&self, now: Now) -> Outcome<Vec<Family>> {
        let settings = self.settings.load();
        let Outcome { data, failures } = lock(&self.reader).read(&settings.config, Purpose::Scrape);
        let mut families = data.families();
        families.extend(
            self.fresh_usage(now)
                .map(|usage| Family::single(&cpu::USAGE, usage)),
        );
        Outcome {
            data: families,
            failures,
        }
    }

    fn sample(&self, now: Now) -> Outcome<Batch> {
        let settings = self.settings.load();
        let Outcome { data, failures } = lock(&self.reader).read(&settings.config, Purpose::Interval);
        let batch = lock(&self.baseline).advance(data, &settings.limits, now);
        let usage = batch
            .readings
            .iter()
            .find(|reading| *reading.signal == cpu::USAGE_SIGNAL);
        *lock(&self.usage) = usage
            .and_then(|reading| reading.observed.value())
            .map(|value| Fresh {
                value,
                taken: now.instant,
            });
        Outcome {
            data: batch,
            failures,
        }
    }
}

/// A panic elsewhere leaves data that the next reading replaces, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
