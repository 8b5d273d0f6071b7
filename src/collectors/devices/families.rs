//! The metrics of devices, built anew from the table at each scrape: a device that is gone has no series.

use std::time::Duration;

use smol_str::{SmolStr, ToSmolStr};

use super::{
    account::BOUNDS,
    device::Device,
    probe::{Miss, UnsentReason},
    state::Status,
    table::Table,
};
use crate::{
    clock::Now,
    sample::{Desc, Family, Kind, Value},
};

macro_rules! describe {
    ($($id:ident: $kind:expr, $name:literal, [$($label:literal),*], $help:literal;)*) => {
        $(const $id: Desc = Desc {
            name: concat!("netkestrel_", $name),
            kind: $kind,
            labels: &[$($label),*],
            help: $help,
        };)*
        /// Metrics of this collector.
        pub const METRICS: &[&Desc] = &[$(&$id),*];
    };
}

describe! {
    STATUS: Kind::Gauge, "device_status", ["device"],
        "Status of the device: 0 down, 1 up, 2 degraded, 3 unreachable, 4 unknown, 5 paused, 6 maintenance.";
    UP: Kind::Gauge, "device_up", ["device"],
        "Whether the device is considered reachable, after the failure threshold (1 up, 0 down); absent while unknown, unreachable behind a parent, or paused.";
    INFO: Kind::Info, "device_info", ["device", "group", "address", "ip", "ip_version", "parent"],
        "Constant 1 with facts and the operator's own labels of the device.";
    CHANGES: Kind::Counter, "device_status_changes_total", ["device"],
        "Times the device changed between up and down.";
    LAST_CHANGE: Kind::Gauge, "device_last_status_change_timestamp_seconds", ["device"],
        "Unix time of the last change between up and down.";
    OBSERVED: Kind::Counter, "device_observed_seconds_total", ["device"],
        "Seconds for which the device's state was known.";
    UP_SECONDS: Kind::Counter, "device_up_seconds_total", ["device"],
        "Seconds for which the device was up.";
    DEVICES: Kind::Gauge, "devices", ["status"],
        "Number of configured devices by status.";
    REQUESTS: Kind::Counter, "ping_requests_total", ["device"],
        "Echo requests whose outcome is known (answered or failed).";
    FAILURES: Kind::Counter, "ping_failures_total", ["device", "reason"],
        "Echo requests that failed, by reason.";
    UNSENT: Kind::Counter, "ping_unsent_total", ["device", "reason"],
        "Echo requests that could not be sent.";
    RTT: Kind::Histogram(BOUNDS), "ping_rtt_seconds", ["device"],
        "Round-trip time of answered echo requests.";
    LAST_RTT: Kind::Gauge, "ping_last_rtt_seconds", ["device"],
        "Round-trip time of the last answered echo request; absent while the device is down.";
    JITTER: Kind::Counter, "ping_jitter_seconds_total", ["device"],
        "Sum of the absolute differences between consecutive round-trip times.";
    JITTER_SAMPLES: Kind::Counter, "ping_jitter_samples_total", ["device"],
        "Pairs of consecutive round-trip times behind ping_jitter_seconds_total.";
    DUPLICATES: Kind::Counter, "ping_duplicates_total", ["device"],
        "Duplicate echo replies.";
    LATE: Kind::Counter, "ping_late_replies_total", ["device"],
        "Echo replies that came after their timeout.";
    HOP_LIMIT: Kind::Gauge, "ping_reply_hop_limit", ["device"],
        "TTL or hop limit of the last echo reply.";
    LAST_SUCCESS: Kind::Gauge, "ping_last_success_timestamp_seconds", ["device"],
        "Unix time of the last answered echo request.";
    DROPPED: Kind::Counter, "ping_dropped_packets_total", [],
        "Replies the kernel dropped because the ping socket's buffer was full.";
}

