//! The default gateway of this host and what is reached without it, from the kernel's routing tables. IPv4 is
//! preferred.

use std::net::{IpAddr, SocketAddr};

/// Where packets of this host go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Routes {
    /// The default gateway; `None` when there is none or it cannot be read.
    pub(super) gateway: Option<SocketAddr>,
    /// The networks to which a route leads that is not the default one.
    networks: Vec<Network>,
}

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// Bits that are alike.
    length: u8,
}

impl Routes {
    /// A gateway, and networks that are reached without it.
    #[cfg(test)]
    pub(super) fn of(gateway: SocketAddr, networks: &[(&str, u8)]) -> Self {
        let network = |(address, length): &(&str, u8)| Network {
            address: address.parse().expect("an address"),
            length: *length,
        };
        Self {
            gateway: Some(gateway),
            networks: networks.iter().map(network).collect(),
        }
    }

    /// Whether packets to this address go through the default gateway.
    pub(super) fn lead_through_gateway(&self, to: IpAddr) -> bool {
        let Some(gateway) = self.gateway.map(|gateway| gateway.ip()) else {
            return false;
        };
        gateway.is_ipv4() == to.is_ipv4()
            && gateway != to
            && !is_near(to)
            && !self.networks.iter().any(|network| network.contains(to))
    }
}

/// Addresses that mean this host or its link, whatever the routes say.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

impl Network {
    fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let differ = u32::from(one) ^ u32::from(other);
                differ.leading_zeros() >= u32::from(self.length)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                let differ = u128::from(one) ^ u128::from(other);
                differ.leading_zeros() >= u32::from(self.length)
            }
            _ => false,
        }
    }
}

/// The routes of this host.
#[cfg(target_os = "linux")]
pub(super) fn routes(procfs: &str) -> Routes {
    let (v4, v6) = tables(procfs);
    let mut networks = networks_v4(&v4);
    networks.extend(networks_v6(&v6));
    Routes {
        gateway: gateway_of(&v4, &v6),
        networks,
    }
}

/// The routes of this host: what is on its links is reached without the gateway.
#[cfg(not(target_os = "linux"))]
pub(super) fn routes(procfs: &str) -> Routes {
    let interfaces = netdev::get_interfaces();
    let networks = interfaces.iter().flat_map(|interface| {
        let v4 = interface
            .ipv4
            .iter()
            .map(|net| (IpAddr::from(net.addr()), net.prefix_len()));
        let v6 = interface
            .ipv6
            .iter()
            .map(|net| (IpAddr::from(net.addr()), net.prefix_len()));
        v4.chain(v6)
    });
    Routes {
        gateway: find(procfs),
        networks: networks
            .map(|(address, length)| Network { address, length })
            .collect(),
    }
}

/// A gateway as a routing table names it.
#[cfg(any(target_os = "linux", test))]
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    gateway: IpAddr,
    interface: String,
    metric: u32,
}

/// The gateway to watch; `None` when there is none or it cannot be read.
#[cfg(target_os = "linux")]
#[must_use]
pub fn find(procfs: &str) -> Option<SocketAddr> {
    let (v4, v6) = tables(procfs);
    gateway_of(&v4, &v6)
}

#[cfg(target_os = "linux")]
fn gateway_of(v4: &str, v6: &str) -> Option<SocketAddr> {
    let route = best(parse_v4(v4)).or_else(|| best(parse_v6(v6)))?;
    Some(with_zone(&route, |name| nix::net::if_::if_nametoindex(name).ok()))
}

/// Both routing tables. One that is longer than those of any host but a router of the internet counts as empty.
#[cfg(target_os = "linux")]
fn tables(procfs: &str) -> (String, String) {
    use std::io::Read;

    const MOST: u64 = 1024 * 1024;
    let net = std::path::Path::new(procfs).join("net");
    let read = |name: &str| {
        let mut text = String::new();
        let file = std::fs::File::open(net.join(name)).ok()?;
        let length = file.take(MOST + 1).read_to_string(&mut text).ok()?;
        (length as u64 <= MOST).then_some(text)
    };
    let table = |name| read(name).unwrap_or_default();
    (table("route"), table("ipv6_route"))
}

