//! The metrics of devices, built anew from the table at each scrape: a device that is gone has no series.

use std::{collections::BTreeMap, time::Duration};

use smol_str::{SmolStr, ToSmolStr};

use super::{
    account::{Account, BOUNDS},
    device::Device,
    probe::{Miss, UnsentReason},
    profile::Metrics,
    state::Machine,
    status::Status,
    table::Table,
};
use crate::{
    clock::Now,
    collectors::Fresh,
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
        "Whether the device is considered reachable, after the failure threshold (1 up, 0 down); absent while unknown, unreachable behind a parent, paused or in maintenance.";
    INFO: Kind::Info, "device_info", ["device", "group", "address", "ip", "ip_version", "parent"],
        "Constant 1 with the group, the configured and the present address and the parents of the device.";
    CHANGES: Kind::Counter, "device_status_changes_total", ["device"],
        "Times the device changed between up and down.";
    LAST_CHANGE: Kind::Gauge, "device_last_status_change_timestamp_seconds", ["device"],
        "Unix time of the last change between up and down.";
    OBSERVED: Kind::Counter, "device_observed_seconds_total", ["device"],
        "Seconds for which the device's state was known, those in maintenance left out.";
    UP_SECONDS: Kind::Counter, "device_up_seconds_total", ["device"],
        "Seconds for which the device was up.";
    DEVICES: Kind::Gauge, "devices", ["status"],
        "Number of configured devices by status.";
    GROUP_HEALTH: Kind::Gauge, "group_health_ratio", ["group"],
        "Share of the group's devices that are well, an empty group standing for all: up counts 1, degraded 0.5, down and unreachable 0; others are left out.";
    UPLINK: Kind::Gauge, "uplink_up", [],
        "Whether this host reaches anything of what it watches (1 yes, 0 no); absent until something has answered.";
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
    HOP_LIMIT_CHANGES: Kind::Counter, "ping_reply_hop_limit_changes_total", ["device"],
        "Echo replies whose TTL or hop limit differs from that of the one before: the way back has changed.";
    LAST_SUCCESS: Kind::Gauge, "ping_last_success_timestamp_seconds", ["device"],
        "Unix time of the last answered echo request.";
    DROPPED: Kind::Counter, "ping_dropped_packets_total", [],
        "Replies the kernel dropped because the ping socket's buffer was full.";
}

/// Failures of all reasons together: the same metric without the label.
const ALL_FAILURES: Desc = Desc {
    labels: &["device"],
    ..FAILURES
};

/// A metric that every device has, and what adds the series of one device to its family.
type Row = (&'static Desc, fn(&mut Family, &Seen<'_>));

const STATUS_ROW: Row = (&STATUS, |f, s| {
    f.push(s.name(), s.machine().shown().code().into());
});
const UP_ROW: Row = (&UP, |f, s| {
    f.push_some(
        s.name(),
        s.machine().shown().is_up().map(|up| f64::from(u8::from(up))),
    );
});
const INFO_ROW: Row = (&INFO, |f, s| f.push(s.facts(), 1.0));
const REQUESTS_ROW: Row = (&REQUESTS, |f, s| f.push(s.name(), s.account().requests as f64));
const RTT_ROW: Row = (&RTT, |f, s| {
    f.push_value(s.name(), Value::Histogram(s.account().round_trips.clone()));
});

