//! Interfaces where there is no rtnetlink (macOS, the BSDs, Windows), as `sysinfo` and `pnet_datalink` tell them. These
//! tell neither drops nor multicast nor carrier changes nor what belongs to what, so those stay unknown.

use sysinfo::{InterfaceOperationalState as State, NetworkData, Networks};

use super::interface::{Counters, Facts, Flow, Interface, Kind, Layer, Link, Snapshot, Source, Wanted};
use crate::{clock::Clock, collectors::Error};

const CALL: &str = "list the interfaces";
const BITS_PER_BYTE: f64 = 8.0;

/// Reads interfaces through sysinfo.
pub(super) struct Portable {
    clock: Clock,
    networks: Option<Networks>,
}

/// What pnet tells beyond sysinfo.
struct Facet {
    index: u32,
    loopback: bool,
    wanted: Wanted,
}

impl Portable {
    /// Reads nothing yet.
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            networks: None,
        }
    }
}

impl Source for Portable {
    fn read(&mut self, _: Facts) -> Result<Snapshot, Error> {
        let mut networks = match self.networks.take() {
            Some(networks) => networks,
            None => Networks::new().map_err(|error| failure(format!("{error:?}")))?,
        };
        let before = self.clock.now().instant;
        networks.refresh(true);
        let took = self.clock.now().instant.saturating_duration_since(before);
        let facets = facets();
        let mut interfaces: Vec<Interface> = networks
            .iter()
            .filter(|(_, data)| answered(data))
            .map(|(name, data)| {
                let name = name.to_string_lossy();
                interface(
                    &name,
                    data,
                    facets
                        .iter()
                        .find(|(facet, _)| *facet == name)
                        .map(|(_, facet)| facet),
                )
            })
            .collect();
        self.networks = Some(networks);
        if interfaces.is_empty() {
            return Err(failure("none was found, not even the loopback".to_owned()));
        }
        interfaces.sort_by(|left, right| left.link.name.cmp(&right.link.name));
        Ok(Snapshot {
            taken: before + took / 2,
            interfaces,
        })
    }
}

/// sysinfo turns what it could not read into zeros. An interface without MTU and traffic told nothing; it is left
/// out, for its zeros would look like a reset now and like a burst later.
fn answered(data: &NetworkData) -> bool {
    data.mtu() > 0 || data.total_received() > 0 || data.total_transmitted() > 0
}

fn interface(name: &str, data: &NetworkData, facet: Option<&Facet>) -> Interface {
    let (up, operstate) = state(data.operational_state());
    let kind = kind(name, facet.is_some_and(|facet| facet.loopback));
    let link = Link {
        index: facet.map_or(0, |facet| facet.index),
        name: name.into(),
        kind,
        layer: layer(name),
        master: None,
        wanted: facet.map_or(Wanted::Up, |facet| facet.wanted),
        up,
        operstate: operstate.into(),
        address: address(data),
        mtu: u32::try_from(data.mtu()).ok().filter(|mtu| *mtu > 0),
        carrier_changes: None,
        speed: data
            .receive_link_speed()
            .filter(|_| kind.is_hardware())
            .and_then(speed),
        duplex: "".into(),
    };
    Interface {
        link: std::sync::Arc::new(link),
        counters: counters(data),
    }
}

fn counters(data: &NetworkData) -> Counters {
    Counters {
        receive: Flow {
            bytes: Some(data.total_received()),
            packets: Some(data.total_packets_received()),
            errors: Some(data.total_errors_on_received()),
            drops: None,
        },
        transmit: Flow {
            bytes: Some(data.total_transmitted()),
            packets: Some(data.total_packets_transmitted()),
            errors: Some(data.total_errors_on_transmitted()),
            drops: None,
        },
        multicast: None,
    }
}

fn state(state: State) -> (bool, &'static str) {
    match state {
        State::Up => (true, "up"),
        State::Unknown => (true, "unknown"),
        State::Down => (false, "down"),
        State::Testing => (false, "testing"),
        State::Dormant => (false, "dormant"),
        State::NotPresent => (false, "notpresent"),
        State::LowerLayerDown => (false, "lowerlayerdown"),
        // What the library does not recognise, it does not call down either.
        _ => (true, ""),
    }
}

