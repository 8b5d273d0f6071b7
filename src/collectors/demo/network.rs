//! Interfaces of the made-up host, and the devices around it.

use std::time::Duration;

use super::{
    LinkTotals, bustle, chance,
    story::{LINK_LOST, SPIKES, TROUBLES, Trouble},
    unit,
};
use crate::{collectors::devices::Target, units::Ratio};

/// What does not change about an interface.
#[derive(Debug)]
pub(in crate::collectors) struct MadeUpLink {
    pub(in crate::collectors) name: &'static str,
    pub(in crate::collectors) address: &'static str,
    /// Bytes per second; only hardware has a speed.
    pub(in crate::collectors) speed: Option<f64>,
    pub(in crate::collectors) mtu: u32,
}

/// The interfaces of the host, loopback first.
pub(in crate::collectors) const LINKS: [MadeUpLink; 4] = [
    MadeUpLink {
        name: "eth0",
        address: "02:00:5e:00:53:01",
        speed: Some(125e6),
        mtu: 1500,
    },
    MadeUpLink {
        name: "eth1",
        address: "02:00:5e:00:53:02",
        speed: Some(125e6),
        mtu: 1500,
    },
    MadeUpLink {
        name: "wg0",
        address: "",
        speed: None,
        mtu: 1420,
    },
    MadeUpLink {
        name: "lo",
        address: "00:00:00:00:00:00",
        speed: None,
        mtu: 65_536,
    },
];
/// The interface that loses its link at times.
const SECOND: usize = 1;

/// Name, address, group, what it is behind, and its usual round-trip time in milliseconds.
const DEVICES: &[(&str, &str, &str, &str, f64)] = &[
    ("router", "192.0.2.1", "core", "", 0.4),
    ("switch-cellar", "192.0.2.2", "core", "router", 0.3),
    ("switch-attic", "192.0.2.3", "core", "switch-cellar", 0.5),
    ("ap-attic", "192.0.2.10", "wireless", "switch-attic", 2.1),
    ("ap-garden", "192.0.2.11", "wireless", "switch-cellar", 3.6),
    ("ap-hall", "192.0.2.12", "wireless", "switch-cellar", 1.8),
    ("nas", "192.0.2.20", "servers", "switch-cellar", 0.35),
    ("backup", "192.0.2.21", "servers", "switch-cellar", 0.45),
    ("mail", "192.0.2.22", "servers", "switch-cellar", 0.6),
    ("web", "192.0.2.23", "servers", "switch-cellar", 0.55),
    ("printer", "192.0.2.30", "office", "switch-cellar", 1.2),
    ("scanner", "192.0.2.31", "office", "switch-cellar", 1.4),
    ("phone", "192.0.2.32", "office", "switch-cellar", 0.9),
    ("camera-gate", "192.0.2.40", "cameras", "ap-garden", 6.0),
    ("camera-yard", "192.0.2.41", "cameras", "ap-garden", 7.5),
    ("camera-attic", "192.0.2.42", "cameras", "switch-attic", 1.1),
    ("heating", "192.0.2.50", "building", "switch-cellar", 4.0),
    ("solar", "192.0.2.51", "building", "switch-attic", 5.0),
    ("branch-office", "198.51.100.1", "remote", "router", 18.0),
    ("dns", "203.0.113.53", "remote", "router", 9.0),
];

/// For which share of the time the device that all others are reached through is to be up.
const OBJECTIVE: Ratio = Ratio(0.999);

