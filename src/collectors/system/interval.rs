//! The interval run: turns a snapshot, compared with the one before, into readings of signals and health.

use smol_str::SmolStr;

use super::{
    cpu::{self, Cpu, Time, Times},
    disks::{self, Disk},
    filesystems, health, host, load, memory,
    snapshot::{Part, Snapshot},
    temperatures,
};
use crate::{
    clock::Now,
    collectors::HealthLimits,
    sample::{Batch, Missing, Observed, Reading, Scope, Signal},
};

/// What the next run compares with. A part that cannot be read keeps its older counters: the next rate then
/// spans the gap and is still right.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    at: Option<Now>,
    cpu: Option<Times>,
    disks: Option<(Now, Vec<Disk>)>,
    mounts: Vec<SmolStr>,
    sensors: Vec<SmolStr>,
}

impl Baseline {
    /// Readings and health of one run; the snapshot becomes the baseline of the next.
    pub(super) fn advance(&mut self, snapshot: Snapshot, limits: &HealthLimits, now: Now) -> Batch {
        let elapsed = self
            .at
            .replace(now)
            .map(|at| now.instant.saturating_duration_since(at.instant));
        let cpu = self.cpu_usage(&snapshot.cpu);
        let memory = observe(&snapshot.memory, memory::Memory::usage);
        let filesystems = snapshot.filesystems.as_deref().unwrap_or_default();
        let health = health::judge(limits, cpu, memory, filesystems);
        let mut readings = vec![
            of_host(&cpu::USAGE_SIGNAL, cpu),
            of_host(&memory::USAGE_SIGNAL, memory),
            of_host(&load::PER_CORE_SIGNAL, load_per_core(&snapshot)),
            of_host(
                &host::UPTIME_SIGNAL,
                observe(&snapshot.uptime, |uptime| Observed::Value(*uptime)),
            ),
        ];
        readings.extend(swap_usage(&snapshot));
        readings.extend(self.filesystems(&snapshot));
        readings.extend(self.temperatures(&snapshot));
        readings.extend(self.disk_rates(snapshot.disks, now));
        Batch {
            collector: super::NAME,
            scope: Scope::Whole,
            at: now,
            elapsed,
            readings,
            changes: Vec::new(),
            health,
        }
    }

    fn cpu_usage(&mut self, cpu: &Part<Cpu>) -> Observed {
        match cpu.as_ref().map(|cpu| &cpu.time) {
            Err(why) => Observed::Missing(*why),
            Ok(Time::Shared(usage)) => *usage,
            Ok(Time::Counted { all, .. }) => cpu::usage(self.cpu.replace(*all).as_ref(), all),
        }
    }

    fn filesystems(&mut self, snapshot: &Snapshot) -> Vec<Reading> {
        let filesystems = match &snapshot.filesystems {
            Ok(filesystems) => filesystems,
            Err(why) => return missing(&filesystems::USAGE_SIGNAL, &self.mounts, *why),
        };
        let readings: Vec<_> = filesystems
            .iter()
            .flat_map(|filesystem| {
                let usage = (&filesystems::USAGE_SIGNAL, filesystem.usage());
                let inodes = (&filesystems::INODES_SIGNAL, filesystem.inodes_usage());
                [usage, inodes].into_iter().filter_map(|(signal, observed)| {
                    Some(Reading {
                        signal,
                        subject: filesystem.mountpoint.clone(),
                        observed: observed?,
                    })
                })
            })
            .collect();
        self.mounts = subjects(&readings, &filesystems::USAGE_SIGNAL);
        readings
    }

    fn temperatures(&mut self, snapshot: &Snapshot) -> Vec<Reading> {
        match &snapshot.temperatures {
            Ok(temperatures) => {
                let readings = temperatures::readings(temperatures);
                self.sensors = subjects(&readings, &temperatures::TEMPERATURE_SIGNAL);
                readings
            }
            Err(why) => missing(&temperatures::TEMPERATURE_SIGNAL, &self.sensors, *why),
        }
    }

    fn disk_rates(&mut self, disks: Part<Vec<Disk>>, now: Now) -> Vec<Reading> {
        let before = self.disks.as_ref().map(|(at, disks)| {
            let elapsed = now.instant.saturating_duration_since(at.instant);
            (disks.as_slice(), elapsed)
        });
        match disks {
            Ok(disks) => {
                let readings = disks::rates(before, &disks);
                self.disks = Some((now, disks));
                readings
            }
            Err(why) => disks::missing(before.map(|(disks, _)| disks).unwrap_or_default(), why),
        }
    }
}

fn swap_usage(snapshot: &Snapshot) -> Option<Reading> {
    let observed = match &snapshot.memory {
        Ok(memory) => Observed::Value(memory.swap_usage()?),
        Err(why) => Observed::Missing(*why),
    };
    Some(of_host(&memory::SWAP_SIGNAL, observed))
}

fn load_per_core(snapshot: &Snapshot) -> Observed {
    match (&snapshot.load, &snapshot.cpu) {
        (Ok(load), Ok(cpu)) if cpu.logical > 0 => Observed::Value(load.one / cpu.logical as f64),
        (Err(why), _) | (_, Err(why)) => Observed::Missing(*why),
        (Ok(_), Ok(_)) => Observed::Missing(Missing::Unsupported),
    }
}

fn observe<T>(part: &Part<T>, value: impl FnOnce(&T) -> Observed) -> Observed {
    part.as_ref().map_or_else(|why| Observed::Missing(*why), value)
}

fn of_host(signal: &'static Signal, observed: Observed) -> Reading {
    Reading {
        signal,
        subject: SmolStr::default(),
        observed,
    }
}

fn subjects(readings: &[Reading], signal: &Signal) -> Vec<SmolStr> {
    let of_signal = readings.iter().filter(|reading| reading.signal == signal);
    of_signal.map(|reading| reading.subject.clone()).collect()
}

fn missing(signal: &'static Signal, subjects: &[SmolStr], why: Missing) -> Vec<Reading> {
    let reading = |subject: &SmolStr| Reading {
        signal,
        subject: subject.clone(),
        observed: Observed::Missing(why),
    };
    subjects.iter().map(reading).collect()
}
