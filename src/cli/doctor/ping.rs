//! Whether devices can be pinged: capabilities and which kinds of ICMP socket the system gives us.

use std::{fs, thread};

use super::check::Check;
use crate::{
    collectors::devices::{self, Granted, probe_permission},
    sys::capabilities::{self, NetRaw},
};

/// How to be allowed to ping.
#[cfg(target_os = "linux")]
const GRANT: &str = "Run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` (it holds for IPv6 too), or \
    `setcap cap_net_raw+p` on the netkestrel binary, or give its container `--cap-add NET_RAW`.";
#[cfg(windows)]
const GRANT: &str = "Run as administrator or as SYSTEM.";
#[cfg(not(any(target_os = "linux", windows)))]
const GRANT: &str = "Run as root, or allow this user to open ICMP sockets.";

pub(super) fn checks(config: &devices::Config) -> Vec<Check> {
    if !config.enabled {
        return vec![Check::skipped("ping", "the collector devices is switched off")];
    }
    let held = judge_capability(capabilities::net_raw(), ping_group_range());
    // On a thread that ends, with whatever was raised on it.
    let Ok(support) = thread::spawn(probe_permission).join() else {
        return vec![held];
    };
    vec![
        held,
        judge_sockets("ping IPv4", &support.datagram_v4, &support.raw_v4),
        judge_sockets("ping IPv6", &support.datagram_v6, &support.raw_v6),
    ]
}

fn judge_sockets(name: &'static str, datagram: &Granted, raw: &Granted) -> Check {
    match (datagram, raw) {
        (Ok(()), Ok(())) => Check::ok(name, "datagram and raw sockets"),
        (Ok(()), Err(_)) => Check::ok(name, "datagram sockets"),
        (Err(_), Ok(())) => Check::ok(name, "raw sockets"),
        (Err(datagram), Err(raw)) => Check::fail(
            name,
            format!("devices stay unknown: no datagram socket ({datagram}), no raw socket ({raw})"),
            GRANT,
        ),
    }
}

fn judge_capability(net_raw: Option<NetRaw>, range: Option<(u32, u32)>) -> Check {
    const NAME: &str = "privileges";
    let Some(net_raw) = net_raw else {
        return Check::skipped(NAME, "this system has no capabilities");
    };
    let held = match net_raw {
        NetRaw { permitted: true, .. } => "CAP_NET_RAW is permitted, raised only to open ping sockets",
        NetRaw { permitted: false, .. } => "no CAP_NET_RAW",
    };
    let groups = match range {
        // The kernel writes a range that holds nobody as `1 0`.
        Some((from, to)) if from > to => "ping_group_range holds no group".to_owned(),
        Some((from, to)) => format!("ping_group_range holds groups {from} to {to}"),
        None => "ping_group_range cannot be read".to_owned(),
    };
    Check::ok(NAME, format!("{held}; {groups}"))
}

/// The range of groups that may open datagram sockets for ping; of our own network namespace.
fn ping_group_range() -> Option<(u32, u32)> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").ok()?;
    let mut bounds = text.split_whitespace().map(str::parse);
    Some((bounds.next()?.ok()?, bounds.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    fn refused() -> Granted {
        Err("Permission denied".to_owned())
    }

    #[test]
    fn one_kind_of_socket_is_enough() {
        for (datagram, raw, verdict) in [
            (Ok(()), Ok(()), Verdict::Ok),
            (Ok(()), refused(), Verdict::Ok),
            (refused(), Ok(()), Verdict::Ok),
            (refused(), refused(), Verdict::Fail),
        ] {
            let check = judge_sockets("ping IPv4", &datagram, &raw);
            assert_eq!(check.verdict, verdict, "{datagram:?} {raw:?}");
        }
    }

    #[test]
    fn tells_what_is_held() {
        let none = Some(NetRaw::default());
        let some = Some(NetRaw {
            permitted: true,
            effective: false,
        });
        for (held, range, words) in [
            (
                none,
                Some((1, 0)),
                "no CAP_NET_RAW; ping_group_range holds no group",
            ),
            (
                some,
                Some((0, 9)),
                "CAP_NET_RAW is permitted, raised only to open ping sockets; ping_group_range holds groups 0 to 9",
            ),
            (None, None, "this system has no capabilities"),
        ] {
            assert_eq!(judge_capability(held, range).found, words);
        }
    }
}
