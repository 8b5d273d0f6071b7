//! The metrics of interfaces, and one exposition of them. What the system does not tell is no series.

use smol_str::SmolStr;

use super::{
    interface::{Interface, Link},
    track::Track,
};
use crate::sample::{Desc, Family, Kind, Value};

/// Upper bounds of the classic buckets of byte rates, in bytes per second.
pub(super) const RATE_BOUNDS: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

const fn desc(name: &'static str, kind: Kind, help: &'static str) -> Desc {
    Desc {
        name,
        kind,
        labels: &["interface"],
        help,
    }
}

const fn counter(name: &'static str, help: &'static str) -> Desc {
    desc(name, Kind::Counter, help)
}

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    desc(name, Kind::Gauge, help)
}

const RECEIVE_BYTES: Desc = counter(
    "netkestrel_network_receive_bytes_total",
    "Bytes received by the interface.",
);
const TRANSMIT_BYTES: Desc = counter(
    "netkestrel_network_transmit_bytes_total",
    "Bytes transmitted by the interface.",
);
const RECEIVE_PACKETS: Desc = counter(
    "netkestrel_network_receive_packets_total",
    "Packets received by the interface.",
);
const TRANSMIT_PACKETS: Desc = counter(
    "netkestrel_network_transmit_packets_total",
    "Packets transmitted by the interface.",
);
const RECEIVE_ERRORS: Desc = counter(
    "netkestrel_network_receive_errs_total",
    "Receive errors reported by the interface.",
);
const TRANSMIT_ERRORS: Desc = counter(
    "netkestrel_network_transmit_errs_total",
    "Transmit errors reported by the interface.",
);
const RECEIVE_DROPS: Desc = counter(
    "netkestrel_network_receive_drop_total",
    "Received packets dropped by the host.",
);
const TRANSMIT_DROPS: Desc = counter(
    "netkestrel_network_transmit_drop_total",
    "Outgoing packets dropped by the host.",
);
const RECEIVE_MULTICAST: Desc = counter(
    "netkestrel_network_receive_multicast_total",
    "Multicast packets received by the interface.",
);
const CARRIER_CHANGES: Desc = counter(
    "netkestrel_network_carrier_changes_total",
    "Times the link went up or down.",
);
const UP: Desc = gauge(
    "netkestrel_network_up",
    "Whether the interface is operationally up (1) or not (0).",
);
const MTU: Desc = gauge(
    "netkestrel_network_mtu_bytes",
    "Maximum transmission unit of the interface.",
);
const SPEED: Desc = gauge(
    "netkestrel_network_speed_bytes",
    "Link speed of the interface in bytes per second; absent when unknown.",
);
const INFO: Desc = Desc {
    name: "netkestrel_network_info",
    kind: Kind::Info,
    labels: &["interface", "address", "operstate", "duplex", "kind"],
    help: "Constant 1 with non-numeric facts of the interface.",
};
const RECEIVE_RATE: Desc = desc(
    "netkestrel_network_receive_bytes_per_second",
    Kind::Histogram(RATE_BOUNDS),
    "Receive rate of the interface over each internal sampling interval.",
);
const TRANSMIT_RATE: Desc = desc(
    "netkestrel_network_transmit_bytes_per_second",
    Kind::Histogram(RATE_BOUNDS),
    "Transmit rate of the interface over each internal sampling interval.",
);
const IMPLAUSIBLE: Desc = counter(
    "netkestrel_network_implausible_rates_total",
    "Byte rates over a sampling interval that exceed 1.1 times the link speed of the interface.",
);

/// Metrics of this collector.
pub const METRICS: &[&Desc] = &[
    &RECEIVE_BYTES,
    &TRANSMIT_BYTES,
    &RECEIVE_PACKETS,
    &TRANSMIT_PACKETS,
    &RECEIVE_ERRORS,
    &TRANSMIT_ERRORS,
    &RECEIVE_DROPS,
    &TRANSMIT_DROPS,
    &RECEIVE_MULTICAST,
    &CARRIER_CHANGES,
    &UP,
    &MTU,
    &SPEED,
    &INFO,
    &RECEIVE_RATE,
    &TRANSMIT_RATE,
    &IMPLAUSIBLE,
];

/// How one number is read off an interface.
type Column = (&'static Desc, fn(&Interface) -> Option<f64>);

const COLUMNS: &[Column] = &[
    (&RECEIVE_BYTES, |i| number(i.counters.receive.bytes)),
    (&TRANSMIT_BYTES, |i| number(i.counters.transmit.bytes)),
    (&RECEIVE_PACKETS, |i| number(i.counters.receive.packets)),
    (&TRANSMIT_PACKETS, |i| number(i.counters.transmit.packets)),
    (&RECEIVE_ERRORS, |i| number(i.counters.receive.errors)),
    (&TRANSMIT_ERRORS, |i| number(i.counters.transmit.errors)),
    (&RECEIVE_DROPS, |i| number(i.counters.receive.drops)),
    (&TRANSMIT_DROPS, |i| number(i.counters.transmit.drops)),
    (&RECEIVE_MULTICAST, |i| number(i.counters.multicast)),
    (&CARRIER_CHANGES, |i| i.link.carrier_changes.map(f64::from)),
    (&UP, |i| Some(f64::from(u8::from(i.link.up)))),
    (&MTU, |i| i.link.mtu.map(f64::from)),
    (&SPEED, |i| i.link.speed),
];

/// One exposition of `interfaces`, with what the interval runs remember of them.
pub(super) fn families(interfaces: &[&Interface], track: &Track) -> Vec<Family> {
    let numbers = COLUMNS.iter().map(|column| numbers(column, interfaces));
    numbers
        .chain([info(interfaces)])
        .chain(remembered(interfaces, track))
        .collect()
}

fn numbers((desc, read): &Column, interfaces: &[&Interface]) -> Family {
    let mut family = Family::new(desc);
    family.points.reserve(interfaces.len());
    for interface in interfaces {
        family.push_some([interface.link.name.clone()], read(interface));
    }
    family
}

fn info(interfaces: &[&Interface]) -> Family {
    let mut family = Family::new(&INFO);
    for interface in interfaces {
        family.push(facts(&interface.link), 1.0);
    }
    family
}

fn facts(link: &Link) -> [SmolStr; 5] {
    [
        link.name.clone(),
        link.address.clone(),
        link.operstate.clone(),
        link.duplex.clone(),
        SmolStr::new_static(link.kind.word()),
    ]
}

fn remembered(interfaces: &[&Interface], track: &Track) -> [Family; 3] {
    let [mut receive, mut transmit, mut implausible] =
        [&RECEIVE_RATE, &TRANSMIT_RATE, &IMPLAUSIBLE].map(Family::new);
    for interface in interfaces {
        let link = &interface.link;
        let Some(memory) = track.memory(link) else {
            continue;
        };
        receive.push_value([link.name.clone()], Value::Histogram(memory.receive.clone()));
        transmit.push_value([link.name.clone()], Value::Histogram(memory.transmit.clone()));
        // Only these can have implausible rates; zero says so for each of them in advance.
        if link.kind.is_hardware() && (link.speed.is_some() || memory.implausible > 0) {
            implausible.push([link.name.clone()], memory.implausible as f64);
        }
    }
    [receive, transmit, implausible]
}

fn number(counter: Option<u64>) -> Option<f64> {
    counter.map(|count| count as f64)
}
