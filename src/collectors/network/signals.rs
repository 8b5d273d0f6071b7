//! The signals of interfaces, and the readings an interval run makes of them.

use std::collections::HashSet;

use smol_str::SmolStr;

use super::{
    interface::Link,
    rates::Rates,
    totals::{counted, key, sum},
    track::{Carrier, Seen},
};
use crate::sample::{Health, Missing, Observed, Reading, Signal, SubjectKind};

const fn of_interface(name: &'static str, title: &'static str, help: &'static str) -> Signal {
    Signal {
        name,
        title,
        subject: SubjectKind::Interface,
        help,
    }
}

const RECEIVE_BYTES: Signal = of_interface(
    "network_receive_bytes_per_second",
    "download",
    "Bytes the interface received per second over the interval.",
);
const TRANSMIT_BYTES: Signal = of_interface(
    "network_transmit_bytes_per_second",
    "upload",
    "Bytes the interface transmitted per second over the interval.",
);
const TOTAL_BYTES: Signal = Signal {
    name: "network_total_bytes_per_second",
    title: "bandwidth",
    subject: SubjectKind::Host,
    help: "Bytes received and transmitted per second by all hardware interfaces of the host; where there is no \
           hardware, by the interfaces whose packets no other interface counts.",
};
const RECEIVE_PACKETS: Signal = of_interface(
    "network_receive_packets_per_second",
    "received packets",
    "Packets the interface received per second over the interval.",
);
const TRANSMIT_PACKETS: Signal = of_interface(
    "network_transmit_packets_per_second",
    "transmitted packets",
    "Packets the interface transmitted per second over the interval.",
);
const RECEIVE_ERRORS: Signal = of_interface(
    "network_receive_errors_per_second",
    "receive errors",
    "Receive errors of the interface per second over the interval.",
);
const TRANSMIT_ERRORS: Signal = of_interface(
    "network_transmit_errors_per_second",
    "transmit errors",
    "Transmit errors of the interface per second over the interval.",
);
const RECEIVE_DROPS: Signal = of_interface(
    "network_receive_drops_per_second",
    "dropped incoming packets",
    "Received packets the host dropped per second over the interval.",
);
const TRANSMIT_DROPS: Signal = of_interface(
    "network_transmit_drops_per_second",
    "dropped outgoing packets",
    "Outgoing packets the host dropped per second over the interval.",
);
const UTILISATION: Signal = of_interface(
    "network_utilisation_ratio",
    "link utilisation",
    "The busier direction's share of the link speed over the interval; only where the speed is known.",
);
const UP: Signal = of_interface(
    "network_interface_up",
    "interface state",
    "Whether the interface is operationally up (1) or not (0).",
);

const LINK: Signal = of_interface(
    "network_link_up",
    "link",
    "Whether a hardware interface that had a link still has it (1) or lost it without being switched off (0); absent \
     for others.",
);

/// Signals of this collector.
pub const SIGNALS: &[&Signal] = &[
    &RECEIVE_BYTES,
    &TRANSMIT_BYTES,
    &TOTAL_BYTES,
    &RECEIVE_PACKETS,
    &TRANSMIT_PACKETS,
    &RECEIVE_ERRORS,
    &TRANSMIT_ERRORS,
    &RECEIVE_DROPS,
    &TRANSMIT_DROPS,
    &UTILISATION,
    &UP,
    &LINK,
];

/// Readings of a run that read the interfaces.
pub(super) fn readings(seen: &[Seen]) -> Vec<Reading> {
    all(seen, Observed::Value, total(seen))
}

/// Readings of a run that could not: missing, for every interface known before.
pub(super) fn unread(seen: &[Seen]) -> Vec<Reading> {
    let failed = Observed::Missing(Missing::ReadFailed);
    all(seen, |_| failed, failed)
}

/// Warning when an interface that makes up the host's total lost its link and was not switched off; unknown when
/// no interface does.
pub(super) fn health(seen: &[Seen]) -> Option<Health> {
    let counted = counted(&seen.iter().map(|seen| &*seen.link));
    let lost = |seen: &&Seen| seen.carrier == Carrier::Lost;
    let mut of_host = seen.iter().filter(|seen| counted.contains(&key(&seen.link)));
    match (counted.is_empty(), of_host.find(lost)) {
        (true, _) => None,
        (false, Some(_)) => Some(Health::Warning),
        (false, None) => Some(Health::Ok),
    }
}

fn all(seen: &[Seen], told: impl Fn(f64) -> Observed, total: Observed) -> Vec<Reading> {
    let mut readings = Vec::with_capacity(seen.len() * SIGNALS.len() + 1);
    readings.push(Reading {
        signal: &TOTAL_BYTES,
        subject: SmolStr::default(),
        observed: total,
    });
    let state = |is_up: bool| told(f64::from(u8::from(is_up)));
    for Seen { link, rates, carrier } in seen {
        let observed = of_rates(rates).into_iter().chain(utilisation(link, rates));
        let observed = observed.chain([(&UP, state(link.up))]);
        let observed = observed.chain(has_link(link, *carrier).map(|has_link| (&LINK, state(has_link))));
        readings.extend(observed.map(|(signal, observed)| Reading {
            signal,
            subject: link.name.clone(),
            observed,
        }));
    }
    readings
}

/// Whether the interface has the link it is expected to have, if any is expected of it.
fn has_link(link: &Link, carrier: Carrier) -> Option<bool> {
    match carrier {
        _ if !link.kind.is_hardware() => None,
        Carrier::Fine => Some(true),
        Carrier::Lost => Some(false),
        Carrier::NeverSeen => None,
    }
}

fn of_rates(rates: &Rates) -> [(&'static Signal, Observed); 8] {
    let Rates { receive, transmit } = rates;
    [
        (&RECEIVE_BYTES, receive.bytes),
        (&TRANSMIT_BYTES, transmit.bytes),
        (&RECEIVE_PACKETS, receive.packets),
        (&TRANSMIT_PACKETS, transmit.packets),
        (&RECEIVE_ERRORS, receive.errors),
        (&TRANSMIT_ERRORS, transmit.errors),
        (&RECEIVE_DROPS, receive.drops),
        (&TRANSMIT_DROPS, transmit.drops),
    ]
}

fn utilisation(link: &Link, rates: &Rates) -> Option<(&'static Signal, Observed)> {
    let share = |rate: f64| link.speed.map(|speed| rate / speed);
    let (receive, transmit) = (rates.receive.bytes, rates.transmit.bytes);
    let observed = match (receive, transmit) {
        (Observed::Missing(reason), _) | (_, Observed::Missing(reason)) => {
            link.speed.map(|_| Observed::Missing(reason))
        }
        (Observed::Value(receive), Observed::Value(transmit)) => {
            share(receive.max(transmit)).map(Observed::Value)
        }
        (
            Observed::Value(receive) | Observed::Implausible(receive) | Observed::Excused(receive),
            Observed::Value(transmit) | Observed::Implausible(transmit) | Observed::Excused(transmit),
        ) => share(receive.max(transmit)).map(Observed::Implausible),
    };
    observed.map(|observed| (&UTILISATION, observed))
}

fn total(seen: &[Seen]) -> Observed {
    let counted: HashSet<_> = counted(&seen.iter().map(|seen| &*seen.link));
    let parts = seen.iter().filter(|seen| counted.contains(&key(&seen.link)));
    sum(parts.flat_map(|seen| [seen.rates.receive.bytes, seen.rates.transmit.bytes]))
}
