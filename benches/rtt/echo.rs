//! `ICMPv4` echo packets as they pass a device without link header: recognising and answering them.

use std::net::Ipv4Addr;

const ICMP: u8 = 1;
const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// Which way an echo goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Reply,
}

/// What request and reply of one probe have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Probe {
    /// Who is pinged, whichever way the packet goes.
    pub(crate) target: Ipv4Addr,
    identifier: u16,
    sequence: u16,
}

/// Reads an IPv4 packet; `None` when it is no echo.
pub(crate) fn parse(packet: &[u8]) -> Option<(Kind, Probe)> {
    let (header, icmp) = split(packet)?;
    if *header.get(9)? != ICMP {
        return None;
    }
    let [kind, _, _, _, rest @ ..] = icmp.first_chunk::<8>()?;
    let [id_high, id_low, sequence_high, sequence_low] = *rest;
    let (kind, target) = match *kind {
        REQUEST => (Kind::Request, header.get(16..20)?),
        REPLY => (Kind::Reply, header.get(12..16)?),
        _ => return None,
    };
    let probe = Probe {
        target: Ipv4Addr::from(*target.first_chunk::<4>()?),
        identifier: u16::from_be_bytes([id_high, id_low]),
        sequence: u16::from_be_bytes([sequence_high, sequence_low]),
    };
    Some((kind, probe))
}

/// The reply to an echo request. The header's checksum stays right: exchanging the addresses does not change it.
pub(crate) fn reply(request: &[u8]) -> Option<Vec<u8>> {
    let (header, icmp) = split(request)?;
    let (before, addresses) = header.split_at_checked(12)?;
    let (source, rest) = addresses.split_at_checked(4)?;
    let (destination, options) = rest.split_at_checked(4)?;
    let message = [&[REPLY, 0, 0, 0], icmp.get(4..)?].concat();
    let checksum = checksum(&message).to_be_bytes();
    Some(
        [
            before,
            destination,
            source,
            options,
            &[REPLY, 0],
            &checksum,
            message.get(4..)?,
        ]
        .concat(),
    )
}

fn split(packet: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *packet.first()?;
    (first >> 4 == 4).then(|| packet.split_at_checked(usize::from(first & 0x0f) * 4))?
}

/// The Internet checksum: the complement of the one's complement sum of all 16-bit words.
fn checksum(message: &[u8]) -> u16 {
    let words = message.chunks(2).map(|pair| {
        let high = pair.first().copied().unwrap_or_default();
        u16::from_be_bytes([high, pair.get(1).copied().unwrap_or_default()])
    });
    !words.fold(0u16, |sum, word| {
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}
