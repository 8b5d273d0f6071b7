//! The devices of a made-up network: plays the part of the ping thread, without a thread and without a packet. What is
//! due is asked, and answered as the network would, whenever somebody looks.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    probe::{Answer, Event, Miss, Order, Outcome, What},
    table::Table,
};
use crate::{
    clock::Now,
    collectors::demo::World,
    sample::{Change, Reading},
};

/// Hop limit of every answer.
const HOP_LIMIT: u8 = 64;

/// What is under way in a made-up network.
pub(super) struct Play {
    world: Arc<World>,
    /// How probes will end, by when; the number tells those of one moment apart.
    ends: BTreeMap<(Instant, u64), Event>,
    asked: u64,
}

impl Play {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self {
            world,
            ends: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Lets everything happen that happens up to `now`; returns the changes with their moments.
    pub(super) fn catch_up(&mut self, table: &mut Table, now: Now) -> Vec<(Now, Vec<Reading>, Vec<Change>)> {
        let (mut orders, mut news) = (Vec::new(), Vec::new());
        loop {
            let end = self.ends.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = end
                .into_iter()
                .chain(table.next())
                .min()
                .filter(|at| *at <= now.instant)
            else {
                return news;
            };
            let moment = Now {
                instant: at,
                wall: now.wall - now.instant.saturating_duration_since(at),
            };
            if end == Some(at) {
                if let Some((_, event)) = self.ends.pop_first() {
                    table.record(&event, moment, &mut orders);
                }
            } else {
                table.due(moment, &mut orders);
            }
            for order in orders.drain(..) {
                self.ask(&order, table, moment);
            }
            let (readings, changes) = (table.take_news(), table.take_changes());
            if !readings.is_empty() {
                news.push((moment, readings, changes));
            }
        }
    }

    fn ask(&mut self, order: &Order, table: &Table, now: Now) {
        let device = table.devices().find(|device| device.id == order.id.device);
        let reply = device.and_then(|device| self.world.reply(&device.spec.name, order.id.number, now));
        let (after, outcome) = match reply.filter(|after| *after < order.timeout) {
            Some(round_trip) => {
                let hop_limit = Some(HOP_LIMIT);
                (
                    round_trip,
                    Outcome::Answered(Answer {
                        round_trip,
                        hop_limit,
                    }),
                )
            }
            None => (order.timeout, Outcome::Missed(Miss::Timeout)),
        };
        let event = Event {
            id: order.id,
            method: order.method,
            what: What::Ended(outcome),
        };
        self.asked += 1;
        self.ends.insert(
            (now.instant + after.max(Duration::from_micros(1)), self.asked),
            event,
        );
    }
}