/// The devices as a configuration names them.
pub(super) fn targets() -> Vec<Target> {
    let target = |&(name, address, group, parent, _): &(&str, &str, &str, &str, f64)| Target {
        name: name.to_owned(),
        group: group.to_owned(),
        parents: Some(
            [parent]
                .into_iter()
                .filter(|parent| !parent.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        slo: parent.is_empty().then_some(OBJECTIVE),
        ..Target::new(address.to_owned())
    };
    DEVICES.iter().map(target).collect()
}

/// Whether an interface has a link.
pub(super) fn is_linked(link: usize, at: f64) -> bool {
    link != SECOND || LINK_LOST.iter().all(|lost| lost.age(at).is_none())
}

/// Adds `step` seconds around `at` to the counters of the interfaces.
pub(super) fn count(links: &mut [LinkTotals; LINKS.len()], at: f64, hour: f64, step: f64) {
    for (index, totals) in links.iter_mut().enumerate() {
        // Each end of a link that was lost is a change.
        let changed = is_linked(index, at) != (totals.carrier_changes % 2 == 0);
        totals.carrier_changes += u32::from(changed);
        let (incoming, outgoing) = traffic(index, at, hour);
        totals.received += incoming * step;
        totals.transmitted += outgoing * step;
        totals.packets_in += incoming / 900.0 * step;
        totals.packets_out += outgoing / 420.0 * step;
        let crowded = (incoming / 10e6 - 1.0).max(0.0);
        totals.drops += (0.002 + crowded * 3.0) * step;
        totals.errors += 0.0004 * step * f64::from(u8::from(index < 2));
    }
}

/// Bytes per second in and out.
fn traffic(link: usize, at: f64, hour: f64) -> (f64, f64) {
    if !is_linked(link, at) {
        return (0.0, 0.0);
    }
    let key = 10 + link as u64;
    let busy = bustle(hour) * (1.0 + 0.35 * chance(key, at, 900.0) + 0.25 * chance(key + 10, at, 90.0));
    let (mut incoming, mut outgoing) = match link {
        0 => (0.2e6 + 4.5e6 * busy, 0.1e6 + 1.1e6 * busy),
        SECOND => (0.05e6 + 0.8e6 * busy, 0.1e6 + 1.6e6 * busy),
        2 => (0.02e6 + 0.4e6 * busy, 0.02e6 + 0.3e6 * busy),
        _ => (0.03e6, 0.03e6),
    };
    if link == 0 {
        for (_, more_in, more_out) in SPIKES.iter().filter(|(when, _, _)| when.age(at).is_some()) {
            incoming += more_in * (1.0 + 0.1 * chance(31, at, 60.0));
            outgoing += more_out;
        }
    }
    // The nightly backup.
    if link == SECOND && (2.0..2.7).contains(&hour) {
        outgoing += 8e6;
    }
    (incoming, outgoing)
}

/// After how long a device answers.
pub(super) fn reply(device: &str, number: u64, at: f64, hour: f64) -> Option<Duration> {
    let index = DEVICES.iter().position(|known| known.0 == device)?;
    let usual = DEVICES.get(index)?.4;
    let key = 100 + index as u64;
    let (mut loss, mut slow) = (0.0005, 1.0);
    for trouble in troubles(device, at) {
        match trouble {
            Trouble::Silent | Trouble::Flapping => return None,
            Trouble::Loses(share) => loss = share,
            Trouble::Slow(times) => slow = times,
        }
    }
    if unit(key, number) < loss {
        return None;
    }
    // Most answers come near the usual time, a few much later.
    let late = -(1.0 - unit(key + 100, number)).ln();
    let drift = 1.0 + 0.2 * chance(key, at, 3600.0) + 0.4 * bustle(hour);
    Some(Duration::from_secs_f64(
        usual * slow * (drift + 0.15 * late) / 1000.0,
    ))
}

/// What is wrong with a device or with what it is behind.
fn troubles(device: &str, at: f64) -> Vec<Trouble> {
    let mut found = Vec::new();
    let mut place = Some(device);
    while let Some(name) = place {
        let own = TROUBLES.iter().filter(|(of, _, _)| *of == name);
        found.extend(own.filter_map(|(_, when, trouble)| {
            let age = when.age(at)?;
            let answers = matches!(trouble, Trouble::Flapping) && (age / 360.0).rem_euclid(2.0) < 1.0;
            (!answers).then_some(*trouble)
        }));
        let known = DEVICES.iter().find(|known| known.0 == name);
        place = known.map(|known| known.3);
    }
    found
}