/// All families of the devices in `table` at `now`.
pub(super) fn of(table: &Table, now: Now) -> Vec<Family> {
    let interval = table.plan().interval;
    let mut families: Vec<_> = METRICS.iter().map(|desc| Family::new(desc)).collect();
    for family in &mut families {
        for device in table.devices() {
            add(family, device, now, interval);
        }
        if *family.desc == DEVICES {
            count_by_status(family, table);
        } else if *family.desc == DROPPED {
            family.push([], table.dropped as f64);
        }
    }
    families
}

fn add(family: &mut Family, device: &Device, now: Now, interval: Duration) {
    let (account, machine) = (&device.account, &device.machine);
    let name = [device.spec.name.clone()];
    let (changes, changed_at) = machine.changes();
    let down = machine.status() == Status::Down;
    match family.desc.name {
        n if n == STATUS.name => family.push(name, machine.status().code().into()),
        n if n == UP.name => {
            family.push_some(name, machine.status().is_up().map(|up| f64::from(u8::from(up))))
        }
        n if n == INFO.name => family.push(facts(device), 1.0),
        n if n == CHANGES.name => family.push(name, changes as f64),
        n if n == LAST_CHANGE.name => family.push_some(name, changed_at.map(Now::unix_seconds)),
        n if n == OBSERVED.name => family.push(name, machine.uptime(now).0.as_secs_f64()),
        n if n == UP_SECONDS.name => family.push(name, machine.uptime(now).1.as_secs_f64()),
        n if n == REQUESTS.name => family.push(name, account.requests as f64),
        n if n == FAILURES.name => by_reason(family, &name, &Miss::REASONS, &account.failures),
        n if n == UNSENT.name => by_reason(family, &name, &UnsentReason::REASONS, &account.unsent),
        n if n == RTT.name => family.push_value(name, Value::Histogram(account.round_trips.clone())),
        n if n == LAST_RTT.name => {
            let fresh = account
                .last_round_trip
                .as_ref()
                .and_then(|last| last.get(now, interval));
            family.push_some(name, fresh.filter(|_| !down).map(Duration::as_secs_f64));
        }
        n if n == JITTER.name => family.push(name, account.jitter.as_secs_f64()),
        n if n == JITTER_SAMPLES.name => family.push(name, account.jitter_samples as f64),
        n if n == DUPLICATES.name => family.push(name, account.duplicates as f64),
        n if n == LATE.name => family.push(name, account.late_replies as f64),
        n if n == HOP_LIMIT.name => {
            let fresh = account
                .hop_limit
                .as_ref()
                .and_then(|last| last.get(now, interval));
            family.push_some(name, fresh.copied().map(f64::from));
        }
        n if n == LAST_SUCCESS.name => family.push_some(name, account.last_success.map(Now::unix_seconds)),
        _ => {}
    }
}

fn facts(device: &Device) -> [SmolStr; 6] {
    let spec = &device.spec;
    let ip = device.address().map(|address| address.ip());
    let version = ip.map_or("", |ip| if ip.is_ipv4() { "4" } else { "6" });
    [
        spec.name.clone(),
        spec.group.clone(),
        spec.address.clone(),
        ip.map(|ip| ip.to_smolstr()).unwrap_or_default(),
        SmolStr::new_static(version),
        spec.parents.clone(),
    ]
}

fn by_reason<const N: usize>(
    family: &mut Family,
    [name]: &[SmolStr; 1],
    reasons: &[&'static str; N],
    counts: &[u64; N],
) {
    for (reason, count) in reasons.iter().zip(counts) {
        family.push([name.clone(), SmolStr::new_static(reason)], *count as f64);
    }
}

fn count_by_status(family: &mut Family, table: &Table) {
    for status in Status::ALL {
        let count = table
            .devices()
            .filter(|device| device.machine.status() == status)
            .count();
        family.push([SmolStr::new_static(status.name())], count as f64);
    }
}