/// What the profile `full` has of every device.
const FULL: &[Row] = &[
    STATUS_ROW,
    UP_ROW,
    INFO_ROW,
    (&CHANGES, |f, s| f.push(s.name(), s.machine().changes().0 as f64)),
    (&LAST_CHANGE, |f, s| {
        f.push_some(s.name(), s.machine().changes().1.map(Now::unix_seconds));
    }),
    (&OBSERVED, |f, s| {
        f.push(s.name(), s.machine().uptime(s.now).0.as_secs_f64());
    }),
    (&UP_SECONDS, |f, s| {
        f.push(s.name(), s.machine().uptime(s.now).1.as_secs_f64());
    }),
    REQUESTS_ROW,
    (&FAILURES, |f, s| {
        s.by_reason(f, &Miss::REASONS, &s.account().failures);
    }),
    (&UNSENT, |f, s| {
        s.by_reason(f, &UnsentReason::REASONS, &s.account().unsent);
    }),
    RTT_ROW,
    (&LAST_RTT, |f, s| f.push_some(s.name(), s.last_round_trip())),
    (&JITTER, |f, s| f.push(s.name(), s.account().jitter.as_secs_f64())),
    (&JITTER_SAMPLES, |f, s| {
        f.push(s.name(), s.account().jitter_samples.into());
    }),
    (&DUPLICATES, |f, s| {
        f.push(s.name(), s.account().duplicates.into());
    }),
    (&LATE, |f, s| f.push(s.name(), s.account().late_replies.into())),
    (&HOP_LIMIT, |f, s| {
        f.push_some(s.name(), s.fresh(s.account().hop_limit.as_ref()).map(f64::from));
    }),
    (&HOP_LIMIT_CHANGES, |f, s| {
        f.push(s.name(), s.account().hop_limit_changes.into());
    }),
    (&LAST_SUCCESS, |f, s| {
        f.push_some(s.name(), s.account().last_success.map(Now::unix_seconds));
    }),
];

/// What the profile `lean` has: what our rules ask for, and the facts that dashboards join.
const LEAN: &[Row] = &[
    STATUS_ROW,
    UP_ROW,
    INFO_ROW,
    REQUESTS_ROW,
    (&ALL_FAILURES, |f, s| {
        f.push(
            s.name(),
            s.account().failures.iter().copied().map(f64::from).sum(),
        );
    }),
    RTT_ROW,
];

/// A device as one exposition sees it.
struct Seen<'a> {
    table: &'a Table,
    device: &'a Device,
    now: Now,
    interval: Duration,
}

/// All families of the devices in `table` at `now`.
pub(super) fn of(table: &Table, now: Now) -> Vec<Family> {
    let interval = table.plan().interval;
    let rows = match table.metrics {
        Metrics::Full => FULL,
        Metrics::Lean => LEAN,
    };
    let mut families: Vec<_> = rows
        .iter()
        .map(|(desc, fill)| {
            let mut family = Family::new(desc);
            table.devices().for_each(|device| {
                fill(
                    &mut family,
                    &Seen {
                        table,
                        device,
                        now,
                        interval,
                    },
                );
            });
            family
        })
        .collect();
    families.push(by_status(table));
    families.push(by_group(table));
    let mut uplink = Family::new(&UPLINK);
    uplink.push_some([], table.uplink.value());
    families.push(uplink);
    families.push(Family::single(&DROPPED, table.dropped as f64));
    families
}

impl Seen<'_> {
    fn machine(&self) -> &Machine {
        &self.device.machine
    }

    fn account(&self) -> &Account {
        &self.device.account
    }

    fn name(&self) -> [SmolStr; 1] {
        [self.device.spec.name.clone()]
    }

    fn facts(&self) -> [SmolStr; 6] {
        let spec = &self.device.spec;
        let ip = self.device.address().map(|address| address.ip());
        let version = ip.map_or("", |ip| if ip.is_ipv4() { "4" } else { "6" });
        [
            spec.name.clone(),
            spec.group.clone(),
            spec.address.clone(),
            ip.map(|ip| ip.to_smolstr()).unwrap_or_default(),
            SmolStr::new_static(version),
            self.table.parents_of(self.device).join(",").into(),
        ]
    }

    fn fresh<T: Copy>(&self, last: Option<&Fresh<T>>) -> Option<T> {
        last.and_then(|last| last.get(self.now, self.interval)).copied()
    }

    fn last_round_trip(&self) -> Option<f64> {
        let last = self.fresh(self.account().last_round_trip.as_ref());
        last.filter(|_| !self.machine().is_lost())
            .map(|time| time.as_secs_f64())
    }

    fn by_reason<const N: usize>(&self, family: &mut Family, reasons: &[&'static str; N], counts: &[u32; N]) {
        for (reason, count) in reasons.iter().zip(counts) {
            family.push(
                [self.device.spec.name.clone(), SmolStr::new_static(reason)],
                f64::from(*count),
            );
        }
    }
}

