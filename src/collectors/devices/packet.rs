//! Echo requests and replies as bytes. A request carries a random token of this process, the device, the number of
//! the probe and its time, so that only a true reply matches. Pure.

use super::{
    options::USUAL_SIZE,
    probe::{DeviceId, IcmpVersion, ProbeId},
};

const HEADER: usize = 8;
/// Bytes behind the ICMP header of a usual request.
const PAYLOAD: usize = USUAL_SIZE as usize;
/// Bytes of a mark with its token.
const MARK_LENGTH: usize = 32;
/// Length of a whole usual request. One of another length is cut, or has zero bytes behind it, neither of which
/// changes its checksum.
const LENGTH: usize = HEADER + PAYLOAD;

/// Length of a request with so many bytes behind the ICMP header.
pub(super) fn length(size: u16) -> usize {
    HEADER + usize::from(size)
}

/// What tells our probes from those of everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// Random per process.
    pub(super) token: [u8; 8],
}

/// What an ICMP error returns of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) ident: u16,
    pub(super) sequence: u16,
    /// Missing if not enough of it was returned.
    pub(super) mark: Option<Mark>,
}

/// What a probe says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: ProbeId,
    /// Nanoseconds since the prober began.
    pub(super) sent: u64,
    /// Milliseconds after which it is a miss.
    pub(super) timeout: u32,
}

/// How a socket shows a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// From the ICMP header on.
    Datagram(IcmpVersion),
    /// With the IP header before it for IPv4, without for IPv6.
    Raw(IcmpVersion),
}

