//! The meaning of rtnetlink's messages about links: bodies of `RTM_NEWLINK` and `RTM_NEWSTATS` into what they tell.
//! Does not talk to the kernel and does not know sysfs.

use smol_str::SmolStr;

use super::message::{Complaint, attributes, u32_at, u64_at};
use crate::collectors::network::interface::{Counters, Flow, Layer, Wanted};

/// Length of `struct ifinfomsg`, which precedes the attributes of a link.
pub(super) const LINK_HEADER: usize = 16;
/// Length of `struct if_stats_msg`, which precedes the attributes of statistics.
pub(super) const STATS_HEADER: usize = 12;

// Names as in the kernel's linux/if_link.h.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_CARRIER_CHANGES: u16 = 35;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_PARENT_DEV_NAME: u16 = 56;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_STATS_LINK_64: u16 = 1;

const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 1 << 3;
const IFF_RUNNING: u32 = 1 << 6;

/// States of RFC 2863 by the kernel's number.
const OPERSTATES: [&str; 7] = [
    "unknown",
    "notpresent",
    "down",
    "lowerlayerdown",
    "testing",
    "dormant",
    "up",
];

/// What one link message tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LinkMessage {
    /// Number of the interface.
    pub(super) index: u32,
    /// Name as the kernel has it, without the closing zero.
    pub(super) name: Vec<u8>,
    /// Hardware address in the usual notation.
    pub(super) address: SmolStr,
    /// Maximum transmission unit in bytes.
    pub(super) mtu: Option<u32>,
    /// The interface this one belongs to.
    pub(super) master: Option<u32>,
    /// Operational state.
    pub(super) operstate: SmolStr,
    /// Times the carrier came or went.
    pub(super) carrier_changes: Option<u32>,
    /// Counters, where the message has them.
    pub(super) counters: Counters,
    flags: u32,
    kind: Vec<u8>,
    lower: Option<u32>,
    lower_is_elsewhere: bool,
    has_parent_device: bool,
}

impl LinkMessage {
    /// Reads the body of a message.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Complaint> {
        let fixed = || Some((u32_at(body, 4)?, u32_at(body, 8)?, body.get(LINK_HEADER..)?));
        let (index, flags, rest) = fixed().ok_or("a link message is cut off")?;
        let mut link = Self {
            index,
            flags,
            ..Self::default()
        };
        for attribute in attributes(rest) {
            let (kind, payload) = attribute?;
            link.take(kind, payload)?;
        }
        if link.name.is_empty() {
            return Err("a link message names no interface");
        }
        Ok(link)
    }

    fn take(&mut self, kind: u16, payload: &[u8]) -> Result<(), Complaint> {
        match kind {
            IFLA_IFNAME => self.name = without_zero(payload).to_vec(),
            IFLA_ADDRESS => self.address = address(payload),
            IFLA_MTU => self.mtu = Some(number(payload)?),
            IFLA_LINK => self.lower = Some(number(payload)?),
            IFLA_MASTER => self.master = Some(number(payload)?),
            IFLA_CARRIER_CHANGES => self.carrier_changes = Some(number(payload)?),
            IFLA_OPERSTATE => self.operstate = operstate(payload)?,
            IFLA_LINK_NETNSID => self.lower_is_elsewhere = true,
            IFLA_PARENT_DEV_NAME => self.has_parent_device = true,
            IFLA_LINKINFO => self.kind = info_kind(payload)?,
            IFLA_STATS64 => self.counters = counters(payload)?,
            _ => {}
        }
        Ok(())
    }

    /// Whether it is the host talking to itself.
    pub(super) fn is_loopback(&self) -> bool {
        self.flags & IFF_LOOPBACK != 0
    }

    /// Whether a hardware device stands behind it. What sits on another interface (a VLAN, a switch port whose
    /// frames pass the port to the CPU) does not count, though it may name the same device. `None` when the
    /// message leaves it open, as those of kernels before 5.14 do.
    pub(super) fn is_hardware(&self) -> Option<bool> {
        if self.sits_on_another() {
            return Some(false);
        }
        let open = !self.has_parent_device && self.kind.is_empty();
        (!open).then_some(self.has_parent_device)
    }

    /// Whether packets can pass. An interface whose driver tells no state counts as up while it runs, as the
    /// kernel's documentation of operational states demands; the loopback and tunnels are such.
    pub(super) fn is_up(&self) -> bool {
        self.flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING
    }

    /// What the administrator wants of it.
    pub(super) fn wanted(&self) -> Wanted {
        if self.flags & IFF_UP != 0 {
            Wanted::Up
        } else {
            Wanted::Down
        }
    }

    /// Whether another interface counts its packets as well.
    pub(super) fn layer(&self) -> Layer {
        let stacked = self.sits_on_another() && !self.lower_is_elsewhere && self.kind != b"veth";
        match self.kind.as_slice() {
            b"bridge" => Layer::Shared,
            b"tun" | b"wireguard" => Layer::Tunnel,
            _ if stacked => Layer::Shared,
            _ => Layer::Own,
        }
    }

    fn sits_on_another(&self) -> bool {
        self.lower.is_some_and(|lower| lower != self.index)
    }
}

