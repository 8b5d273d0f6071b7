//! Whether devices can be pinged: capabilities and which kinds of ICMP socket the system gives us.

use std::{fs, io, thread};

use socket2::{Domain, Protocol, Socket, Type};

use super::check::Check;
use crate::{
    collectors::devices,
    sys::{
        capabilities::{self, NetRaw},
        privilege::with_net_raw,
    },
};

/// One way to ping over each family.
struct Way {
    name: &'static str,
    domain: Domain,
    protocol: Protocol,
}

const FAMILIES: [Way; 2] = [
    Way {
        name: "ping IPv4",
        domain: Domain::IPV4,
        protocol: Protocol::ICMPV4,
    },
    Way {
        name: "ping IPv6",
        domain: Domain::IPV6,
        protocol: Protocol::ICMPV6,
    },
];

/// How to be allowed to ping.
#[cfg(target_os = "linux")]
const GRANT: &str = "Either run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` (for IPv6 too), or grant \
    `setcap cap_net_raw+p` to the netkestrel binary, or `--cap-add NET_RAW` to its container.";
#[cfg(windows)]
const GRANT: &str = "Run as administrator or as a service.";
#[cfg(not(any(target_os = "linux", windows)))]
const GRANT: &str = "Run as root, or allow this user to open ICMP sockets.";

pub(super) fn checks(config: &devices::Config) -> Vec<Check> {
    if !config.enabled {
        return vec![Check::skipped("ping", "the collector devices is switched off")];
    }
    let mut checks = vec![judge_capability(capabilities::net_raw(), ping_group_range())];
    checks.extend(FAMILIES.map(|way| {
        let (datagram, raw) = try_both(way.domain, way.protocol);
        judge_sockets(way.name, &datagram, &raw)
    }));
    checks
}

/// Tries to open both kinds of socket, on a thread that ends with whatever was raised on it.
fn try_both(domain: Domain, protocol: Protocol) -> (io::Result<()>, io::Result<()>) {
    let tried = thread::spawn(move || {
        let open = |kind| Socket::new(domain, kind, Some(protocol)).map(drop);
        (open(Type::DGRAM), with_net_raw(|| open(Type::RAW)))
    });
    tried
        .join()
        .unwrap_or_else(|_| (Err(io::ErrorKind::Other.into()), Err(io::ErrorKind::Other.into())))
}

fn judge_sockets(name: &'static str, datagram: &io::Result<()>, raw: &io::Result<()>) -> Check {
    match (datagram, raw) {
        (_, Ok(())) => Check::ok(name, "raw socket"),
        (Ok(()), Err(_)) => Check::ok(name, "datagram socket"),
        (Err(datagram), Err(raw)) if is_absent(datagram) && is_absent(raw) => {
            Check::skipped(name, "this system does not have this family")
        }
        (Err(datagram), Err(raw)) => Check::fail(
            name,
            format!("neither a datagram socket ({datagram}) nor a raw one ({raw}); devices stay unknown"),
            GRANT,
        ),
    }
}

/// Whether the error says that there is no such family at all, for instance because IPv6 is switched off.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported)
        || error.raw_os_error().is_some_and(|code| ABSENT.contains(&code))
}

/// `EAFNOSUPPORT` and `EPROTONOSUPPORT`.
#[cfg(target_os = "linux")]
const ABSENT: [i32; 2] = [libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT];
#[cfg(not(target_os = "linux"))]
const ABSENT: [i32; 0] = [];

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

    fn denied() -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    #[test]
    fn one_kind_of_socket_is_enough() {
        for (datagram, raw, verdict) in [
            (Ok(()), Ok(()), Verdict::Ok),
            (Ok(()), denied(), Verdict::Ok),
            (denied(), Ok(()), Verdict::Ok),
            (denied(), denied(), Verdict::Fail),
        ] {
            let check = judge_sockets("ping IPv4", &datagram, &raw);
            assert_eq!(check.verdict, verdict, "{datagram:?} {raw:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_family_that_is_not_there_is_no_failure() {
        let absent = || Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT));
        assert_eq!(
            judge_sockets("ping IPv6", &absent(), &absent()).verdict,
            Verdict::Skipped
        );
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
