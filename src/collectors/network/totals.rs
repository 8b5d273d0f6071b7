//! Which interfaces the host's total adds up, so that no packet is counted twice, and the sum of their rates.
//!
//! Hardware, and of a bond its members. Where no hardware is seen, as in a container: what is neither loopback nor a
//! member of another interface nor shares its packets with one; tunnels only when nothing else is left.

use std::collections::HashSet;

use super::interface::{Kind, Layer, Link};
use crate::sample::{Missing, Observed};

/// Numbers of the interfaces that make up the total.
pub(super) fn counted<'a>(links: &(impl Iterator<Item = &'a Link> + Clone)) -> HashSet<Key<'a>> {
    let hardware: HashSet<u32> = links
        .clone()
        .filter(|link| link.kind.is_hardware())
        .map(|link| link.index)
        .collect();
    let pick = |wanted: &dyn Fn(&Link) -> bool| links.clone().filter(|link| wanted(link)).map(key).collect();
    // Where one card fronts another (a hypervisor's virtual function), the front counts both.
    let behind_hardware = |link: &Link| link.master.is_some_and(|master| hardware.contains(&master));
    let alone =
        |link: &Link, layer| link.kind != Kind::Loopback && link.master.is_none() && link.layer == layer;
    let choices: [&dyn Fn(&Link) -> bool; 3] = [
        &|link| link.kind.is_hardware() && !behind_hardware(link),
        &|link| alone(link, Layer::Own),
        &|link| alone(link, Layer::Tunnel),
    ];
    choices
        .iter()
        .map(|wanted| pick(wanted))
        .find(|picked: &HashSet<Key<'a>>| !picked.is_empty())
        .unwrap_or_default()
}

/// What tells one interface from another at one moment.
pub(super) type Key<'a> = (u32, &'a str);

/// The key of `link`.
pub(super) fn key(link: &Link) -> Key<'_> {
    (link.index, link.name.as_str())
}

/// The sum of `rates`; missing as soon as one is, because a part of the total is no total.
pub(super) fn sum(rates: impl IntoIterator<Item = Observed>) -> Observed {
    let mut total = None;
    for rate in rates {
        total = Some(match total {
            None => rate,
            Some(total) => add(total, rate),
        });
    }
    total.unwrap_or(Observed::Missing(Missing::NoSample))
}

fn add(left: Observed, right: Observed) -> Observed {
    match (left, right) {
        (Observed::Missing(reason), _) | (_, Observed::Missing(reason)) => Observed::Missing(reason),
        (Observed::Value(left), Observed::Value(right)) => Observed::Value(left + right),
        (
            Observed::Value(left) | Observed::Implausible(left) | Observed::Excused(left),
            Observed::Value(right) | Observed::Implausible(right) | Observed::Excused(right),
        ) => Observed::Implausible(left + right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::network::fixture;

    fn member(mut link: Link, master: u32) -> Link {
        link.master = Some(master);
        link
    }

    fn layered(mut link: Link, layer: Layer) -> Link {
        link.layer = layer;
        link
    }

    fn physical(index: u32, name: &str) -> Link {
        fixture::link(index, name, Kind::Physical)
    }

    fn soft(index: u32, name: &str) -> Link {
        fixture::link(index, name, Kind::Virtual)
    }

    #[test]
    fn no_packet_is_counted_twice() {
        let lo = || fixture::link(1, "lo", Kind::Loopback);
        let bridge = |index| layered(soft(index, "br0"), Layer::Shared);
        let vlan = || layered(soft(9, "eth0.5"), Layer::Shared);
        let wlan = fixture::link(4, "wlan0", Kind::Wireless);
        let cases: Vec<(&str, Vec<Link>, &[&str])> = vec![
            (
                "cable and radio",
                vec![lo(), physical(2, "eth0"), wlan],
                &["eth0", "wlan0"],
            ),
            (
                "bridge with veth",
                vec![
                    lo(),
                    member(physical(2, "eth0"), 5),
                    bridge(5),
                    member(soft(6, "veth0"), 5),
                ],
                &["eth0"],
            ),
            (
                "bond with VLAN",
                vec![
                    member(physical(2, "eth0"), 8),
                    member(physical(3, "eth1"), 8),
                    soft(8, "bond0"),
                    vlan(),
                ],
                &["eth0", "eth1"],
            ),
            (
                "virtual function behind its front",
                vec![physical(2, "eth0"), member(physical(3, "eth1"), 2)],
                &["eth0"],
            ),
            ("container", vec![lo(), soft(2, "eth0")], &["eth0"]),
            (
                "container with containers",
                vec![lo(), soft(2, "eth0"), bridge(3), member(soft(4, "veth1"), 3)],
                &["eth0"],
            ),
            (
                "container with a tunnel",
                vec![lo(), soft(2, "eth0"), layered(soft(3, "wg0"), Layer::Tunnel)],
                &["eth0"],
            ),
            (
                "rootless container",
                vec![lo(), layered(soft(2, "tap0"), Layer::Tunnel)],
                &["tap0"],
            ),
            ("nothing but the loopback", vec![lo()], &[]),
        ];
        for (case, links, expected) in cases {
            let mut names: Vec<&str> = counted(&links.iter()).into_iter().map(|(_, name)| name).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{case}");
        }
    }

    #[test]
    fn a_part_is_no_total() {
        let reset = Observed::Missing(Missing::CounterReset);
        for (case, rates, expected) in [
            (
                "sum",
                vec![Observed::Value(1.0), Observed::Value(2.0)],
                Observed::Value(3.0),
            ),
            (
                "flagged",
                vec![Observed::Value(1.0), Observed::Implausible(2.0)],
                Observed::Implausible(3.0),
            ),
            (
                "one missing",
                vec![Observed::Value(1.0), reset, Observed::Value(1.0)],
                reset,
            ),
            ("none", vec![], Observed::Missing(Missing::NoSample)),
        ] {
            assert_eq!(sum(rates), expected, "{case}");
        }
    }
}