/// Reads the body of a message with statistics: the interface's number and its counters.
pub(super) fn parse_stats(body: &[u8]) -> Result<(u32, Counters), Complaint> {
    let fixed = || Some((u32_at(body, 4)?, body.get(STATS_HEADER..)?));
    let (index, rest) = fixed().ok_or("a statistics message is cut off")?;
    for attribute in attributes(rest) {
        let (kind, payload) = attribute?;
        if kind == IFLA_STATS_LINK_64 {
            return Ok((index, counters(payload)?));
        }
    }
    Err("a statistics message has no counters")
}

/// Reads `struct rtnl_link_stats64`; packets missed by the hardware count as dropped, as in /proc/net/dev.
fn counters(payload: &[u8]) -> Result<Counters, Complaint> {
    let field = |position: usize| u64_at(payload, position * 8).ok_or("the counters are cut off");
    Ok(Counters {
        receive: Flow {
            packets: Some(field(0)?),
            bytes: Some(field(2)?),
            errors: Some(field(4)?),
            drops: Some(field(6)?.wrapping_add(field(15)?)),
        },
        transmit: Flow {
            packets: Some(field(1)?),
            bytes: Some(field(3)?),
            errors: Some(field(5)?),
            drops: Some(field(7)?),
        },
        multicast: Some(field(8)?),
    })
}

fn number(payload: &[u8]) -> Result<u32, Complaint> {
    u32_at(payload, 0).ok_or("a number is cut off")
}

fn operstate(payload: &[u8]) -> Result<SmolStr, Complaint> {
    let code = payload.first().ok_or("the operational state is cut off")?;
    let word = OPERSTATES.get(usize::from(*code)).unwrap_or(&OPERSTATES[0]);
    Ok(SmolStr::new_static(word))
}

fn info_kind(payload: &[u8]) -> Result<Vec<u8>, Complaint> {
    for attribute in attributes(payload) {
        let (kind, name) = attribute?;
        if kind == IFLA_INFO_KIND {
            return Ok(without_zero(name).to_vec());
        }
    }
    Ok(Vec::new())
}

fn without_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn address(bytes: &[u8]) -> SmolStr {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(':');
        }
        text.extend(hexadecimal(*byte));
    }
    text.into()
}

fn hexadecimal(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
}

