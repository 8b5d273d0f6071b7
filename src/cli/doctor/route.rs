//! Whether there is a default gateway: the one device that is watched without any configuration.

use std::net::IpAddr;
#[cfg(target_os = "linux")]
use std::net::{Ipv4Addr, Ipv6Addr};

use super::check::Check;

const NAME: &str = "gateway";

pub(super) fn check() -> Check {
    judge(&gateways())
}

fn judge(gateways: &[IpAddr]) -> Check {
    if gateways.is_empty() {
        return Check::warn(
            NAME,
            "no default gateway",
            "Without configured devices nothing is pinged; name some below `collectors.devices.targets`.",
        );
    }
    let list: Vec<String> = gateways.iter().map(ToString::to_string).collect();
    Check::ok(NAME, list.join(", "))
}

#[cfg(target_os = "linux")]
fn gateways() -> Vec<IpAddr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let v4 = parse_v4(&read("/proc/net/route")).map(IpAddr::V4);
    let v6 = parse_v6(&read("/proc/net/ipv6_route")).map(IpAddr::V6);
    v4.into_iter().chain(v6).collect()
}

#[cfg(not(target_os = "linux"))]
fn gateways() -> Vec<IpAddr> {
    netdev::get_default_gateway()
        .map(|gateway| {
            let v4 = gateway.ipv4.into_iter().map(IpAddr::V4);
            v4.chain(gateway.ipv6.into_iter().map(IpAddr::V6)).collect()
        })
        .unwrap_or_default()
}

/// The first route to everywhere that has a gateway, from `/proc/net/route`.
#[cfg(target_os = "linux")]
fn parse_v4(table: &str) -> Option<Ipv4Addr> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, destination, gateway, .., mask, _, _, _] = columns[..] else {
            return None;
        };
        let everywhere = destination == "00000000" && mask == "00000000" && gateway != "00000000";
        // The kernel prints the address as one number in its own byte order.
        let number = everywhere.then(|| u32::from_str_radix(gateway, 16).ok())??;
        Some(Ipv4Addr::from(number.to_ne_bytes()))
    })
}

/// The first route to everywhere that has a gateway, from `/proc/net/ipv6_route`.
#[cfg(target_os = "linux")]
fn parse_v6(table: &str) -> Option<Ipv6Addr> {
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [destination, prefix, _, _, gateway, ..] = columns[..] else {
            return None;
        };
        let address = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?);
        let everywhere = prefix == "00" && destination.bytes().all(|digit| digit == b'0');
        (everywhere && !address.is_unspecified()).then_some(address)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{super::check::Verdict, *};

    const HEADER: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn finds_the_gateway_of_the_default_route() {
        for (rows, expected) in [
            (
                "eth0\t0010A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
                None,
            ),
            (
                "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n",
                None,
            ),
            (
                "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
                Some(Ipv4Addr::new(192, 168, 1, 1)),
            ),
            // Half of the address space through a tunnel is not everywhere.
            (
                "tun0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n",
                None,
            ),
            ("garbage\n", None),
            ("eth0\t00000000\tXYZ\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", None),
        ] {
            assert_eq!(parse_v4(&format!("{HEADER}{rows}")), expected, "{rows}");
        }
    }

    #[test]
    fn finds_the_gateway_of_the_default_route_over_ipv6() {
        let zero = "0".repeat(32);
        let router = "fe800000000000000000000000000001";
        for (row, expected) in [
            (
                format!("{zero} 00 {zero} 00 {router} 00000400 1 0 00000003 eth0"),
                "fe80::1".parse().ok(),
            ),
            (
                format!("{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo"),
                None,
            ),
            (
                format!("{router} 80 {zero} 00 {router} 00000400 1 0 3 eth0"),
                None,
            ),
            ("garbage".to_owned(), None),
        ] {
            assert_eq!(parse_v6(&row), expected, "{row}");
        }
    }

    #[test]
    fn no_gateway_is_worth_a_word_but_no_failure() {
        assert_eq!(judge(&[]).verdict, Verdict::Warn);
        assert_eq!(judge(&[Ipv4Addr::LOCALHOST.into()]).found, "127.0.0.1");
    }
}
