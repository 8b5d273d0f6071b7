//! How an ICMP socket of Linux sends: a plain packet by one call, one with options by control messages beside it, so
//! that a socket serves all devices. Only whether packets may be taken apart is a setting of the socket itself.

#![expect(
    unsafe_code,
    reason = "IP_MTU_DISCOVER and the path MTU of IPv6 have no safe wrapper"
)]

use std::{
    fs,
    io::{self, IoSlice},
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::LazyLock,
};

use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg},
};
use rustix::net::netdevice::name_to_index;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use thiserror::Error;

use super::ping_socket::{Access, Fragments, PingSocket, Version};

/// What stands behind the part of a packet that says something. In the program's zeroed memory, so it costs nothing.
static PADDING: [u8; u16::MAX as usize] = [0; u16::MAX as usize];
/// The first version of Linux whose unprivileged sockets read control messages beside a packet for IPv6.
const READS_CONTROL: (u32, u32) = (5, 18);

/// How a packet leaves that does not leave as usual.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Departure<'a> {
    /// The address it leaves from.
    pub(crate) source: Option<IpAddr>,
    /// The interface it leaves by.
    pub(crate) interface: Option<&'a str>,
    /// Its class of service, 0 to 63.
    pub(crate) dscp: Option<u8>,
    /// Whether it may not be taken apart on its way.
    pub(crate) dont_fragment: bool,
}

/// Why a packet did not leave.
#[derive(Debug, Error)]
pub(crate) enum SendError {
    /// The address to leave from is none of this host.
    #[error("this host has no address {0}")]
    NoAddress(IpAddr),
    /// The interface to leave by is none of this host.
    #[error("this host has no interface `{0}`")]
    NoInterface(String),
    /// It may not be taken apart, and the first interface on its way takes less.
    #[error("{bytes} bytes are too big to leave in one piece{}", fitting(*.most))]
    TooBig {
        /// Length with the IP header.
        bytes: usize,
        /// The largest that fits, if the system knows.
        most: Option<usize>,
    },
    /// The system would ignore what was asked for.
    #[error("source and dscp of IPv6 pings over unprivileged sockets take Linux 5.18 or later, this is {0}")]
    OldSystem(String),
    /// The system refused it.
    #[error(transparent)]
    System(#[from] io::Error),
}

fn fitting(most: Option<usize>) -> String {
    most.map_or(String::new(), |most| format!("; at most {most} fit"))
}

impl PingSocket {
    /// Sends one packet. A pending error of an earlier packet does not count as this one's.
    pub(crate) fn send(&mut self, packet: &[u8], to: SocketAddr) -> Result<(), SendError> {
        self.allow_fragments(true)?;
        let socket = SockRef::from(&self.fd);
        let to = SockAddr::from(to);
        if socket.send_to(packet, &to).is_ok() {
            return Ok(());
        }
        let _pending = socket.take_error();
        Ok(socket.send_to(packet, &to).map(|_| ())?)
    }

    /// Sends `packet` and as many zero bytes behind it as make it `length` bytes long, in its own way. Of a packet
    /// that is longer than that only the first `length` bytes leave.
    pub(crate) fn send_in_its_way(
        &mut self,
        packet: &[u8],
        length: usize,
        to: SocketAddr,
        way: &Departure<'_>,
    ) -> Result<(), SendError> {
        self.allow_fragments(!way.dont_fragment)?;
        let index = way.interface.map(|name| self.index_of(name)).transpose()?;
        self.can_be_told(way)?;
        let front = packet.get(..length).unwrap_or(packet);
        let padding = PADDING.get(..length - front.len()).unwrap_or(&PADDING);
        let parts = [IoSlice::new(front), IoSlice::new(padding)];
        let result = match self.version {
            Version::V4 => self.send_v4(&parts, to, way, index),
            Version::V6 => self.send_v6(&parts, to, way, index),
        };
        result.map_err(|errno| self.explain(errno, length, to, way))
    }

