//! The words between the schedule, the probers and the accounting: what is asked, and how it ended.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::options::Options;

/// Identifies a device for as long as the process runs; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DeviceId(pub(super) u32);

/// One probe of one device: the numbers count up per device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ProbeId {
    pub(super) device: DeviceId,
    pub(super) number: u64,
}

/// A question to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: ProbeId,
    pub(super) to: SocketAddr,
    pub(super) method: Method,
    pub(super) timeout: Duration,
    pub(super) standing: Standing,
    /// Whether the device has left something unanswered, so that whoever can asks in a way that nothing on the way
    /// has a memory of.
    pub(super) afresh: bool,
    /// `None` when the request leaves as usual.
    pub(super) options: Option<Options>,
}

/// Whether the device owes answers, which decides who is asked when not all can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It answered last time, or was not asked yet.
    Clear,
    /// Its last probe was missed.
    Silent,
}

/// How a device is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// An ICMP echo request.
    Echo,
    /// A TCP connection to the port of the address.
    Connect,
}

/// News about a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: ProbeId,
    pub(super) method: Method,
    pub(super) what: What,
}

/// What happened to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// It ended.
    Ended(Outcome),
    /// A reply came for a probe that had timed out.
    LateReply,
    /// A second reply came.
    Duplicate,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The device answered.
    Answered(Answer),
    /// The device did not answer.
    Missed(Miss),
    /// The question could not be asked, which says nothing about the device.
    Unsent(Unsent),
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) round_trip: Duration,
    pub(super) hop_limit: Option<u8>,
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// Nothing came in time.
    Timeout,
    /// A router, or our own host, said that the device cannot be reached.
    Unreachable(Option<IcmpError>),
    /// The request ran out of hops on its way.
    TtlExceeded(Option<IcmpError>),
    /// The host is there, as this answer tells, but takes no connection at the port.
    Refused(Answer),
}

impl Miss {
    /// Values of the label `reason` in the order of [`index`](Self::index).
    pub(super) const REASONS: [&'static str; 3] = ["timeout", "unreachable", "ttl_exceeded"];

    pub(super) fn index(self) -> usize {
        match self {
            Self::Timeout => 0,
            // What was asked for is the port, and that is not to be reached.
            Self::Unreachable(_) | Self::Refused(_) => 1,
            Self::TtlExceeded(_) => 2,
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer in time"),
            Self::Unreachable(Some(error)) | Self::TtlExceeded(Some(error)) => error.fmt(f),
            Self::Unreachable(None) => f.write_str("unreachable"),
            Self::TtlExceeded(None) => f.write_str("ran out of hops on the way"),
            Self::Refused(_) => f.write_str("the host refuses connections at this port"),
        }
    }
}

/// Why a question could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsent {
    pub(super) reason: UnsentReason,
    /// What the system said.
    pub(super) detail: String,
}

/// The class of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnsentReason {
    /// The name has no address.
    Resolve,
    /// Our host has no way towards the address.
    NoRoute,
    /// Privileges are lacking.
    Permission,
    /// The system refused for another reason.
    Send,
}

impl UnsentReason {
    /// Values of the label `reason` in the order of [`index`](Self::index).
    pub(super) const REASONS: [&'static str; 4] = ["resolve", "no_route", "permission", "send"];

    pub(super) fn index(self) -> usize {
        match self {
            Self::Resolve => 0,
            Self::NoRoute => 1,
            Self::Permission => 2,
            Self::Send => 3,
        }
    }

    /// Sorts an error of the call that sends or connects.
    pub(super) fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::NetworkUnreachable | Kind::NetworkDown | Kind::HostUnreachable | Kind::AddrNotAvailable => {
                Self::NoRoute
            }
            Kind::PermissionDenied => Self::Permission,
            _ => Self::Send,
        }
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.reason {
            UnsentReason::Resolve => "the name does not resolve",
            UnsentReason::NoRoute => "this host has no route",
            UnsentReason::Permission => "not permitted to ping",
            UnsentReason::Send => "the probe could not be sent",
        };
        if self.detail.is_empty() {
            f.write_str(class)
        } else {
            write!(f, "{class}: {}", self.detail)
        }
    }
}

/// An ICMP error for a probe of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IcmpError {
    /// Whether it is `ICMPv6`.
    pub(super) version: IcmpVersion,
    pub(super) kind: u8,
    pub(super) code: u8,
    /// Bytes that fit, where it says that a packet was too big; 0 if it does not say how many.
    pub(super) mtu: u32,
    /// Who sent it.
    pub(super) offender: Option<IpAddr>,
}

/// Which protocol the numbers of an [`IcmpError`] belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IcmpVersion {
    V4,
    V6,
}

