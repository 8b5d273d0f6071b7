//! Which ways of pinging the system grants this process, and what to grant when it grants none. Linux and others.

use socket2::{Domain, Protocol, Socket, Type};

use crate::sys::privilege::with_net_raw;

/// What to do when no ping socket is granted.
#[cfg(target_os = "linux")]
pub(super) const ADVICE: &str = "allow datagram pings with `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, \
     or grant the privilege with `setcap cap_net_raw+p` on the program";
/// What to do when no ping socket is granted.
#[cfg(not(target_os = "linux"))]
pub(super) const ADVICE: &str = "run the program with the privilege to open raw sockets";

/// Which kinds of ping sockets can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingSupport {
    /// Unprivileged datagram sockets for IPv4.
    pub datagram_v4: Granted,
    /// Raw sockets for IPv4.
    pub raw_v4: Granted,
    /// Unprivileged datagram sockets for IPv6.
    pub datagram_v6: Granted,
    /// Raw sockets for IPv6.
    pub raw_v6: Granted,
}

/// Whether a socket can be opened; if not, what the system says.
pub type Granted = Result<(), String>;

impl PingSupport {
    /// Whether devices with an IPv4 address can be pinged.
    #[must_use]
    pub fn v4(&self) -> bool {
        self.datagram_v4.is_ok() || self.raw_v4.is_ok()
    }

    /// Whether devices with an IPv6 address can be pinged.
    #[must_use]
    pub fn v6(&self) -> bool {
        self.datagram_v6.is_ok() || self.raw_v6.is_ok()
    }

    /// One sentence on what to grant; `None` when pings work.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        (!self.v4()).then_some(ADVICE)
    }
}

/// Opens and closes each kind of ping socket. Sends nothing.
#[must_use]
pub fn probe_permission() -> PingSupport {
    let open = |domain, kind, protocol| {
        let result = with_net_raw(|| Socket::new(domain, kind, Some(protocol)));
        result.map(drop).map_err(|error| error.to_string())
    };
    PingSupport {
        datagram_v4: open(Domain::IPV4, Type::DGRAM, Protocol::ICMPV4),
        raw_v4: open(Domain::IPV4, Type::RAW, Protocol::ICMPV4),
        datagram_v6: open(Domain::IPV6, Type::DGRAM, Protocol::ICMPV6),
        raw_v6: open(Domain::IPV6, Type::RAW, Protocol::ICMPV6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_given_only_when_nothing_works() {
        let refused = || Err("Operation not permitted".to_owned());
        let none = PingSupport {
            datagram_v4: refused(),
            raw_v4: refused(),
            datagram_v6: refused(),
            raw_v6: refused(),
        };
        assert_eq!(none.advice(), Some(ADVICE));
        let raw = PingSupport {
            raw_v4: Ok(()),
            ..none
        };
        assert_eq!(raw.advice(), None);
    }
}
