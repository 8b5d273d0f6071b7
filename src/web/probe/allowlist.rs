//! Which hosts may be probed: configured devices, and what lies in an allowed network. Names are judged by the
//! addresses they have, so that none leads anywhere else. Pure.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{
    super::{parameter, prober::Prober},
    config::Config,
};

/// Where an administrator allows more.
const ADD: &str = "add it to `collectors.devices.targets`, or its network to `web.probe.allowed_networks`";
/// Addresses of a name that are told.
const TOLD: usize = 4;

/// The settings in force.
#[derive(Debug, Clone)]
pub(in crate::web) struct Settings {
    pub(super) config: Config,
    networks: Vec<IpNet>,
}

/// How a target that may be probed, or whose addresses are still to be judged, is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// At this address.
    Known(IpAddr),
    /// At an address of this name, whichever it is: it belongs to a device.
    Device(SmolStr),
    /// At an address of this name that may be probed.
    Judged(SmolStr),
}

/// The address of a name that is to be probed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one.
    Probe(SocketAddr),
    /// The name has none that serves; in words.
    None(String),
    /// None of them may be probed; in words.
    Forbidden(String),
}

impl Settings {
    pub(in crate::web) fn new(config: &Config) -> Self {
        Self {
            networks: config.networks(),
            config: config.clone(),
        }
    }

    /// Judges a target before any name is looked up: what is plainly not allowed costs nobody a question.
    pub(super) fn admit(&self, target: &str, prober: &dyn Prober) -> Result<Way, String> {
        if let Some(address) = prober.device(target) {
            return Ok(match address.parse::<IpAddr>() {
                Ok(ip) => Way::Known(ip.to_canonical()),
                Err(_) => Way::Device(address),
            });
        }
        let shown = parameter::shown(target);
        match target.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(ip) if self.allows(ip, prober) => Ok(Way::Known(ip)),
            Ok(ip) if !is_one_host(ip) => Err(format!(
                "`{shown}` may not be probed: it is not the address of one host"
            )),
            Ok(_) => Err(format!(
                "`{shown}` may not be probed: it is not the address of a configured device, and {}; {ADD}",
                self.rule()
            )),
            Err(_) if self.networks.is_empty() => Err(format!(
                "`{shown}` may not be probed: it is not the name or address of a configured device, and {}; {ADD}",
                self.rule()
            )),
            Err(_) => Ok(Way::Judged(target.into())),
        }
    }

    /// Picks from the addresses of a device's name.
    pub(super) fn choose(&self, addresses: &[SocketAddr]) -> Choice {
        let addresses: Vec<SocketAddr> = addresses.iter().map(canonical).collect();
        let preferred = self.config.preferred_ip_protocol;
        let found = addresses.iter().find(|address| preferred.is_of(address.ip()));
        let fallback = addresses.first().filter(|_| self.config.ip_protocol_fallback);
        match (found.or(fallback), addresses.is_empty()) {
            (Some(address), _) => Choice::Probe(*address),
            (None, true) => Choice::None("the name has no address".to_owned()),
            (None, false) => Choice::None(format!(
                "the name has no address of {}, and `web.probe.ip_protocol_fallback` is off",
                preferred.word()
            )),
        }
    }

    /// Picks from those addresses of a name that may be probed.
    pub(super) fn choose_allowed(&self, name: &str, addresses: &[SocketAddr], prober: &dyn Prober) -> Choice {
        let ip = |address: &SocketAddr| address.ip().to_canonical();
        let allowed: Vec<SocketAddr> = addresses
            .iter()
            .filter(|address| self.allows(ip(address), prober))
            .copied()
            .collect();
        if !allowed.is_empty() || addresses.is_empty() {
            return self.choose(&allowed);
        }
        let found: Vec<String> = addresses
            .iter()
            .map(|address| ip(address).to_string())
            .take(TOLD)
            .collect();
        Choice::Forbidden(format!(
            "`{}` may not be probed: it is at {}, which is not the address of a configured device, and {}; {ADD}",
            parameter::shown(name),
            found.join(", "),
            self.rule()
        ))
    }

    fn allows(&self, ip: IpAddr, prober: &dyn Prober) -> bool {
        let is_within = || self.networks.iter().any(|network| network.contains(&ip));
        is_one_host(ip) && (is_within() || prober.is_device(ip))
    }

    /// Why a network does not help.
    fn rule(&self) -> String {
        if self.networks.is_empty() {
            return "`web.probe.allowed_networks` is empty".to_owned();
        }
        let networks: Vec<String> = self.networks.iter().map(IpNet::to_string).collect();
        format!("`web.probe.allowed_networks` holds {} only", networks.join(", "))
    }
}

/// Many hosts answer at the others, or none.
fn is_one_host(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::from([255; 4])
}