impl IcmpVersion {
    /// That of an address.
    pub(super) fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl fmt::Display for IcmpVersion {
    /// The version of IP.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl IcmpError {
    /// Whether a packet was too big for the way on.
    pub(super) fn is_too_big(self) -> bool {
        matches!(
            (self.version, self.kind, self.code),
            (IcmpVersion::V4, 3, 4) | (IcmpVersion::V6, 2, _)
        )
    }

    /// The miss this error stands for; `None` when it does not end a probe.
    pub(super) fn miss(self) -> Option<Miss> {
        match (self.version, self.kind, self.code) {
            // Advice, not a verdict, unless the packet may not be taken apart, which the error does not tell.
            _ if self.is_too_big() => None,
            (IcmpVersion::V4, 3 | 12, _) | (IcmpVersion::V6, 1 | 4, _) => Some(Miss::Unreachable(Some(self))),
            (IcmpVersion::V4, 11, _) | (IcmpVersion::V6, 3, _) => Some(Miss::TtlExceeded(Some(self))),
            _ => None,
        }
    }

    fn words(self) -> &'static str {
        match (self.version, self.kind, self.code) {
            (IcmpVersion::V4, 3, 0 | 6) => "network unreachable",
            (IcmpVersion::V4, 3, 1 | 7) | (IcmpVersion::V6, 1, 3) => "host unreachable",
            (IcmpVersion::V4, 3, 2) => "protocol unreachable",
            (IcmpVersion::V4, 3, 3) | (IcmpVersion::V6, 1, 4) => "port unreachable",
            (IcmpVersion::V4, 3, 4) | (IcmpVersion::V6, 2, _) => "too big for the way",
            (IcmpVersion::V4, 3, 5) => "source route failed",
            (IcmpVersion::V4, 3, 9..=10 | 13) | (IcmpVersion::V6, 1, 1) => "prohibited by a filter",
            (IcmpVersion::V6, 1, 0) => "no route to the network",
            (IcmpVersion::V6, 1, 2) => "beyond the scope of our address",
            (IcmpVersion::V6, 1, 5) => "refused because of our address",
            (IcmpVersion::V6, 1, 6) => "route rejected",
            (IcmpVersion::V4, 3, _) | (IcmpVersion::V6, 1, _) => "destination unreachable",
            (IcmpVersion::V4, 11, 1) | (IcmpVersion::V6, 3, 1) => "not reassembled in time",
            (IcmpVersion::V4, 11, _) | (IcmpVersion::V6, 3, _) => "ran out of hops on the way",
            (IcmpVersion::V4, 12, _) | (IcmpVersion::V6, 4, _) => "packet refused as malformed",
            _ => "ICMP error",
        }
    }
}

impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())?;
        if self.is_too_big() && self.mtu > 0 {
            write!(f, ", which takes {} bytes", self.mtu)?;
        }
        if let Some(offender) = self.offender {
            write!(f, ", says {offender}")?;
        }
        write!(f, " (ICMP type {} code {})", self.kind, self.code)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn icmp_errors_are_told_in_words_and_sorted() {
        let router = Some(IpAddr::from([10, 77, 0, 2]));
        let rows = [
            (
                IcmpVersion::V4,
                3,
                0,
                Some(1),
                "network unreachable, says 10.77.0.2 (ICMP type 3 code 0)",
            ),
            (
                IcmpVersion::V4,
                3,
                1,
                Some(1),
                "host unreachable, says 10.77.0.2 (ICMP type 3 code 1)",
            ),
            (
                IcmpVersion::V4,
                3,
                4,
                None,
                "too big for the way, says 10.77.0.2 (ICMP type 3 code 4)",
            ),
            (
                IcmpVersion::V4,
                3,
                13,
                Some(1),
                "prohibited by a filter, says 10.77.0.2 (ICMP type 3 code 13)",
            ),
            (
                IcmpVersion::V4,
                11,
                0,
                Some(2),
                "ran out of hops on the way, says 10.77.0.2 (ICMP type 11 code 0)",
            ),
            (
                IcmpVersion::V4,
                5,
                1,
                None,
                "ICMP error, says 10.77.0.2 (ICMP type 5 code 1)",
            ),
            (
                IcmpVersion::V6,
                1,
                3,
                Some(1),
                "host unreachable, says 10.77.0.2 (ICMP type 1 code 3)",
            ),
            (
                IcmpVersion::V6,
                2,
                0,
                None,
                "too big for the way, says 10.77.0.2 (ICMP type 2 code 0)",
            ),
            (
                IcmpVersion::V6,
                3,
                0,
                Some(2),
                "ran out of hops on the way, says 10.77.0.2 (ICMP type 3 code 0)",
            ),
        ];
        for (version, kind, code, index, text) in rows {
            let error = IcmpError {
                version,
                kind,
                code,
                mtu: 0,
                offender: router,
            };
            assert_eq!(error.miss().map(Miss::index), index, "{text}");
            assert_eq!(error.to_string(), text);
        }
        let narrow = IcmpError {
            version: IcmpVersion::V6,
            kind: 2,
            code: 0,
            mtu: 1280,
            offender: None,
        };
        assert_eq!(
            narrow.to_string(),
            "too big for the way, which takes 1280 bytes (ICMP type 2 code 0)"
        );
    }

    #[test]
    fn errors_of_sending_are_sorted() {
        let rows = [
            (io::ErrorKind::NetworkUnreachable, "no_route"),
            (io::ErrorKind::AddrNotAvailable, "no_route"),
            (io::ErrorKind::PermissionDenied, "permission"),
            (io::ErrorKind::OutOfMemory, "send"),
        ];
        for (kind, label) in rows {
            assert_eq!(
                UnsentReason::REASONS[UnsentReason::of(&kind.into()).index()],
                label
            );
        }
    }
}
