//! One interval run over all devices: readings for rules and history, and the health of the component.

use smol_str::{SmolStr, format_smolstr};

use super::{account::Sums, device::Device, probe::UnsentReason, state::Cause, status::Status, table::Table};
use crate::{
    clock::Now,
    sample::{Change, ComponentHealth, Health, Missing, Observed, Reading, Signal, SubjectKind},
};

const UP: Signal = Signal {
    name: "device_up",
    title: "reachability",
    subject: SubjectKind::Device,
    help: "Whether the device is considered reachable: 1 up or degraded, 0 down.",
};
const RTT: Signal = Signal {
    name: "ping_rtt_seconds",
    title: "response time",
    subject: SubjectKind::Device,
    help: "Mean round-trip time of the probes that ended in the interval.",
};
const LOSS: Signal = Signal {
    name: "ping_loss_ratio",
    title: "packet loss",
    subject: SubjectKind::Device,
    help: "Share of the probes that ended in the interval without an answer.",
};
const JITTER: Signal = Signal {
    name: "ping_jitter_seconds",
    title: "jitter",
    subject: SubjectKind::Device,
    help: "Mean difference between consecutive round-trip times of the interval.",
};

const UPLINK: Signal = Signal {
    name: "uplink_up",
    title: "uplink",
    subject: SubjectKind::Host,
    help: "Whether this host reaches anything of what it watches: 1 yes, 0 no.",
};

/// Signals of this collector.
pub const SIGNALS: &[&Signal] = &[&UP, &RTT, &LOSS, &JITTER, &UPLINK];

/// Of these, so many are about devices.
const DEVICE_SIGNALS: usize = 4;

/// Readings of every device and of the uplink; the sums of the interval start anew.
pub(super) fn take(table: &mut Table) -> Vec<Reading> {
    let mut readings = Vec::with_capacity(table.devices().count() * DEVICE_SIGNALS + 1);
    readings.extend(table.devices_mut().flat_map(of_device));
    readings.extend(table.uplink.value().map(of_uplink));
    readings
}

/// The reading of this host's own way out.
pub(super) fn of_uplink(value: f64) -> Reading {
    Reading {
        signal: &UPLINK,
        subject: SmolStr::default(),
        observed: Observed::Value(value),
    }
}

/// The reading that says how a device stands.
pub(super) fn of_standing(device: &Device) -> Reading {
    let nothing = Observed::Missing(why_nothing(device, &Sums::default()));
    Reading {
        signal: &UP,
        subject: device.spec.name.clone(),
        observed: standing(device, nothing),
    }
}

/// Since when a device stands as it does, and why.
pub(super) fn change(device: &Device, now: Now) -> Change {
    Change {
        subject: device.spec.name.clone(),
        lasting: now.instant.saturating_duration_since(device.machine.since()),
        why: if device.machine.shown() == Status::Maintenance {
            SmolStr::new_static("in a maintenance window")
        } else {
            format_smolstr!("{}", device.machine.cause())
        },
    }
}

/// The same for every device of which it is new since the last call.
pub(super) fn take_changes(table: &mut Table, now: Now) -> Vec<Change> {
    let devices = table.devices_mut();
    let changed = devices.filter_map(|device| device.machine.take_untold().then(|| change(device, now)));
    changed.collect()
}

/// Down devices are critical, degraded ones a warning; without any device that can be judged it is unknown.
pub(super) fn health(table: &Table) -> ComponentHealth {
    let worst = table.devices().filter_map(|device| match device.machine.shown() {
        Status::Down => Some(Health::Critical),
        Status::Degraded => Some(Health::Warning),
        Status::Up => Some(Health::Ok),
        Status::Unreachable | Status::Unknown | Status::Paused | Status::Maintenance => None,
    });
    ComponentHealth {
        component: "devices",
        health: worst.max(),
    }
}

fn of_device(device: &mut Device) -> [Reading; DEVICE_SIGNALS] {
    let sums = device.account.take_interval();
    let subject = device.spec.name.clone();
    let nothing = Observed::Missing(why_nothing(device, &sums));
    if matches!(
        device.machine.cause(),
        Cause::Behind(_) | Cause::Uplink | Cause::Paused
    ) {
        // What was lost on a way that is cut says nothing about the device, nor does what came before it was paused.
        return [&UP, &RTT, &LOSS, &JITTER].map(|signal| reading(signal, &subject, None, nothing));
    }
    [
        Reading {
            signal: &UP,
            subject: subject.clone(),
            observed: standing(device, nothing),
        },
        reading(&RTT, &subject, sums.mean_round_trip(), nothing),
        reading(&LOSS, &subject, sums.loss(), nothing),
        reading(&JITTER, &subject, sums.mean_jitter(), nothing),
    ]
}

/// Whether it is reachable, also where that does not count.
fn standing(device: &Device, otherwise: Observed) -> Observed {
    let seen = if device.machine.is_excused() {
        Observed::Excused
    } else {
        Observed::Value
    };
    let up = device.machine.status().is_up();
    up.map_or(otherwise, |up| seen(f64::from(u8::from(up))))
}

fn reading(signal: &'static Signal, subject: &SmolStr, value: Option<f64>, otherwise: Observed) -> Reading {
    Reading {
        signal,
        subject: subject.clone(),
        observed: value.map_or(otherwise, Observed::Value),
    }
}

fn why_nothing(device: &Device, sums: &Sums) -> Missing {
    let unsent = match device.machine.cause() {
        Cause::Behind(_) => return Missing::ParentDown,
        Cause::Uplink => return Missing::LocalNetwork,
        Cause::Paused => return Missing::Paused,
        Cause::LookingUp => Some(UnsentReason::Resolve),
        Cause::Unsent(unsent) => Some(unsent.reason),
        _ => sums.unsent,
    };
    match unsent {
        Some(UnsentReason::Resolve) => Missing::NameResolution,
        Some(UnsentReason::Permission) => Missing::NoPermission,
        Some(UnsentReason::NoRoute) => Missing::LocalNetwork,
        Some(UnsentReason::Send) | None => Missing::NoSample,
    }
}
