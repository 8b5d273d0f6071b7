//! The default gateway of this host, from the kernel's routing tables. IPv4 is preferred.

use std::net::{IpAddr, SocketAddr};

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
    let net = std::path::Path::new(procfs).join("net");
    let read = |name: &str| std::fs::read_to_string(net.join(name)).unwrap_or_default();
    let route = best(parse_v4(&read("route"))).or_else(|| best(parse_v6(&read("ipv6_route"))))?;
    Some(with_zone(&route, |name| nix::net::if_::if_nametoindex(name).ok()))
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_host_without_tables_has_no_gateway() {
        assert_eq!(find("/nonexistent"), None);
    }
}