/// The gateway to watch; `None` when there is none or it cannot be read.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn find(_procfs: &str) -> Option<SocketAddr> {
    let gateway = netdev::get_default_gateway().ok()?;
    let v4 = gateway.ipv4.first().map(|ip| IpAddr::from(*ip));
    v4.or_else(|| gateway.ipv6.first().map(|ip| IpAddr::from(*ip)))
        .map(|ip| SocketAddr::new(ip, 0))
}

#[cfg(any(target_os = "linux", test))]
fn best(routes: Vec<Route>) -> Option<Route> {
    routes.into_iter().min_by_key(|route| route.metric)
}

/// A link-local address means nothing without its interface.
#[cfg(any(target_os = "linux", test))]
fn with_zone(route: &Route, index_of: impl Fn(&str) -> Option<u32>) -> SocketAddr {
    match route.gateway {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            let zone = index_of(&route.interface).unwrap_or_default();
            std::net::SocketAddrV6::new(ip, 0, 0, zone).into()
        }
        ip => SocketAddr::new(ip, 0),
    }
}

#[cfg(any(target_os = "linux", test))]
const UP_AND_GATEWAY: u32 = 0x3;
#[cfg(any(target_os = "linux", test))]
const UP: u32 = 0x1;
#[cfg(any(target_os = "linux", test))]
const REJECT: u32 = 0x200;

/// Default routes with a gateway in the format of `/proc/net/route`. Lines that are not understood are skipped.
#[cfg(any(target_os = "linux", test))]
fn parse_v4(text: &str) -> Vec<Route> {
    text.lines().skip(1).filter_map(parse_v4_line).collect()
}

#[cfg(any(target_os = "linux", test))]
fn parse_v4_line(line: &str) -> Option<Route> {
    let mut fields = line.split_ascii_whitespace();
    let interface = fields.next()?.to_owned();
    let (destination, gateway) = (hex(fields.next()?)?, hex(fields.next()?)?);
    let flags = hex(fields.next()?)?;
    let metric = fields.nth(2)?.parse().ok()?;
    let mask = hex(fields.next()?)?;
    let usable = destination == 0 && mask == 0 && gateway != 0 && flags & UP_AND_GATEWAY == UP_AND_GATEWAY;
    // The kernel prints the address as a number in its own byte order.
    let gateway = std::net::Ipv4Addr::from(gateway.to_ne_bytes()).into();
    usable.then_some(Route {
        gateway,
        interface,
        metric,
    })
}

/// Networks with a route of their own, in the format of `/proc/net/route`. Lines that are not understood are skipped.
#[cfg(any(target_os = "linux", test))]
fn networks_v4(text: &str) -> Vec<Network> {
    let network = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let destination = hex(fields.nth(1)?)?;
        let flags = hex(fields.nth(1)?)?;
        let mask = hex(fields.nth(3)?)?;
        (flags & UP != 0 && mask != 0).then(|| Network {
            // The kernel prints both as numbers in its own byte order.
            address: std::net::Ipv4Addr::from(destination.to_ne_bytes()).into(),
            length: u8::try_from(mask.count_ones()).unwrap_or(u8::MAX),
        })
    };
    text.lines().skip(1).filter_map(network).collect()
}

/// The same in the format of `/proc/net/ipv6_route`, which has no heading. Routes that refuse packets lead nowhere.
#[cfg(any(target_os = "linux", test))]
fn networks_v6(text: &str) -> Vec<Network> {
    let network = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let [destination, length, _, _, _, _, _, _, flags, _] = *fields.first_chunk()?;
        let (address, length) = (
            u128::from_str_radix(destination, 16).ok()?,
            u8::from_str_radix(length, 16).ok()?,
        );
        let leads = hex(flags)? & (UP | REJECT) == UP;
        (leads && length != 0).then(|| Network {
            address: std::net::Ipv6Addr::from(address).into(),
            length,
        })
    };
    text.lines().filter_map(network).collect()
}

/// The same in the format of `/proc/net/ipv6_route`, which has no heading.
#[cfg(any(target_os = "linux", test))]
fn parse_v6(text: &str) -> Vec<Route> {
    text.lines().filter_map(parse_v6_line).collect()
}