impl Identity {
    /// An echo request of the usual length. On datagram sockets the kernel puts an identifier of its own into it.
    pub(super) fn request(self, version: IcmpVersion, ident: u16, sequence: u16, mark: Mark) -> [u8; LENGTH] {
        let kind = match version {
            IcmpVersion::V4 => 8,
            IcmpVersion::V6 => 128,
        };
        let mut packet = [0; LENGTH];
        packet[0] = kind;
        packet[4..6].copy_from_slice(&ident.to_be_bytes());
        packet[6..8].copy_from_slice(&sequence.to_be_bytes());
        packet[8..16].copy_from_slice(&self.token);
        packet[16..20].copy_from_slice(&mark.id.device.0.to_be_bytes());
        packet[20..24].copy_from_slice(&mark.timeout.to_be_bytes());
        packet[24..32].copy_from_slice(&mark.id.number.to_be_bytes());
        packet[32..40].copy_from_slice(&mark.sent.to_be_bytes());
        if version == IcmpVersion::V4 {
            // The kernel fills in the checksum of ICMPv6, which covers addresses only it knows.
            let sum = checksum(&packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        packet
    }

    /// Sequence and mark of an echo reply to us.
    pub(super) fn reply(self, framing: Framing, packet: &[u8]) -> Option<(u16, Mark)> {
        let (icmp, version) = match framing {
            Framing::Raw(IcmpVersion::V4) => (without_ip_header(packet)?, IcmpVersion::V4),
            Framing::Datagram(version) | Framing::Raw(version) => (packet, version),
        };
        let header = icmp.first_chunk::<HEADER>()?;
        let expected = match version {
            IcmpVersion::V4 => 0,
            IcmpVersion::V6 => 129,
        };
        if header[0] != expected || header[1] != 0 {
            return None;
        }
        let (_, sequence) = numbers(*header);
        Some((sequence, self.mark(icmp.get(HEADER..)?)?))
    }

    /// What an ICMP error returns of a request that may be ours.
    pub(super) fn quoted(self, version: IcmpVersion, packet: &[u8]) -> Option<Quoted> {
        let header = packet.first_chunk::<HEADER>()?;
        let expected = match version {
            IcmpVersion::V4 => 8,
            IcmpVersion::V6 => 128,
        };
        if header[0] != expected {
            return None;
        }
        let (ident, sequence) = numbers(*header);
        let payload = &packet[HEADER..];
        let mark = self.mark(payload);
        // Enough of the payload came back, and it is not ours.
        (mark.is_some() || payload.len() < MARK_LENGTH).then_some(Quoted {
            ident,
            sequence,
            mark,
        })
    }

    /// Mark of a packet of ours that left, with all its headers in front. Of one that is not as long as usual only the
    /// beginning may be there.
    pub(super) fn departed(self, packet: &[u8]) -> Option<Mark> {
        let usual = packet
            .last_chunk::<PAYLOAD>()
            .and_then(|payload| self.mark(payload));
        usual.or_else(|| {
            let mut places = packet.windows(MARK_LENGTH);
            places.find_map(|place| self.mark(place))
        })
    }

    fn mark(self, payload: &[u8]) -> Option<Mark> {
        let payload = payload.first_chunk::<MARK_LENGTH>()?;
        let (token, rest) = payload.split_first_chunk::<8>()?;
        let (device, rest) = rest.split_first_chunk::<4>()?;
        let (timeout, rest) = rest.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let sent = rest.first_chunk::<8>()?;
        (*token == self.token).then(|| Mark {
            id: ProbeId {
                device: DeviceId(u32::from_be_bytes(*device)),
                number: u64::from_be_bytes(*number),
            },
            sent: u64::from_be_bytes(*sent),
            timeout: u32::from_be_bytes(*timeout),
        })
    }
}

fn numbers(header: [u8; HEADER]) -> (u16, u16) {
    let [_, _, _, _, ident_high, ident_low, sequence_high, sequence_low] = header;
    (
        u16::from_be_bytes([ident_high, ident_low]),
        u16::from_be_bytes([sequence_high, sequence_low]),
    )
}

fn without_ip_header(packet: &[u8]) -> Option<&[u8]> {
    let length = usize::from(packet.first()? & 0x0f) * 4;
    packet.get(length..).filter(|_| length >= 20)
}

fn checksum(packet: &[u8]) -> u16 {
    let sum = packet
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Identity = Identity { token: *b"kestrel!" };
    const IDENT: u16 = 0x1234;
    const MARK: Mark = Mark {
        id: ProbeId {
            device: DeviceId(7),
            number: 300,
        },
        sent: 99,
        timeout: 5_000,
    };

    fn reply(version: IcmpVersion) -> Vec<u8> {
        let mut packet = OURS.request(version, IDENT, 5, MARK).to_vec();
        packet[0] = if version == IcmpVersion::V4 { 0 } else { 129 };
        packet
    }

    fn with_ip_header(icmp: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 24];
        packet[0] = 0x46;
        packet.extend(icmp);
        packet
    }

    #[test]
    fn the_checksum_of_a_request_is_right() {
        let packet = OURS.request(IcmpVersion::V4, IDENT, 5, MARK);
        assert_eq!(checksum(&packet), 0, "summed with its own checksum");
        assert_eq!(checksum(&packet[..length(32)]), 0, "the shortest");
        let mut long = packet.to_vec();
        long.resize(length(1_400), 0);
        assert_eq!(checksum(&long), 0, "a long one");
        assert_ne!(&packet[2..4], [0, 0]);
    }

    #[test]
    fn own_replies_match_in_every_framing() {
        for version in [IcmpVersion::V4, IcmpVersion::V6] {
            let packet = reply(version);
            assert_eq!(OURS.reply(Framing::Datagram(version), &packet), Some((5, MARK)));
        }
        let raw = with_ip_header(&reply(IcmpVersion::V4));
        assert_eq!(OURS.reply(Framing::Raw(IcmpVersion::V4), &raw), Some((5, MARK)));
        assert_eq!(
            OURS.reply(Framing::Raw(IcmpVersion::V6), &reply(IcmpVersion::V6)),
            Some((5, MARK))
        );
    }

    type Change = fn(&mut Vec<u8>);

    #[test]
    fn foreign_and_damaged_replies_never_match() {
        let rows: [(&str, Change); 6] = [
            ("our own request, looped back", |p| p[0] = 8),
            ("a strange code", |p| p[1] = 1),
            ("another token", |p| p[8] ^= 1),
            ("cut payload", |p| p.truncate(39)),
            ("cut header", |p| p.truncate(7)),
            ("nothing", Vec::clear),
        ];
        for (what, change) in rows {
            let mut packet = reply(IcmpVersion::V4);
            change(&mut packet);
            assert_eq!(
                OURS.reply(Framing::Datagram(IcmpVersion::V4), &packet),
                None,
                "{what}"
            );
        }
        let mut raw = with_ip_header(&reply(IcmpVersion::V4));
        raw[0] = 0x41;
        assert_eq!(
            OURS.reply(Framing::Raw(IcmpVersion::V4), &raw),
            None,
            "an IP header too short to be one"
        );
    }

    #[test]
    fn a_quoted_request_is_ours_by_payload_or_by_sequence() {
        let packet = OURS.request(IcmpVersion::V4, IDENT, 5, MARK);
        let quoted = |mark| {
            Some(Quoted {
                ident: IDENT,
                sequence: 5,
                mark,
            })
        };
        assert_eq!(OURS.quoted(IcmpVersion::V4, &packet), quoted(Some(MARK)));
        assert_eq!(
            OURS.quoted(IcmpVersion::V4, &packet[..8]),
            quoted(None),
            "a router that quotes eight bytes"
        );
        let mut foreign = packet;
        foreign[8] ^= 1;
        assert_eq!(OURS.quoted(IcmpVersion::V4, &foreign), None, "another token");
        foreign[0] = 0;
        assert_eq!(OURS.quoted(IcmpVersion::V4, &foreign[..8]), None, "no request");
    }

    #[test]
    fn a_departed_packet_is_found_behind_its_headers() {
        let mut frame = vec![0; 34];
        frame.extend(OURS.request(IcmpVersion::V4, IDENT, 5, MARK));
        assert_eq!(OURS.departed(&frame), Some(MARK));
        assert_eq!(OURS.departed(&frame[1..50]), None);
        assert_eq!(OURS.departed(&frame[..34 + 8 + 32]), Some(MARK), "the shortest");
        frame.resize(256, 0);
        assert_eq!(OURS.departed(&frame), Some(MARK), "the beginning of a long one");
    }
}
