//! What is known about the interfaces of the host at one moment, whatever operating system told it.
//! Everything a system does not tell is `None`.

use std::{sync::Arc, time::Instant};

use smol_str::SmolStr;

use crate::collectors::Error;

/// Where readings come from; tests give their own.
pub(super) trait Source: Send {
    /// Reads all interfaces and their counters.
    fn read(&mut self, facts: Facts) -> Result<Snapshot, Error>;
}

/// How slow facts (speed, duplex) are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facts {
    /// As remembered, unless the link changed.
    Remembered,
    /// Read anew.
    Fresh,
}

/// One reading of all interfaces.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When the counters were read.
    pub(super) taken: Instant,
    /// In the order of the operating system.
    pub(super) interfaces: Vec<Interface>,
}

/// An interface with its counters.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    /// What it is; shared between readings as long as it does not change.
    pub(super) link: Arc<Link>,
    /// What it counted since it exists.
    pub(super) counters: Counters,
}

/// What an interface is, apart from its counters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    /// Number that the system never gives twice while it runs; 0 where it tells none.
    pub(super) index: u32,
    /// Name as printable, valid UTF-8.
    pub(super) name: SmolStr,
    /// What stands behind it.
    pub(super) kind: Kind,
    /// Where its traffic passes as well.
    pub(super) layer: Layer,
    /// The bridge, bond or team it belongs to, by index.
    pub(super) master: Option<u32>,
    /// What the administrator wants of it.
    pub(super) wanted: Wanted,
    /// Whether packets can pass.
    pub(super) up: bool,
    /// Operational state in the words of RFC 2863, empty when unknown to the system.
    pub(super) operstate: SmolStr,
    /// Hardware address, bytes in hexadecimal separated by colons; may be empty.
    pub(super) address: SmolStr,
    /// Maximum transmission unit in bytes.
    pub(super) mtu: Option<u32>,
    /// Times the carrier came or went.
    pub(super) carrier_changes: Option<u32>,
    /// Link speed in bytes per second.
    pub(super) speed: Option<f64>,
    /// `full` or `half`, empty when unknown.
    pub(super) duplex: SmolStr,
}

/// What stands behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Hardware, also what a hypervisor presents as such.
    Physical,
    /// Hardware that radiates.
    Wireless,
    /// Software.
    Virtual,
    /// The host talking to itself.
    Loopback,
}

impl Kind {
    /// The word in the label `kind`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Wireless => "wireless",
            Self::Virtual => "virtual",
            Self::Loopback => "loopback",
        }
    }

    /// Whether its traffic leaves the host through hardware.
    pub(super) fn is_hardware(self) -> bool {
        matches!(self, Self::Physical | Self::Wireless)
    }
}

/// Whether what an interface counts is counted by another interface as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// Its traffic is its own.
    Own,
    /// A tunnel such as tun or wireguard: its packets travel inside those of another interface.
    Tunnel,
    /// A bridge, VLAN, macvlan and the like: other interfaces of this host count the same packets.
    Shared,
}

/// What the administrator wants of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It should pass packets.
    Up,
    /// It is switched off on purpose.
    Down,
}

/// Counters since the interface exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// What came in.
    pub(super) receive: Flow,
    /// What went out.
    pub(super) transmit: Flow,
    /// Multicast packets received.
    pub(super) multicast: Option<u64>,
}

/// Counters of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Bytes.
    pub(super) bytes: Option<u64>,
    /// Packets.
    pub(super) packets: Option<u64>,
    /// Packets lost to errors.
    pub(super) errors: Option<u64>,
    /// Packets the host dropped.
    pub(super) drops: Option<u64>,
}
