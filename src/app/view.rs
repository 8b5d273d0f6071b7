//! What the page and the status show, read off the collectors' latest batches: nothing is measured for it.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use smol_str::SmolStr;

use super::{recorder::objectives, reload::Reloader};
use crate::{
    build,
    clock::{Clock, Now},
    collectors::{
        self, Guarded,
        devices::{Check, Ip, Status, Target},
    },
    config::Config,
    sample::{Batch, Health, Missing, Observed},
    web::{
        self, CollectorStatus, DeviceRow, DeviceStatus, InterfaceRow, KnownDevice, LastReload, Measure,
        Overview, Tile, Watch,
    },
};

/// How the program and what it watches fare.
pub(super) struct View {
    pub(super) clock: Clock,
    pub(super) started: Now,
    pub(super) origin: Option<PathBuf>,
    pub(super) host: String,
    pub(super) collectors: Vec<Arc<Guarded>>,
    pub(super) set: Arc<collectors::Set>,
    pub(super) reloader: Arc<Reloader>,
}

impl Watch for View {
    fn ready(&self) -> Result<(), String> {
        let waiting: Vec<_> = self
            .collectors
            .iter()
            .filter(|guarded| guarded.collector().enabled() && guarded.status().success.is_none())
            .map(|guarded| guarded.collector().name())
            .collect();
        if waiting.is_empty() {
            Ok(())
        } else {
            Err(format!("waiting for the first run of {}", waiting.join(", ")))
        }
    }

    fn status(&self) -> web::Status {
        let now = self.clock.now();
        web::Status {
            version: build::VERSION,
            host: self.host.clone(),
            uptime: now.instant.saturating_duration_since(self.started.instant),
            config_origin: self.origin.as_ref().map_or_else(
                || "no file: defaults and environment".to_owned(),
                |path| path.display().to_string(),
            ),
            last_reload: self.reloader.last_attempt().map(|attempt| LastReload {
                at: attempt.at.wall,
                error: attempt.error,
            }),
            collectors: self.collectors.iter().map(|guarded| collector(guarded)).collect(),
        }
    }

    fn overview(&self) -> Overview {
        let now = self.clock.now();
        let batches: Vec<Arc<Batch>> = self
            .collectors
            .iter()
            .filter_map(|guarded| guarded.latest(now))
            .collect();
        let readings = Readings(&batches);
        Overview {
            notice: self.notice(),
            tiles: tiles(&readings),
            interfaces: interfaces(&self.set, &readings),
            devices: devices(&self.set, &self.reloader.in_force().borrow(), now),
        }
    }

    fn devices(&self) -> Vec<KnownDevice> {
        let config = Arc::clone(&self.reloader.in_force().borrow());
        let devices = &config.collectors.devices;
        let listed: HashSet<_> = devices.devices().flat_map(Target::watched_names).collect();
        let watched = self.set.devices.overview(self.clock.now()).into_iter();
        // The default gateway, if it is watched without being listed.
        let found = watched.filter(|device| !listed.contains(device.name.as_str()));
        let found = found.map(|device| KnownDevice {
            name: device.name,
            address: device.address,
            check: SmolStr::new_static(check(Check::Icmp)),
            ..KnownDevice::default()
        });
        devices.devices().map(known).chain(found).collect()
    }

    fn zone(&self) -> TimeZone {
        self.reloader.in_force().borrow().zone()
    }
}

impl View {
    /// Whoever waits for mails should learn here that none can come.
    fn notice(&self) -> Option<web::Notice> {
        let config = self.reloader.in_force().borrow().clone();
        config.notifiers.email.caught().map(|catcher| web::Notice {
            text: catcher.notice(),
            link: catcher.page.clone(),
        })
    }
}

fn known(target: &Target) -> KnownDevice {
    KnownDevice {
        name: target.display_name().into(),
        address: target.address.as_str().into(),
        group: target.group.as_str().into(),
        parents: target
            .parents
            .as_ref()
            .map(|names| names.iter().map(SmolStr::from).collect()),
        check: SmolStr::new_static(check(target.check)),
        port: target.port,
        ip: SmolStr::new_static(match target.ip {
            Ip::Auto => "",
            Ip::V4 => "4",
            Ip::V6 => "6",
            Ip::Both => "both",
        }),
        paused: target.paused,
    }
}

/// The word of the configuration.
fn check(check: Check) -> &'static str {
    match check {
        Check::Icmp => "icmp",
        Check::Tcp => "tcp",
        Check::IcmpThenTcp => "icmp-then-tcp",
    }
}

