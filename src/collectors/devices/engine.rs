//! The loop of the ping thread: take what came in, note it, send what is due, wait. Runs apart from tokio, so that
//! busy tasks elsewhere do not disturb it. Knows no socket: a [`Prober`] does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    time::{Duration, Instant},
};

use super::{
    Shared,
    connect::Connector,
    probe::{Event, Method, Order, Outcome, Unsent, What},
};
use crate::clock::Clock;

/// Sends echo requests and tells how they ended.
pub(super) trait Prober {
    /// Sends a request; its end is told by a later [`collect`](Self::collect), unless it could not be sent.
    fn send(&mut self, order: &Order) -> Result<(), Unsent>;

    /// Adds what has happened since the last call to `events`. Does not block.
    fn collect(&mut self, events: &mut Vec<Event>);

    /// When the next unanswered request becomes a miss.
    fn deadline(&self) -> Option<Instant>;

    /// Waits until `until` at the latest, until woken, or until there may be something to collect.
    fn wait(&self, until: Option<Instant>);

    /// Replies the kernel dropped since the start because our buffer was full.
    fn dropped(&mut self) -> u64;

    /// Tries again at the next request what was refused before.
    fn retry(&mut self);
}

/// Work is done in slots of this length: one wake-up serves everything that falls into it.
const SLOT: Duration = Duration::from_millis(5);

/// Runs until `stop`.
pub(super) fn run(
    shared: &Arc<Shared>,
    clock: Clock,
    stop: &AtomicBool,
    prober: &mut dyn Prober,
    connector: &Connector,
    mailbox: &Receiver<Event>,
) {
    let epoch = clock.now().instant;
    let (mut events, mut orders) = (Vec::new(), Vec::new());
    let mut singles = shared.singles.open();
    shared.table().rebuild_timers();
    while !stop.load(Ordering::Acquire) {
        if shared.retry.swap(false, Ordering::AcqRel) {
            prober.retry();
        }
        prober.collect(&mut events);
        events.extend(mailbox.try_iter());
        singles.settle(&mut events);
        let now = clock.now();
        let (next, news, changes, looks_up) = {
            let mut table = shared.table();
            for event in events.drain(..) {
                table.record(&event, now, &mut orders);
            }
            table.due(now, &mut orders);
            table.dropped = prober.dropped();
            let looks_up = std::mem::take(&mut table.hastened_lookup);
            (table.next(), table.take_news(), table.take_changes(), looks_up)
        };
        shared.tell(news, changes, now);
        let more = singles.take(now.instant, &mut orders);
        if looks_up {
            shared.changed.notify_one();
        }
        for order in orders.drain(..) {
            let begun = match order.method {
                Method::Echo => prober.send(&order),
                Method::Connect => connector.start(order),
            };
            events.extend(begun.err().map(|unsent| refused(&order, unsent)));
        }
        if events.is_empty() && !more {
            let until = [next, prober.deadline()].into_iter().flatten().min();
            prober.wait(until.map(|until| slot_end(epoch, until)));
        }
    }
}

fn refused(order: &Order, unsent: Unsent) -> Event {
    Event {
        id: order.id,
        method: order.method,
        what: What::Ended(Outcome::Unsent(unsent)),
    }
}

/// The end of the slot that `until` falls into.
fn slot_end(epoch: Instant, until: Instant) -> Instant {
    let nanos = until.saturating_duration_since(epoch).as_nanos();
    let slots = nanos.div_ceil(SLOT.as_nanos());
    u32::try_from(slots).map_or(until, |slots| epoch + SLOT * slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_ends_at_or_behind_what_falls_into_it() {
        let epoch = Instant::now();
        for (micros, end) in [(0, 0), (1, 5_000), (5_000, 5_000), (5_001, 10_000)] {
            let until = slot_end(epoch, epoch + Duration::from_micros(micros));
            assert_eq!((until - epoch).as_micros(), end, "{micros} us");
        }
    }
}
