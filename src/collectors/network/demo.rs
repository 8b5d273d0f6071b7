//! The interfaces of a made-up host.

use std::sync::Arc;

use super::interface::{Counters, Facts, Flow, Interface, Kind, Layer, Link, Snapshot, Source, Wanted};
use crate::collectors::{
    Error,
    demo::{LINKS, World},
};

/// Reads the interfaces of a made-up host.
pub(super) struct MadeUp(pub(super) Arc<World>);

impl Source for MadeUp {
    fn read(&mut self, _facts: Facts) -> Result<Snapshot, Error> {
        let (now, totals) = self.0.counters();
        let interfaces = (0_u32..)
            .zip(LINKS.iter().zip(totals.links))
            .map(|(place, (fixed, counted))| {
                let linked = self.0.is_linked(place as usize, now);
                let kind = match fixed.name {
                    "lo" => Kind::Loopback,
                    _ if fixed.speed.is_some() => Kind::Physical,
                    _ => Kind::Virtual,
                };
                let flow = |bytes, packets, errors, drops| Flow {
                    bytes: Some(whole(bytes)),
                    packets: Some(whole(packets)),
                    errors: Some(whole(errors)),
                    drops: Some(whole(drops)),
                };
                Interface {
                    link: Arc::new(Link {
                        index: place + 1,
                        name: fixed.name.into(),
                        kind,
                        layer: if kind == Kind::Virtual {
                            Layer::Tunnel
                        } else {
                            Layer::Own
                        },
                        master: None,
                        wanted: Wanted::Up,
                        up: linked,
                        operstate: if linked { "up" } else { "down" }.into(),
                        address: fixed.address.into(),
                        mtu: Some(fixed.mtu),
                        carrier_changes: Some(counted.carrier_changes),
                        speed: fixed.speed.filter(|_| linked),
                        duplex: if fixed.speed.is_some() { "full" } else { "" }.into(),
                    }),
                    counters: Counters {
                        receive: flow(
                            counted.received,
                            counted.packets_in,
                            counted.errors,
                            counted.drops,
                        ),
                        transmit: flow(counted.transmitted, counted.packets_out, 0.0, 0.0),
                        multicast: Some(whole(counted.packets_in / 200.0)),
                    },
                }
            });
        Ok(Snapshot {
            taken: now.instant,
            interfaces: interfaces.collect(),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are positive and far below the limit"
)]
fn whole(count: f64) -> u64 {
    count as u64
}