fn speed(bits_per_second: u64) -> Option<f64> {
    // Windows says all ones when it does not know.
    let known = bits_per_second > 0 && bits_per_second < u64::MAX;
    known.then(|| bits_per_second as f64 / BITS_PER_BYTE)
}

fn address(data: &NetworkData) -> smol_str::SmolStr {
    if data.mac_address().is_unspecified() {
        return smol_str::SmolStr::default();
    }
    data.mac_address().to_string().into()
}

/// Neither library tells hardware from software, but the systems name them apart.
fn kind(name: &str, loopback: bool) -> Kind {
    if loopback || name.contains("Loopback") {
        return Kind::Loopback;
    }
    match () {
        () if cfg!(target_os = "macos") && !is_numbered(name, "en") => Kind::Virtual,
        () if cfg!(windows) && name.starts_with("vEthernet") => Kind::Virtual,
        () if SOFTWARE.iter().any(|prefix| is_numbered(name, prefix)) => Kind::Virtual,
        () if name.starts_with("Wi-Fi") => Kind::Wireless,
        () => Kind::Physical,
    }
}

/// Names of interfaces that are software on the systems this file is for.
const SOFTWARE: &[&str] = &[
    "bridge", "epair", "gif", "lagg", "stf", "tap", "tun", "utun", "vlan", "wg",
];
const TUNNELS: &[&str] = &["gif", "stf", "tap", "tun", "utun", "wg"];

fn layer(name: &str) -> Layer {
    match name {
        _ if TUNNELS.iter().any(|prefix| is_numbered(name, prefix)) => Layer::Tunnel,
        _ if ["bridge", "lagg", "vlan"]
            .iter()
            .any(|prefix| is_numbered(name, prefix)) =>
        {
            Layer::Shared
        }
        _ => Layer::Own,
    }
}

fn is_numbered(name: &str, prefix: &str) -> bool {
    let number = name.strip_prefix(prefix);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn facets() -> Vec<(String, Facet)> {
    let facet = |interface: pnet_datalink::NetworkInterface| {
        let facet = Facet {
            index: interface.index,
            loopback: interface.is_loopback(),
            wanted: if interface.is_up() {
                Wanted::Up
            } else {
                Wanted::Down
            },
        };
        (interface.name, facet)
    };
    pnet_datalink::interfaces().into_iter().map(facet).collect()
}

#[cfg(not(all(unix, not(target_os = "linux"))))]
fn facets() -> Vec<(String, Facet)> {
    Vec::new()
}

fn failure(detail: String) -> Error {
    Error::Library { call: CALL, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_interfaces() {
        let snapshot = Portable::new(Clock::System)
            .read(Facts::Fresh)
            .expect("every host has a loopback");
        assert!(
            snapshot
                .interfaces
                .iter()
                .all(|interface| interface.counters.receive.drops.is_none())
        );
        assert!(
            snapshot
                .interfaces
                .iter()
                .all(|interface| interface.link.mtu != Some(0))
        );
    }

    #[test]
    fn names_tell_software_from_hardware() {
        for (name, expected, layer_expected) in [
            ("en0", Kind::Physical, Layer::Own),
            ("utun3", Kind::Virtual, Layer::Tunnel),
            ("bridge0", Kind::Virtual, Layer::Shared),
            ("Loopback Pseudo-Interface 1", Kind::Loopback, Layer::Own),
        ] {
            assert_eq!(
                (kind(name, false), layer(name)),
                (expected, layer_expected),
                "{name}"
            );
        }
        assert_eq!(kind("lo0", true), Kind::Loopback);
    }

    #[test]
    fn an_unknown_speed_is_no_speed() {
        for (bits, expected) in [(1_000_000_000, Some(125_000_000.0)), (0, None), (u64::MAX, None)] {
            assert_eq!(speed(bits), expected, "{bits}");
        }
    }
}
