//! Interfaces made up for tests.

use std::sync::Arc;

use super::interface::{Counters, Flow, Interface, Kind, Layer, Link, Wanted};

/// A link that is up, without master and speed.
pub(super) fn link(index: u32, name: &str, kind: Kind) -> Link {
    Link {
        index,
        name: name.into(),
        kind,
        layer: Layer::Own,
        master: None,
        wanted: Wanted::Up,
        up: true,
        operstate: "up".into(),
        address: "02:00:00:00:00:01".into(),
        mtu: Some(1500),
        carrier_changes: Some(1),
        speed: None,
        duplex: "".into(),
    }
}

/// Counters with these bytes and nothing lost.
pub(super) fn counters(received: u64, transmitted: u64) -> Counters {
    let flow = |bytes| Flow {
        bytes: Some(bytes),
        packets: Some(bytes / 100),
        errors: Some(0),
        drops: Some(0),
    };
    Counters {
        receive: flow(received),
        transmit: flow(transmitted),
        multicast: Some(0),
    }
}

/// An interface with these byte counters.
pub(super) fn interface(link: Link, received: u64, transmitted: u64) -> Interface {
    Interface {
        link: Arc::new(link),
        counters: counters(received, transmitted),
    }
}
