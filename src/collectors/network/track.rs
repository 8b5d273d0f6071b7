//! What is remembered of each interface between interval runs: its last counters, its histograms and how often its
//! rates were implausible. An interface is known by number and name, so one that was created anew starts anew.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::metrics::histogram::Histogram;
use smol_str::SmolStr;

use super::{
    families::RATE_BOUNDS,
    interface::{Counters, Link, Snapshot, Wanted},
    rates::Rates,
};
use crate::sample::{Missing, Observed, histogram};

/// All interfaces of the last reading that succeeded.
#[derive(Default)]
pub(super) struct Track {
    taken: Option<Instant>,
    memories: HashMap<(u32, SmolStr), Memory>,
    order: Vec<Arc<Link>>,
}

/// What is remembered of one interface.
pub(super) struct Memory {
    /// Byte rates of every interval, received.
    pub(super) receive: Histogram,
    /// Byte rates of every interval, transmitted.
    pub(super) transmit: Histogram,
    /// Rates so far that cannot have been right.
    pub(super) implausible: u64,
    counters: Counters,
    carrier: Carrier,
}

/// Whether an interface lost the link it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// It has one.
    Fine,
    /// It had one since it was switched on, and has none now.
    Lost,
    /// It was never seen with one since it was switched on, or is switched off on purpose.
    NeverSeen,
}

/// An interface in one interval.
pub(super) struct Seen {
    /// What it is.
    pub(super) link: Arc<Link>,
    /// Its rates.
    pub(super) rates: Rates,
    /// How its link fares.
    pub(super) carrier: Carrier,
}

impl Track {
    /// Takes a new reading in, taken at `taken`; tells the rates since the last one and the time between them.
    pub(super) fn step(&mut self, snapshot: &Snapshot, taken: Instant) -> (Option<Duration>, Vec<Seen>) {
        let elapsed = self.taken.map(|before| taken.saturating_duration_since(before));
        let mut old = std::mem::take(&mut self.memories);
        let mut seen = Vec::with_capacity(snapshot.interfaces.len());
        for interface in &snapshot.interfaces {
            let key = (interface.link.index, interface.link.name.clone());
            let (memory, rates) = match (old.remove(&key), elapsed) {
                (Some(memory), Some(elapsed)) => memory.next(&interface.link, interface.counters, elapsed),
                _ => Memory::first(&interface.link, interface.counters),
            };
            seen.push(Seen {
                link: Arc::clone(&interface.link),
                rates,
                carrier: memory.carrier,
            });
            self.memories.insert(key, memory);
        }
        self.taken = Some(taken);
        self.order = seen.iter().map(|seen| Arc::clone(&seen.link)).collect();
        (elapsed, seen)
    }

    /// The interfaces of the last reading, for a run whose reading failed: the next rates span both intervals.
    pub(super) fn unread(&self) -> Vec<Seen> {
        let seen = |link: &Arc<Link>| Seen {
            link: Arc::clone(link),
            rates: Rates::missing(Missing::ReadFailed),
            carrier: self
                .memory(link)
                .map_or(Carrier::NeverSeen, |memory| memory.carrier),
        };
        self.order.iter().map(seen).collect()
    }

    /// The interfaces of the last reading that succeeded, in its order.
    pub(super) fn links(&self) -> &[Arc<Link>] {
        &self.order
    }

    /// When the last reading that succeeded was taken.
    pub(super) fn taken(&self) -> Option<Instant> {
        self.taken
    }

    /// What is remembered of an interface that an interval run has seen.
    pub(super) fn memory(&self, link: &Link) -> Option<&Memory> {
        self.memories.get(&(link.index, link.name.clone()))
    }
}

impl Memory {
    fn first(link: &Link, counters: Counters) -> (Self, Rates) {
        let memory = Self {
            receive: histogram(RATE_BOUNDS),
            transmit: histogram(RATE_BOUNDS),
            implausible: 0,
            counters,
            carrier: Carrier::NeverSeen.next(link),
        };
        (memory, Rates::missing(Missing::FirstReading))
    }

    fn next(mut self, link: &Link, counters: Counters, elapsed: Duration) -> (Self, Rates) {
        let rates = Rates::between(&self.counters, &counters, elapsed, link);
        self.counters = counters;
        self.carrier = self.carrier.next(link);
        self.implausible += rates.implausible();
        observe(&self.receive, rates.receive.bytes);
        observe(&self.transmit, rates.transmit.bytes);
        (self, rates)
    }
}

impl Carrier {
    fn next(self, link: &Link) -> Self {
        match (link.wanted, link.up, self) {
            (Wanted::Down, ..) | (_, false, Self::NeverSeen) => Self::NeverSeen,
            (_, true, _) => Self::Fine,
            (_, false, Self::Fine | Self::Lost) => Self::Lost,
        }
    }
}

fn observe(histogram: &Histogram, observed: Observed) {
    if let Some(rate) = observed.value() {
        histogram.observe(rate);
    }
}