/// What a device adds to the health of its group; `None` when it is left out.
fn wellness(status: Status) -> Option<f64> {
    match status {
        Status::Up => Some(1.0),
        Status::Degraded => Some(0.5),
        Status::Down | Status::Unreachable => Some(0.0),
        Status::Unknown | Status::Paused | Status::Maintenance => None,
    }
}

fn by_group(table: &Table) -> Family {
    let mut groups: BTreeMap<SmolStr, (f64, f64)> = BTreeMap::new();
    for device in table.devices() {
        let Some(wellness) = wellness(device.machine.shown()) else {
            continue;
        };
        let mut add = |group: SmolStr| {
            let (sum, count) = groups.entry(group).or_default();
            (*sum, *count) = (*sum + wellness, *count + 1.0);
        };
        add(SmolStr::default());
        if !device.spec.group.is_empty() {
            add(device.spec.group.clone());
        }
    }
    let mut family = Family::new(&GROUP_HEALTH);
    for (group, (sum, count)) in groups {
        family.push([group], sum / count);
    }
    family
}

fn by_status(table: &Table) -> Family {
    let mut family = Family::new(&DEVICES);
    for status in Status::ALL {
        let count = table
            .devices()
            .filter(|device| device.machine.shown() == status)
            .count();
        family.push([SmolStr::new_static(status.name())], count as f64);
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        collectors::devices::{
            config::{Config, Target},
            probe::{Answer, Event, Outcome, What},
        },
    };

    fn lines(table: &Table, now: Now, name: &str) -> Vec<String> {
        let families = of(table, now);
        let family = families
            .iter()
            .find(|family| family.desc.name == name)
            .expect(name);
        let line = |point: &crate::sample::Point| match &point.value {
            Value::Number(number) => format!("{} {number}", point.labels.join(",")),
            Value::Histogram(_) => format!("{} histogram", point.labels.join(",")),
        };
        family.points.iter().map(line).collect()
    }

    #[test]
    fn every_metric_of_the_list_is_exposed() {
        let now = Clock::System.now();
        let config = Config {
            targets: vec![Target::new("192.0.2.1")],
            ..Config::default()
        };
        let families = of(&Table::new(&config, now), now);
        let mut exposed: Vec<_> = families.iter().map(|family| family.desc.name).collect();
        let mut listed: Vec<_> = METRICS.iter().map(|desc| desc.name).collect();
        exposed.sort_unstable();
        listed.sort_unstable();
        assert_eq!(exposed, listed);
    }

    #[test]
    fn the_lean_profile_tells_failures_of_all_reasons_together() {
        let now = Clock::System.now();
        let config = Config {
            targets: vec![Target::new("192.0.2.1")],
            metrics: Metrics::Lean,
            ..Config::default()
        };
        let mut table = Table::new(&config, now);
        let mut orders = Vec::new();
        table.due(now, &mut orders);
        let order = orders.pop().expect("asked at once");
        let event = Event {
            id: order.id,
            method: order.method,
            what: What::Ended(Outcome::Missed(Miss::TtlExceeded(None))),
        };
        table.record(&event, now, &mut orders);
        assert_eq!(
            lines(&table, now, "netkestrel_ping_failures_total"),
            ["192.0.2.1 1"]
        );
        assert_eq!(
            lines(&table, now, "netkestrel_ping_requests_total"),
            ["192.0.2.1 1"]
        );
        let known: Vec<_> = METRICS.iter().map(|desc| desc.name).collect();
        let families = of(&table, now);
        assert!(families.iter().all(|family| known.contains(&family.desc.name)));
        let of_devices = families
            .iter()
            .filter(|family| family.desc.labels.contains(&"device"));
        assert_eq!(of_devices.count(), LEAN.len());
    }

    #[test]
    fn an_unknown_device_has_counters_at_zero_and_no_opinion() {
        let now = Clock::System.now();
        let config = Config {
            targets: vec![Target::new("192.0.2.1")],
            ..Config::default()
        };
        let table = Table::new(&config, now);
        let none = Vec::<String>::new();
        let rows = [
            ("netkestrel_device_status", vec!["192.0.2.1 4"]),
            (
                "netkestrel_device_info",
                vec!["192.0.2.1,,192.0.2.1,192.0.2.1,4, 1"],
            ),
            ("netkestrel_ping_requests_total", vec!["192.0.2.1 0"]),
            (
                "netkestrel_ping_failures_total",
                vec![
                    "192.0.2.1,timeout 0",
                    "192.0.2.1,unreachable 0",
                    "192.0.2.1,ttl_exceeded 0",
                ],
            ),
            ("netkestrel_ping_rtt_seconds", vec!["192.0.2.1 histogram"]),
        ];
        for (name, expected) in rows {
            assert_eq!(lines(&table, now, name), expected, "{name}");
        }
        for name in [
            "netkestrel_device_up",
            "netkestrel_ping_last_rtt_seconds",
            "netkestrel_ping_reply_hop_limit",
        ] {
            assert_eq!(lines(&table, now, name), none, "{name}");
        }
        let statuses = lines(&table, now, "netkestrel_devices");
        assert_eq!((statuses.len(), statuses[4].as_str()), (7, "unknown 1"));
    }

    #[test]
    fn the_health_of_a_group_weighs_what_can_be_judged() {
        let now = Clock::System.now();
        let config: Config = serde_yaml::from_str(
            "failures: 1\ntargets:\n- {address: 192.0.2.1, group: a}\n- {address: 192.0.2.2, group: a}\n\
             - {address: 192.0.2.3, group: b}\n- {address: 192.0.2.4}\n- {address: 192.0.2.5, group: c}\n",
        )
        .expect("a configuration");
        let mut table = Table::new(&config, now);
        let mut orders = Vec::new();
        table.due(now.after(Duration::from_secs(2)), &mut orders);
        let answer = |millis| {
            Outcome::Answered(Answer {
                round_trip: Duration::from_millis(millis),
                hop_limit: None,
            })
        };
        // Up and down in one group, slow in another, up in none, and one of which nothing is known.
        let outcomes = [
            answer(1),
            Outcome::Missed(Miss::Timeout),
            answer(5_000),
            answer(1),
        ];
        for order in orders {
            let Some(outcome) = outcomes.get(order.id.device.0 as usize) else {
                continue;
            };
            let event = Event {
                id: order.id,
                method: order.method,
                what: What::Ended(outcome.clone()),
            };
            table.record(&event, now, &mut Vec::new());
        }
        assert_eq!(
            lines(&table, now, "netkestrel_group_health_ratio"),
            [" 0.625", "a 0.5", "b 0.5"]
        );
    }

    #[test]
    fn gauges_of_an_answer_fade_and_counters_stay() {
        let now = Clock::System.now();
        let config = Config {
            targets: vec![Target::new("192.0.2.1")],
            ..Config::default()
        };
        let mut table = Table::new(&config, now);
        let mut orders = Vec::new();
        table.due(now, &mut orders);
        let order = orders.pop().expect("asked at once");
        let answer = Answer {
            round_trip: Duration::from_millis(3),
            hop_limit: Some(63),
        };
        let what = What::Ended(Outcome::Answered(answer));
        table.record(
            &Event {
                id: order.id,
                method: order.method,
                what,
            },
            now,
            &mut orders,
        );
        assert_eq!(
            lines(&table, now, "netkestrel_ping_last_rtt_seconds"),
            ["192.0.2.1 0.003"]
        );
        assert_eq!(
            lines(&table, now, "netkestrel_ping_reply_hop_limit"),
            ["192.0.2.1 63"]
        );
        assert_eq!(lines(&table, now, "netkestrel_device_up"), ["192.0.2.1 1"]);
        let later = now.after(Duration::from_secs(371));
        table.age(later);
        assert_eq!(lines(&table, later, "netkestrel_ping_last_rtt_seconds"), [""; 0]);
        assert_eq!(lines(&table, later, "netkestrel_device_up"), [""; 0]);
        assert_eq!(
            lines(&table, later, "netkestrel_ping_requests_total"),
            ["192.0.2.1 1"]
        );
    }
}