#[cfg(any(target_os = "linux", test))]
fn parse_v6_line(line: &str) -> Option<Route> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [destination, length, _, _, next, metric, _, _, flags, interface] = *fields.first_chunk()?;
    let (destination, next) = (
        u128::from_str_radix(destination, 16).ok()?,
        u128::from_str_radix(next, 16).ok()?,
    );
    let usable =
        destination == 0 && length == "00" && next != 0 && hex(flags)? & UP_AND_GATEWAY == UP_AND_GATEWAY;
    usable.then(|| {
        Some(Route {
            gateway: std::net::Ipv6Addr::from(next).into(),
            interface: interface.to_owned(),
            metric: hex(metric)?,
        })
    })?
}

#[cfg(any(target_os = "linux", test))]
fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_default_route_with_the_lowest_metric_wins() {
        let table = format!(
            "{HEADING}wlan0\t00000000\tFE01A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
             tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
        );
        let route = best(parse_v4(&table)).expect("two default routes have a gateway");
        assert_eq!(
            (route.gateway, route.interface.as_str()),
            (IpAddr::from([192, 168, 1, 1]), "eth0")
        );
    }

    #[test]
    fn ipv6_gateways_keep_their_interface() {
        let zero = "0".repeat(32);
        let gateway = "fe800000000000000000000000000001";
        let table = format!(
            "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
             {zero} 00 {zero} 00 {gateway} 00000400 00000001 00000000 00450003     eth0\n"
        );
        let route = best(parse_v6(&table)).expect("a gateway");
        let address = with_zone(&route, |name| (name == "eth0").then_some(2));
        assert_eq!(address.to_string(), "[fe80::1%2]:0");
    }

    #[test]
    fn hostile_tables_have_no_gateway() {
        let long = format!("{HEADING}{}\n", "x".repeat(100_000));
        for table in [
            "",
            HEADING,
            "\u{0}\u{0}\n\u{0}",
            &long,
            "Iface\neth0\n",
            "Iface\neth0 00000000 0101A8C0 0003 0 0 -1 00000000\n",
            "Iface\neth0 00000000 FFFFFFFFF 0003 0 0 0 00000000\n",
            "Iface\neth0 00000000 0101A8C0 0001 0 0 0 00000000\n",
            "Iface\neth0 zz 0101A8C0 0003 0 0 0 00000000\n",
        ] {
            assert_eq!(parse_v4(table), [], "{table:.60}");
            assert_eq!(parse_v6(table), [], "{table:.60}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn what_no_other_route_leads_to_goes_through_the_gateway() {
        let table = format!(
            "{HEADING}eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
             wg0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n\
             gone\t0002A8C0\t00000000\t0000\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
        );
        let routes = Routes {
            gateway: Some(SocketAddr::from(([192, 168, 1, 1], 0))),
            networks: networks_v4(&table),
        };
        for (to, expected, why) in [
            ("198.51.100.1", true, "the world outside"),
            ("192.168.1.77", false, "on the link"),
            ("192.168.1.1", false, "the gateway itself"),
            ("192.168.2.1", true, "the route to it is down"),
            ("10.3.2.1", false, "through a tunnel"),
            ("127.0.0.1", false, "this host"),
            ("169.254.1.1", false, "on some link"),
            ("2001:db8::1", false, "of which an IPv4 gateway says nothing"),
        ] {
            let to = to.parse().expect("an address");
            assert_eq!(routes.lead_through_gateway(to), expected, "{to}: {why}");
        }
        assert!(
            !Routes::default().lead_through_gateway([198, 51, 100, 1].into()),
            "no gateway"
        );
    }

    #[test]
    fn routes_of_ipv6_that_refuse_lead_nowhere() {
        let zero = "0".repeat(32);
        let net = "20010db8000000000000000000000000";
        let other = "20010db9000000000000000000000000";
        let table = format!(
            "{zero} 00 {zero} 00 {zero} 00000400 00000001 00000000 00450003 eth0\n\
             {net} 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001 eth0\n\
             {other} 20 {zero} 00 {zero} 00000100 00000001 00000000 00000201 lo\n"
        );
        let routes = Routes {
            gateway: Some("[fe80::1]:0".parse().expect("an address")),
            networks: networks_v6(&table),
        };
        for (to, expected) in [
            ("2001:db8::7", false),
            ("2001:db8:0:1::7", true),
            ("2001:db9::7", true),
            ("fe80::7", false),
        ] {
            let to = to.parse().expect("an address");
            assert_eq!(routes.lead_through_gateway(to), expected, "{to}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_host_without_tables_has_no_gateway() {
        assert_eq!(find("/nonexistent"), None);
    }
}