/// A kernel's name as valid UTF-8: bytes that are none appear as `\xff`, so that names stay apart.
pub(super) fn printable(name: &[u8]) -> SmolStr {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str("\\x");
            text.extend(hexadecimal(*byte));
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::message::build::attribute, *};

    const RUNNING: u32 = IFF_UP | IFF_RUNNING;

    fn body(index: u32, flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = [0; 4].to_vec();
        body.extend(index.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        body.extend(attributes.concat());
        body
    }

    fn link(flags: u32, attributes: &[Vec<u8>]) -> LinkMessage {
        let named = [&[attribute(IFLA_IFNAME, b"eth0\0")], attributes].concat();
        LinkMessage::parse(&body(2, flags, &named)).expect("a whole message")
    }

    fn info(kind: &[u8]) -> Vec<u8> {
        attribute(IFLA_LINKINFO, &attribute(IFLA_INFO_KIND, kind))
    }

    fn lower(index: u32) -> Vec<u8> {
        attribute(IFLA_LINK, &index.to_ne_bytes())
    }

    fn parent() -> Vec<u8> {
        attribute(IFLA_PARENT_DEV_NAME, b"0000:00:03.0\0")
    }

    fn elsewhere() -> Vec<u8> {
        attribute(IFLA_LINK_NETNSID, &0_u32.to_ne_bytes())
    }

    fn stats() -> Vec<u8> {
        (0..24_u64)
            .flat_map(|field| (100 + field).to_ne_bytes())
            .collect()
    }

    #[test]
    fn a_link_message_tells_everything() {
        let link = link(
            RUNNING,
            &[
                attribute(IFLA_ADDRESS, &[0x02, 0xfc, 0, 0, 0xab, 9]),
                attribute(IFLA_MTU, &1500_u32.to_ne_bytes()),
                attribute(IFLA_OPERSTATE, &[6]),
                attribute(IFLA_CARRIER_CHANGES, &3_u32.to_ne_bytes()),
                attribute(IFLA_MASTER, &7_u32.to_ne_bytes()),
                attribute(IFLA_STATS64, &stats()),
            ],
        );
        assert_eq!((link.index, link.name.as_slice()), (2, &b"eth0"[..]));
        assert_eq!(
            (link.address.as_str(), link.operstate.as_str()),
            ("02:fc:00:00:ab:09", "up")
        );
        assert_eq!(
            (link.mtu, link.carrier_changes, link.master),
            (Some(1500), Some(3), Some(7))
        );
        let receive = Flow {
            packets: Some(100),
            bytes: Some(102),
            errors: Some(104),
            drops: Some(106 + 115),
        };
        assert_eq!(
            (link.counters.receive, link.counters.multicast),
            (receive, Some(108))
        );
        assert_eq!(link.counters.transmit.bytes, Some(103));
    }

    #[test]
    fn what_a_message_leaves_out_is_none() {
        let link = link(0, &[]);
        assert_eq!((link.mtu, link.carrier_changes, link.master), (None, None, None));
        assert_eq!(link.counters, Counters::default());
    }

    #[test]
    fn an_interface_is_up_while_it_runs() {
        for (flags, up, wanted) in [
            (RUNNING, true, Wanted::Up),
            (IFF_UP, false, Wanted::Up),
            (IFF_RUNNING, false, Wanted::Down),
            (0, false, Wanted::Down),
        ] {
            let link = link(flags, &[]);
            assert_eq!((link.is_up(), link.wanted()), (up, wanted), "{flags:#x}");
        }
    }

    #[test]
    fn hardware_and_layers_are_told_apart() {
        for (case, attributes, hardware, layer) in [
            ("network card", vec![parent()], Some(true), Layer::Own),
            ("old kernel", vec![], None, Layer::Own),
            (
                "switch port",
                vec![parent(), info(b"dsa"), lower(9)],
                Some(false),
                Layer::Shared,
            ),
            ("VLAN", vec![info(b"vlan"), lower(9)], Some(false), Layer::Shared),
            ("bridge", vec![info(b"bridge")], Some(false), Layer::Shared),
            ("bond", vec![info(b"bond")], Some(false), Layer::Own),
            (
                "veth, both ends here",
                vec![info(b"veth"), lower(9)],
                Some(false),
                Layer::Own,
            ),
            (
                "veth of a container",
                vec![info(b"veth"), lower(2), elsewhere()],
                Some(false),
                Layer::Own,
            ),
            (
                "macvlan of a container",
                vec![info(b"macvlan"), lower(9), elsewhere()],
                Some(false),
                Layer::Own,
            ),
            (
                "macvlan",
                vec![info(b"macvlan"), lower(9)],
                Some(false),
                Layer::Shared,
            ),
            ("tun", vec![info(b"tun")], Some(false), Layer::Tunnel),
            (
                "WireGuard",
                vec![info(b"wireguard\0")],
                Some(false),
                Layer::Tunnel,
            ),
            (
                "ipip without a fixed end",
                vec![info(b"ipip"), lower(0)],
                Some(false),
                Layer::Shared,
            ),
        ] {
            let link = link(RUNNING, &attributes);
            assert_eq!((link.is_hardware(), link.layer()), (hardware, layer), "{case}");
        }
    }

    #[test]
    fn damaged_link_messages_are_complaints() {
        let name = attribute(IFLA_IFNAME, b"eth0\0");
        for (case, body) in [
            ("header cut off", body(2, 0, &[])[..15].to_vec()),
            ("no name", body(2, 0, &[])),
            ("empty name", body(2, 0, &[attribute(IFLA_IFNAME, b"\0")])),
            (
                "short number",
                body(2, 0, &[name.clone(), attribute(IFLA_MTU, &[1, 2])]),
            ),
            (
                "no state",
                body(2, 0, &[name.clone(), attribute(IFLA_OPERSTATE, &[])]),
            ),
            (
                "short counters",
                body(2, 0, &[name.clone(), attribute(IFLA_STATS64, &stats()[..120])]),
            ),
            (
                "bad nesting",
                body(2, 0, &[name, attribute(IFLA_LINKINFO, &[9, 0, 1, 0])]),
            ),
        ] {
            assert!(LinkMessage::parse(&body).is_err(), "{case}");
        }
    }

    #[test]
    fn statistics_need_their_counters() {
        let mut body = [0; STATS_HEADER].to_vec();
        body[4..8].copy_from_slice(&5_u32.to_ne_bytes());
        assert!(parse_stats(&body).is_err());
        assert!(parse_stats(&body[..10]).is_err());
        body.extend(attribute(IFLA_STATS_LINK_64, &stats()));
        let (index, counters) = parse_stats(&body).expect("a whole message");
        assert_eq!((index, counters.transmit.packets), (5, Some(101)));
    }

    #[test]
    fn hostile_names_stay_valid_and_apart() {
        for (name, expected) in [
            (&b"eth0"[..], "eth0"),
            (b"a\"b\\c", "a\"b\\c"),
            ("é\u{1f426}".as_bytes(), "é\u{1f426}"),
            (b"a\xffb\xfe", "a\\xffb\\xfe"),
        ] {
            assert_eq!(printable(name), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = LinkMessage::parse(&bytes);
            let _ = parse_stats(&bytes);
            let _ = printable(&bytes);
        }

        #[test]
        fn no_attribute_is_a_panic(kind in 0_u16..70, payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = LinkMessage::parse(&body(1, 0, &[attribute(kind, &payload)]));
        }
    }
}
