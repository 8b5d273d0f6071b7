//! Devices of a network that is made up: plays the part of the ping thread and of the lookups, without a thread and
//! without a packet. What is due is asked, and answered as the network would, whenever somebody looks.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    probe::{Answer, Event, Miss, Order, Outcome, Unsent, UnsentReason, What},
    resolve::in_short,
    table::Table,
};
use crate::{
    clock::Now,
    collectors::demo::World,
    sample::{Change, Reading},
};

/// Hop limit of every answer.
const HOP_LIMIT: u8 = 64;
/// No probe ends in the moment in which it is sent.
const AT_LEAST: Duration = Duration::from_micros(1);

/// A network that is made up, in place of sockets and of the system's resolver.
pub trait Network: Send + Sync {
    /// The moment at which it is looked at.
    fn now(&self) -> Now;

    /// What becomes of a question.
    fn reply(&self, question: &Question<'_>) -> Reply;

    /// Addresses of a name at a moment.
    ///
    /// # Errors
    /// When it has none, in the words of a resolver.
    fn resolve(&self, name: &str, at: Now) -> io::Result<Vec<IpAddr>>;
}

/// A probe of a device of such a network.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Name of the device.
    pub device: &'q str,
    /// The address that is asked.
    pub to: IpAddr,
    /// Counts up from 0 for each device.
    pub number: u64,
    /// When it is asked.
    pub at: Now,
}

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// An answer after this time; one that comes after the timeout is none.
    After(Duration),
    /// Nothing.
    Never,
    /// A router says that the device cannot be reached.
    Unreachable,
    /// This host has no route, so that the question cannot be sent.
    NoRoute,
    /// This process may not ping, so that the question cannot be sent.
    NotPermitted,
    /// The system refuses to send the question for another reason.
    Refused,
}

impl Reply {
    /// How the probe ends, and after which time.
    fn end(self, timeout: Duration) -> (Duration, Outcome) {
        let unsent = |reason| {
            let detail = String::new();
            (Duration::ZERO, Outcome::Unsent(Unsent { reason, detail }))
        };
        match self {
            Self::After(round_trip) if round_trip < timeout => {
                let hop_limit = Some(HOP_LIMIT);
                let answer = Answer {
                    round_trip,
                    hop_limit,
                };
                (round_trip, Outcome::Answered(answer))
            }
            Self::After(_) | Self::Never => (timeout, Outcome::Missed(Miss::Timeout)),
            Self::Unreachable => (Duration::ZERO, Outcome::Missed(Miss::Unreachable(None))),
            Self::NoRoute => unsent(UnsentReason::NoRoute),
            Self::NotPermitted => unsent(UnsentReason::Permission),
            Self::Refused => unsent(UnsentReason::Send),
        }
    }
}

impl Network for World {
    fn now(&self) -> Now {
        Self::now(self)
    }

    fn reply(&self, question: &Question<'_>) -> Reply {
        self.answer(question.device, question.number, question.at)
            .map_or(Reply::Never, Reply::After)
    }

    fn resolve(&self, _name: &str, _at: Now) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("there are no names in a demo"))
    }
}

/// A network that is made up, and what is under way in it.
pub(super) struct Play {
    network: Arc<dyn Network>,
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    /// How probes will end, by when; the number tells those of one moment apart.
    ends: BTreeMap<(Instant, u64), Event>,
    asked: u64,
}

impl Play {
    pub(super) fn new(network: Arc<dyn Network>) -> Self {
        Self {
            network,
            under_way: Mutex::default(),
        }
    }

    /// The moment at which the network is looked at.
    pub(super) fn now(&self) -> Now {
        self.network.now()
    }

    /// Lets everything happen that happens up to `now`; returns the changes with their moments.
    pub(super) fn catch_up(&self, table: &mut Table, now: Now) -> Vec<(Now, Vec<Reading>, Vec<Change>)> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut orders, mut news) = (Vec::new(), Vec::new());
        loop {
            let end = under_way.ends.first_key_value().map(|((at, _), _)| *at);
            let lookup = table.next_lookup();
            let next = [end, lookup, table.next()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= now.instant) else {
                return news;
            };
            let moment = Now {
                instant: at,
                wall: now.wall - now.instant.saturating_duration_since(at),
            };
            if end == Some(at) {
                if let Some((_, event)) = under_way.ends.pop_first() {
                    table.record(&event, moment, &mut orders);
                }
            } else if lookup == Some(at) {
                self.look_up(table, moment);
            } else {
                table.due(moment, &mut orders);
            }
            for order in orders.drain(..) {
                let (after, event) = self.ask(&order, table, moment);
                under_way.add(at + after, event);
            }
            let (readings, changes) = (table.take_news(), table.take_changes());
            if !readings.is_empty() {
                news.push((moment, readings, changes));
            }
        }
    }

    fn look_up(&self, table: &mut Table, now: Now) {
        for (id, name) in table.take_lookups(now.instant) {
            let found = self.network.resolve(&name, now);
            let found = found.map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect());
            table.resolved(id, found.map_err(|error| in_short(&error)), now.instant);
        }
    }

    /// How a probe will end, and after which time.
    fn ask(&self, order: &Order, table: &Table, now: Now) -> (Duration, Event) {
        let device = table.device(order.id.device);
        let question = device.map(|device| Question {
            device: &device.spec.name,
            to: order.to.ip(),
            number: order.id.number,
            at: now,
        });
        let reply = question.map_or(Reply::Never, |question| self.network.reply(&question));
        let (after, outcome) = reply.end(order.timeout);
        let event = Event {
            id: order.id,
            method: order.method,
            what: What::Ended(outcome),
        };
        (after.max(AT_LEAST), event)
    }
}

impl UnderWay {
    fn add(&mut self, end: Instant, event: Event) {
        self.asked += 1;
        self.ends.insert((end, self.asked), event);
    }
}