fn collector(guarded: &Guarded) -> CollectorStatus {
    let runs = guarded.status();
    CollectorStatus {
        name: guarded.collector().name(),
        enabled: guarded.collector().enabled(),
        success: runs.success,
        duration: runs.success.map(|_| runs.duration),
        interval: guarded.collector().interval(),
        last_success: runs.last_success.map(|now| now.wall),
    }
}

/// All readings at hand, by signal.
struct Readings<'a>(&'a [Arc<Batch>]);

impl Readings<'_> {
    fn of(&self, signal: &str) -> impl Iterator<Item = (&SmolStr, Observed)> {
        self.0
            .iter()
            .flat_map(|batch| &batch.readings)
            .filter(move |reading| reading.signal.name == signal)
            .map(|reading| (&reading.subject, reading.observed))
    }

    /// The reading of this subject; none at all counts as no sample.
    fn one(&self, signal: &str, subject: &str) -> Observed {
        self.of(signal)
            .find(|(found, _)| *found == subject)
            .map_or(Observed::Missing(Missing::NoSample), |(_, observed)| observed)
    }

    /// The subject with the largest value.
    fn largest(&self, signal: &str) -> Option<(&SmolStr, f64)> {
        self.of(signal)
            .filter_map(|(subject, observed)| Some((subject, observed.value()?)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    fn health(&self, component: &str) -> Option<Health> {
        let mut parts = self.0.iter().flat_map(|batch| &batch.health);
        parts.find(|part| part.component == component)?.health
    }
}

fn tiles(readings: &Readings<'_>) -> Vec<Tile> {
    let host = |title, signal, of: fn(f64) -> Measure, component| Tile {
        title: SmolStr::new_static(title),
        value: measure(readings.one(signal, ""), of),
        detail: String::new(),
        health: readings.health(component),
    };
    let fullest = readings.largest("filesystem_usage_ratio");
    vec![
        host(
            "Traffic",
            "network_total_bytes_per_second",
            Measure::BytesPerSecond,
            "network",
        ),
        host("CPU", "cpu_usage_ratio", Measure::Ratio, "cpu"),
        host("Memory", "memory_usage_ratio", Measure::Ratio, "memory"),
        Tile {
            title: SmolStr::new_static("Fullest disk"),
            value: fullest.map_or(Measure::Missing(Missing::NoSample), |(_, ratio)| {
                Measure::Ratio(ratio)
            }),
            detail: fullest.map(|(mount, _)| mount.to_string()).unwrap_or_default(),
            health: readings.health("disk"),
        },
        host("Load per core", "load1_per_core", Measure::Number, ""),
        host(
            "Uptime",
            "uptime_seconds",
            |seconds| Measure::Time(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
            "",
        ),
    ]
}

fn measure(observed: Observed, of: fn(f64) -> Measure) -> Measure {
    match observed {
        Observed::Value(value) | Observed::Implausible(value) | Observed::Excused(value) => of(value),
        Observed::Missing(why) => Measure::Missing(why),
    }
}

fn interfaces(set: &collectors::Set, readings: &Readings<'_>) -> Vec<InterfaceRow> {
    let rows = set.network.overview().into_iter().map(|interface| InterfaceRow {
        receive: readings.one("network_receive_bytes_per_second", &interface.name),
        transmit: readings.one("network_transmit_bytes_per_second", &interface.name),
        name: interface.name,
        kind: SmolStr::new_static(interface.kind),
        up: Some(interface.up),
        speed: interface.speed,
    });
    rows.collect()
}

fn devices(set: &collectors::Set, config: &Config, now: Now) -> Vec<DeviceRow> {
    let objectives = objectives(config);
    let rows = set.devices.overview(now).into_iter().map(|device| DeviceRow {
        slo: objectives.get(&device.name).copied(),
        name: device.name,
        group: device.group,
        address: device.address,
        status: match device.status {
            Status::Up => DeviceStatus::Up,
            Status::Degraded => DeviceStatus::Degraded,
            Status::Down => DeviceStatus::Down,
            Status::Unreachable => DeviceStatus::Unreachable,
            Status::Unknown => DeviceStatus::Unknown,
            Status::Paused => DeviceStatus::Paused,
            Status::Maintenance => DeviceStatus::Maintenance,
        },
        round_trip: device.last_rtt,
        loss: device.loss,
        reason: device.reason,
    });
    rows.collect()
}