/// An IPv4 address that is written as an IPv6 one is an IPv4 address.
fn canonical(address: &SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => *address,
        ip => SocketAddr::new(ip, address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::prober::{LookingUp, Pinging},
        *,
    };
    use crate::web::probe::config::IpProtocol;

    /// Watches `nas` at nas.lan and `router` at 192.0.2.1.
    struct Watching;

    impl Prober for Watching {
        fn device(&self, target: &str) -> Option<SmolStr> {
            match target {
                "nas" | "nas.lan" => Some("nas.lan".into()),
                "router" | "192.0.2.1" => Some("192.0.2.1".into()),
                _ => None,
            }
        }

        fn is_device(&self, ip: IpAddr) -> bool {
            ip == IpAddr::from([192, 0, 2, 1])
        }

        fn look_up<'a>(&'a self, name: &'a str) -> LookingUp<'a> {
            panic!("{name} is not looked up here")
        }

        fn ping(
            &self,
            to: SocketAddr,
            _: std::time::Duration,
            _: tokio::sync::OwnedSemaphorePermit,
        ) -> Pinging<'_> {
            panic!("{to} is not pinged here")
        }
    }

    fn settings(networks: &[&str]) -> Settings {
        Settings::new(&Config {
            allowed_networks: networks.iter().map(|text| (*text).to_owned()).collect(),
            ..Config::default()
        })
    }

    fn at(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().expect("an address"), 0)
    }

    #[test]
    fn devices_and_allowed_networks_are_admitted_and_nothing_else() {
        let known = |ip: &str| Ok(Way::Known(ip.parse().expect("an address")));
        let closed = settings(&[]);
        let open = settings(&["198.51.100.0/24", "2001:db8::/32", "224.0.0.0/4"]);
        let empty = "`web.probe.allowed_networks` is empty";
        let only = "holds 198.51.100.0/24, 2001:db8::/32, 224.0.0.0/4 only";
        let rows = [
            (&closed, "router", known("192.0.2.1")),
            (&closed, "192.0.2.1", known("192.0.2.1")),
            (&closed, "::ffff:192.0.2.1", known("192.0.2.1")),
            (&closed, "nas", Ok(Way::Device("nas.lan".into()))),
            (&closed, "nas.lan", Ok(Way::Device("nas.lan".into()))),
            (&closed, "192.0.2.2", Err(empty)),
            (&closed, "::1", Err(empty)),
            (&closed, "other.lan", Err(empty)),
            (&closed, "192.0.2.1:80", Err(empty)),
            (&open, "198.51.100.255", known("198.51.100.255")),
            (&open, "::ffff:198.51.100.7", known("198.51.100.7")),
            (&open, "2001:db8::7", known("2001:db8::7")),
            (&open, "198.51.101.1", Err(only)),
            (&open, "224.0.0.1", Err("not the address of one host")),
            (&open, "0.0.0.0", Err("not the address of one host")),
            (&open, "255.255.255.255", Err("not the address of one host")),
            (&open, "other.lan", Ok(Way::Judged("other.lan".into()))),
            (&open, "fe80::1%eth0", Ok(Way::Judged("fe80::1%eth0".into()))),
        ];
        for (settings, target, expected) in rows {
            let found = settings.admit(target, &Watching);
            match (&found, expected) {
                (Ok(way), Ok(expected)) => assert_eq!(*way, expected, "{target}"),
                (Err(words), Err(part)) => {
                    assert!(
                        words.contains(part) && words.starts_with(&format!("`{target}` may not be probed")),
                        "{words}"
                    );
                }
                _ => panic!("{target}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_name_is_probed_at_an_address_that_is_allowed() {
        let settings = settings(&["198.51.100.0/24"]);
        let choose = |ips: &[&str]| {
            let addresses: Vec<_> = ips.iter().map(|ip| at(ip)).collect();
            settings.choose_allowed("x.lan", &addresses, &Watching)
        };
        assert_eq!(
            choose(&["2001:db8::1", "198.51.100.7"]),
            Choice::Probe(at("198.51.100.7"))
        );
        assert_eq!(
            choose(&["::ffff:198.51.100.7"]),
            Choice::Probe(at("198.51.100.7"))
        );
        assert_eq!(
            choose(&["192.0.2.1"]),
            Choice::Probe(at("192.0.2.1")),
            "a device's address"
        );
        assert_eq!(choose(&[]), Choice::None("the name has no address".to_owned()));
        let Choice::Forbidden(words) = choose(&["127.0.0.1", "::1"]) else {
            panic!("loopback is not allowed");
        };
        assert_eq!(
            words,
            "`x.lan` may not be probed: it is at 127.0.0.1, ::1, which is not the address of a configured device, and \
             `web.probe.allowed_networks` holds 198.51.100.0/24 only; add it to `collectors.devices.targets`, or its \
             network to `web.probe.allowed_networks`"
        );
    }

    #[test]
    fn the_preferred_protocol_is_taken_if_there_is_a_choice() {
        let both = [at("192.0.2.1"), at("2001:db8::1")];
        let rows = [
            (IpProtocol::Ip6, true, &both[..], Some("2001:db8::1")),
            (IpProtocol::Ip4, true, &both[..], Some("192.0.2.1")),
            (IpProtocol::Ip6, true, &both[..1], Some("192.0.2.1")),
            (IpProtocol::Ip6, false, &both[..1], None),
            (IpProtocol::Ip4, false, &both[1..], None),
        ];
        for (preferred_ip_protocol, ip_protocol_fallback, addresses, expected) in rows {
            let settings = Settings::new(&Config {
                preferred_ip_protocol,
                ip_protocol_fallback,
                ..Config::default()
            });
            let found = match settings.choose(addresses) {
                Choice::Probe(address) => Some(address),
                Choice::None(words) => {
                    assert!(words.contains("is off"), "{words}");
                    None
                }
                Choice::Forbidden(words) => panic!("{words}"),
            };
            assert_eq!(
                found,
                expected.map(at),
                "{preferred_ip_protocol:?} {ip_protocol_fallback}"
            );
        }
    }
}
