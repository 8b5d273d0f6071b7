//! Turns the control messages that Linux delivers beside a packet into a time stamp, a hop limit and an error.
//! Pure: reads bytes, calls nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the kernel told about one packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Control {
    /// Software time stamp, nanoseconds since the Unix epoch.
    pub(crate) stamp: Option<i64>,
    /// TTL or hop limit the packet arrived with.
    pub(crate) hop_limit: Option<u8>,
    /// Why the packet is in the error queue.
    pub(crate) error: Option<ExtendedError>,
}

/// One entry of a socket's error queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExtendedError {
    /// Where the entry comes from.
    pub(crate) origin: Origin,
    /// ICMP type, when the origin is ICMP.
    pub(crate) kind: u8,
    /// ICMP code, when the origin is ICMP.
    pub(crate) code: u8,
    /// Bytes that fit, when a packet was too big.
    pub(crate) info: u32,
    /// Who sent the ICMP error.
    pub(crate) offender: Option<IpAddr>,
}

/// Who put an entry into the error queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An ICMP error for a packet of ours.
    Icmp,
    /// The same for IPv6.
    Icmp6,
    /// Not an error: the time stamp of a packet that left.
    Timestamp,
    /// Anything else, such as a local complaint.
    Other,
}

const HEADER: usize = size_of::<libc::cmsghdr>();
const EXTENDED_ERROR: usize = 16;

impl Control {
    /// Reads a control buffer as the kernel filled it; what cannot be understood is skipped.
    pub(crate) fn parse(mut bytes: &[u8]) -> Self {
        let mut control = Self::default();
        while let Some((level, kind, data, rest)) = split_message(bytes) {
            control.add(level, kind, data);
            bytes = rest;
        }
        control
    }

    fn add(&mut self, level: i32, kind: i32, data: &[u8]) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => self.stamp = parse_stamp(data),
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                self.hop_limit = read_i32(data, 0).and_then(|n| u8::try_from(n).ok());
            }
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                self.error = parse_error(data);
            }
            _ => {}
        }
    }
}

/// Level, type, data and the bytes behind the first control message.
fn split_message(bytes: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let word = size_of::<usize>();
    let length = usize::from_ne_bytes(bytes.get(..word)?.try_into().ok()?);
    let data = bytes.get(HEADER..length)?;
    let next = length.next_multiple_of(word).min(bytes.len());
    Some((
        read_i32(bytes, word)?,
        read_i32(bytes, word + 4)?,
        data,
        bytes.get(next..)?,
    ))
}

/// The software stamp is the first of three; zero means there is none.
fn parse_stamp(data: &[u8]) -> Option<i64> {
    let half = size_of::<libc::timespec>() / 2;
    let seconds = read_integer(data.get(..half)?)?;
    let nanos = read_integer(data.get(half..2 * half)?)?;
    let stamp = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    (stamp != 0).then_some(stamp)
}

fn parse_error(data: &[u8]) -> Option<ExtendedError> {
    let &[_, _, _, _, origin, kind, code, _, info @ ..] = data.first_chunk::<12>()?;
    Some(ExtendedError {
        origin: match origin {
            libc::SO_EE_ORIGIN_ICMP => Origin::Icmp,
            libc::SO_EE_ORIGIN_ICMP6 => Origin::Icmp6,
            libc::SO_EE_ORIGIN_TIMESTAMPING => Origin::Timestamp,
            _ => Origin::Other,
        },
        kind,
        code,
        info: u32::from_ne_bytes(info),
        offender: data.get(EXTENDED_ERROR..).and_then(parse_address),
    })
}

/// The address in a `sockaddr_in` or `sockaddr_in6`.
pub(crate) fn parse_address(bytes: &[u8]) -> Option<IpAddr> {
    let family = i32::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    match family {
        libc::AF_INET => Some(Ipv4Addr::from(*bytes.get(4..)?.first_chunk::<4>()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(*bytes.get(8..)?.first_chunk::<16>()?).into()),
        _ => None,
    }
}

fn read_i32(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn read_integer(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        4 => read_i32(bytes, 0).map(i64::from),
        8 => Some(i64::from_ne_bytes(*bytes.first_chunk()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let mut bytes = (HEADER + data.len()).to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0);
        bytes
    }

    fn timestamps(seconds: i64, nanos: i64) -> Vec<u8> {
        [seconds, nanos, 0, 0, 0, 0]
            .iter()
            .flat_map(|n| n.to_ne_bytes())
            .collect()
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn stamp_and_hop_limit_are_found_in_one_buffer() {
        let mut buffer = message(
            libc::SOL_SOCKET,
            libc::SCM_TIMESTAMPING,
            &timestamps(1_700_000_000, 42),
        );
        buffer.extend(message(libc::SOL_SOCKET, 9_999, b"unknown"));
        buffer.extend(message(libc::IPPROTO_IP, libc::IP_TTL, &64_i32.to_ne_bytes()));
        let control = Control::parse(&buffer);
        assert_eq!(control.stamp, Some(1_700_000_000_000_000_042));
        assert_eq!(control.hop_limit, Some(64));
        assert_eq!(control.error, None);
        let none = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &timestamps(0, 0));
        assert_eq!(Control::parse(&none).stamp, None, "zero is no stamp");
    }

    #[test]
    fn an_icmp_error_names_its_sender() {
        let mut data = vec![
            113,
            0,
            0,
            0,
            libc::SO_EE_ORIGIN_ICMP,
            3,
            1,
            0,
            5,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        data.extend(2_u16.to_ne_bytes());
        data.extend([0, 0, 10, 77, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
        let error = Control::parse(&message(libc::IPPROTO_IP, libc::IP_RECVERR, &data)).error;
        let expected = ExtendedError {
            origin: Origin::Icmp,
            kind: 3,
            code: 1,
            info: u32::from_ne_bytes([5, 0, 0, 0]),
            offender: Some(Ipv4Addr::new(10, 77, 0, 2).into()),
        };
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn hostile_lengths_end_the_reading() {
        let good = message(libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &255_i32.to_ne_bytes());
        for cut in 0..good.len() - 4 {
            assert_eq!(Control::parse(&good[..cut]), Control::default(), "cut at {cut}");
        }
        for length in [0, 1, HEADER - 1, usize::MAX] {
            let mut bytes = good.clone();
            bytes[..size_of::<usize>()].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Control::parse(&bytes), Control::default(), "length {length}");
        }
        let odd = message(libc::IPPROTO_IP, libc::IP_TTL, &(-1_i32).to_ne_bytes());
        assert_eq!(Control::parse(&odd).hop_limit, None);
    }
}