    fn send_v4(
        &self,
        parts: &[IoSlice<'_>],
        to: SocketAddr,
        way: &Departure<'_>,
        index: Option<u32>,
    ) -> nix::Result<()> {
        let source = match way.source {
            Some(IpAddr::V4(source)) => source,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let info = libc::in_pktinfo {
            ipi_ifindex: index.and_then(|index| i32::try_from(index).ok()).unwrap_or(0),
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from_ne_bytes(source.octets()),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let class = way.dscp.map(|dscp| dscp << 2);
        let place =
            (way.source.is_some() || index.is_some()).then_some(ControlMessage::Ipv4PacketInfo(&info));
        self.send_with(parts, to, place, class.as_ref().map(ControlMessage::Ipv4Tos))
    }

    fn send_v6(
        &self,
        parts: &[IoSlice<'_>],
        to: SocketAddr,
        way: &Departure<'_>,
        index: Option<u32>,
    ) -> nix::Result<()> {
        let source = match way.source {
            Some(IpAddr::V6(source)) => source,
            _ => Ipv6Addr::UNSPECIFIED,
        };
        let info = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr {
                s6_addr: source.octets(),
            },
            ipi6_ifindex: index.unwrap_or(0),
        };
        let class = way.dscp.map(|dscp| i32::from(dscp) << 2);
        let place =
            (way.source.is_some() || index.is_some()).then_some(ControlMessage::Ipv6PacketInfo(&info));
        self.send_with(parts, to, place, class.as_ref().map(ControlMessage::Ipv6TClass))
    }

    fn send_with<'a>(
        &self,
        parts: &[IoSlice<'_>],
        to: SocketAddr,
        place: Option<ControlMessage<'a>>,
        class: Option<ControlMessage<'a>>,
    ) -> nix::Result<()> {
        let to = SockaddrStorage::from(to);
        let control: Vec<_> = place.into_iter().chain(class).collect();
        let send = || {
            let sent = sendmsg(self.fd.as_raw_fd(), parts, &control, MsgFlags::empty(), Some(&to));
            sent.map(|_| ())
        };
        // As with a plain packet.
        send().or_else(|_| {
            let _pending = SockRef::from(&self.fd).take_error();
            send()
        })
    }

    fn index_of(&self, name: &str) -> Result<u32, SendError> {
        name_to_index(&self.fd, name).map_err(|errno| match errno {
            rustix::io::Errno::NODEV => SendError::NoInterface(name.to_owned()),
            errno => SendError::System(errno.into()),
        })
    }

    /// Whether the kernel listens to what is said beside a packet.
    fn can_be_told(&self, way: &Departure<'_>) -> Result<(), SendError> {
        static SYSTEM: LazyLock<String> = LazyLock::new(|| {
            let release = fs::read_to_string("/proc/sys/kernel/osrelease");
            release.unwrap_or_default().trim().to_owned()
        });
        let says_something = way.source.is_some() || way.interface.is_some() || way.dscp.is_some();
        let is_deaf = (self.version, self.access()) == (Version::V6, Access::Datagram)
            && version_of(&SYSTEM).is_some_and(|version| version < READS_CONTROL);
        if says_something && is_deaf {
            return Err(SendError::OldSystem(SYSTEM.clone()));
        }
        Ok(())
    }

    fn explain(&self, errno: Errno, length: usize, to: SocketAddr, way: &Departure<'_>) -> SendError {
        match (errno, way.source) {
            (Errno::EMSGSIZE, _) => SendError::TooBig {
                bytes: length
                    + match self.version {
                        Version::V4 => 20,
                        Version::V6 => 40,
                    },
                most: largest(to, way).ok(),
            },
            (Errno::EINVAL | Errno::EADDRNOTAVAIL, Some(source)) => SendError::NoAddress(source),
            // Linux also calls it unreachable network.
            (_, Some(source)) if !is_here(source) => SendError::NoAddress(source),
            (errno, _) => SendError::System(errno.into()),
        }
    }

    /// Sets whether what is sent from now on may be taken apart, if that is not so already. What may not is sent
    /// whatever was learnt of the way before, so that each packet finds out anew.
    fn allow_fragments(&mut self, allow: bool) -> io::Result<()> {
        let (level, name, forbid) = match self.version {
            Version::V4 => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
            Version::V6 => (
                libc::IPPROTO_IPV6,
                libc::IPV6_MTU_DISCOVER,
                libc::IPV6_PMTUDISC_PROBE,
            ),
        };
        self.fragments = match (self.fragments, allow) {
            (Fragments::Usual, true) | (Fragments::Forbidden(_), false) => return Ok(()),
            (Fragments::Forbidden(usual), true) => {
                set_number(self.as_fd(), (level, name), usual)?;
                Fragments::Usual
            }
            (Fragments::Usual, false) => {
                let usual = number(self.as_fd(), (level, name))?;
                set_number(self.as_fd(), (level, name), forbid)?;
                Fragments::Forbidden(usual)
            }
        };
        Ok(())
    }
}

/// Whether an address is one of this host, or whether that cannot be told.
fn is_here(address: IpAddr) -> bool {
    let bound = UdpSocket::bind((address, 0));
    bound.map_or_else(|error| error.kind() != io::ErrorKind::AddrNotAvailable, |_| true)
}

/// The largest packet that leaves for `to` in one piece, by what the system knows. Sends nothing.
fn largest(to: SocketAddr, way: &Departure<'_>) -> io::Result<usize> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None)?;
    if let Some(name) = way.interface {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    if let Some(source) = way.source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    let mut to = to;
    // Any port will do, but one there must be.
    to.set_port(9);
    socket.connect(&to.into())?;
    let option = if to.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_MTU)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU)
    };
    usize::try_from(number(socket.as_fd(), option)?).map_err(io::Error::other)
}

/// An option of a socket that is a number, by level and name.
fn number(fd: BorrowedFd<'_>, (level, name): (libc::c_int, libc::c_int)) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = NUMBER;
    // SAFETY: `value` and `length` are valid for writes for the whole call, and `length` is the size of `value`.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn set_number(
    fd: BorrowedFd<'_>,
    (level, name): (libc::c_int, libc::c_int),
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: `value` is valid for reads for the whole call, with its true length.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), NUMBER) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Bytes of a number, as the kernel counts them.
const NUMBER: libc::socklen_t = 4;
const _: () = assert!(mem::size_of::<libc::c_int>() == NUMBER as usize);

/// The version a release of Linux has, such as 6.1 of `6.1.0-18-amd64`.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_versions() {
        let rows = [
            ("6.1.0-18-amd64", Some((6, 1))),
            ("5.14.0-427.el9.x86_64", Some((5, 14))),
            ("5.18-rc1", Some((5, 18))),
            ("", None),
            ("unknown", None),
        ];
        for (release, version) in rows {
            assert_eq!(version_of(release), version, "{release}");
        }
    }

    #[test]
    fn options_of_a_socket_are_set_and_read() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let fd = socket.as_fd();
        let option = (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER);
        set_number(fd, option, libc::IP_PMTUDISC_PROBE).expect("an option");
        assert_eq!(number(fd, option).expect("an option"), libc::IP_PMTUDISC_PROBE);
        assert!(set_number(fd, option, 99).is_err());
        assert!(number(fd, (libc::IPPROTO_IP, 9_999)).is_err());
    }

    #[test]
    fn addresses_of_this_host_are_told_from_others() {
        assert!(is_here(Ipv4Addr::LOCALHOST.into()));
        assert!(!is_here(Ipv4Addr::new(192, 0, 2, 77).into()));
    }

    #[test]
    fn the_largest_packet_to_this_host_is_that_of_its_loopback() {
        let to = SocketAddr::from(([127, 0, 0, 1], 0));
        let most = largest(to, &Departure::default()).expect("loopback is there");
        assert!(most >= 1_500, "{most}");
    }
}
