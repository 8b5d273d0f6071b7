//! The persistent queue between alerts and people: notices in, entries that wait for delivery out. What was accepted
//! survives a crash; "sent" is written only after a server accepted; nothing is queued twice. Sends nothing itself.

mod entry;
mod journal;
mod over;
mod queue;

use std::{collections::HashSet, path::Path, sync::Arc, time::Duration};

use tracing::{error, warn};

pub(super) use self::entry::{Entry, Key, Why};
use self::{
    entry::{Address, Event},
    journal::Journal,
    queue::{Queue, key_of},
};
use super::{Failure, Notifier, metrics::Metrics};
use crate::{
    alerts::{AlertId, Audience, Notice},
    clock::Now,
    durable::Disk,
};

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most entries that wait. A full queue gives up the oldest reminders first, then the oldest of all.
    pub capacity: usize,
    /// What could not be delivered for this long is given up.
    pub expiry: Duration,
    /// How many entries are remembered after they are over, so that a notice offered again is told once.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            expiry: Duration::from_hours(7 * 24),
            remembered: 5_000,
        }
    }
}

/// Why notices could not be taken as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They are in memory and are delivered, but a crash would lose them: offer them again.
    #[error("keep notices on disk; they are delivered from memory")]
    NotDurable,
    /// Delivery is busy or has ended: offer them again.
    #[error("hand notices over in time")]
    NotTaken,
}

/// What waits to be told, and to whom.
pub struct Outbox {
    queue: Queue,
    journal: Journal,
    limits: Limits,
    metrics: Arc<Metrics>,
}

impl Outbox {
    /// An outbox that keeps its entries in the file `path`; what is in there waits again. Trouble with the file is
    /// logged, and everything is then kept in memory.
    #[must_use]
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, limits: Limits, now: Now) -> Self {
        let (journal, events) = Journal::open(disk, path);
        let mut outbox = Self::new(journal, limits);
        for event in events {
            outbox.queue.apply(event, now);
        }
        outbox.make_room(now, &mut Vec::new());
        outbox.count();
        outbox
    }

    /// An outbox without a disk: a restart forgets what waits.
    #[must_use]
    pub fn in_memory(limits: Limits) -> Self {
        Self::new(Journal::Memory, limits)
    }

    fn new(journal: Journal, limits: Limits) -> Self {
        Self {
            queue: Queue::new(limits),
            journal,
            limits,
            metrics: Arc::new(Metrics::new(limits.capacity)),
        }
    }

    /// Queues each notice for everyone who is to hear of it, all of them durably when this returns `Ok`. What was
    /// offered before is left out. On `Err` they are delivered all the same, unless this process ends before.
    pub fn offer(
        &mut self,
        notices: &[Notice],
        notifiers: &[Arc<dyn Notifier>],
        now: Now,
    ) -> Result<(), Error> {
        let mut events = Vec::new();
        for notice in notices {
            let mut to = addresses(notice, notifiers);
            to.retain(|address| !self.queue.knows(&key_of(notice, address)));
            if to.is_empty() {
                continue;
            }
            let event = Event::Queued {
                at: now.wall,
                notice: Arc::new(notice.clone()),
                to,
            };
            self.queue.apply(event.clone(), now);
            events.push(event);
        }
        self.make_room(now, &mut events);
        self.write(&events)
    }

    /// Entries in the order in which they were queued.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.queue.entries()
    }

    /// Notes that these are part of an attempt now.
    pub(super) fn attempt(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(entry) = self.queue.get_mut(key) {
                entry.attempts += 1;
            }
        }
    }

    /// Writes down what became of attempts, durably where there is a disk.
    pub(super) fn record(&mut self, results: Vec<(Vec<Key>, Result<(), Failure>)>, now: Now) {
        let at = now.wall;
        let events = results.into_iter().filter_map(|(of, result)| match result {
            Ok(()) => Some(Event::Sent { at, of }),
            Err(Failure::Permanent { reason, detail }) => Some(Event::Failed {
                at,
                of,
                reason,
                detail,
            }),
            Err(Failure::Transient { .. }) => None,
        });
        self.take(&events.collect::<Vec<_>>(), now);
    }

    /// Alerts of these notices of which the recipient was not told anything, as it was suppressed.
    pub(super) fn untold(&self, of: &[Key]) -> HashSet<AlertId> {
        let untold = of.iter().filter(|key| self.queue.is_untold(key));
        untold.map(|key| key.alert().into()).collect()
    }

    /// Does not tell these, as people want silence about their alerts.
    pub(super) fn withhold(&mut self, of: Vec<Key>, now: Now) {
        if !of.is_empty() {
            self.metrics.withheld(of.len());
            let (at, why) = (now.wall, Why::Suppressed);
            self.take(&[Event::Dropped { at, of, why }], now);
        }
    }

    /// Gives these up.
    pub(super) fn give_up(&mut self, of: Vec<Key>, why: Why, now: Now) {
        if !of.is_empty() {
            self.metrics.dropped(&of);
            self.take(
                &[Event::Dropped {
                    at: now.wall,
                    of,
                    why,
                }],
                now,
            );
        }
    }

    /// Gives up what waited too long.
    pub(super) fn expire(&mut self, now: Now) {
        let expired = self.queue.expired(now);
        if !expired.is_empty() {
            error!(
                entries = expired.len(),
                "notifications could not be delivered for {} and were given up",
                crate::figures::since(self.limits.expiry)
            );
        }
        self.give_up(expired, Why::Expired, now);
    }

    /// What happened here, in numbers.
    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    fn take(&mut self, events: &[Event], now: Now) {
        for event in events {
            self.queue.apply(event.clone(), now);
        }
        // Trouble is counted and logged where it happens; what is behind is made good by a later write.
        let _ = self.write(events);
    }

    fn make_room(&mut self, now: Now, events: &mut Vec<Event>) {
        let of = self.queue.surplus();
        if of.is_empty() {
            return;
        }
        warn!(
            entries = of.len(),
            capacity = self.limits.capacity,
            "the outbox is full and gave up its oldest notifications"
        );
        self.metrics.dropped(&of);
        let event = Event::Dropped {
            at: now.wall,
            of,
            why: Why::Full,
        };
        self.queue.apply(event.clone(), now);
        events.push(event);
    }

    fn write(&mut self, events: &[Event]) -> Result<(), Error> {
        let Self { queue, journal, .. } = self;
        let written = journal.write(events, || queue.events());
        // After the disk has it: a queue that shows as empty stays so over a crash.
        self.count();
        written.map_err(|_| {
            self.metrics.write_failed();
            Error::NotDurable
        })
    }

    fn count(&self) {
        self.metrics.waiting(self.queue.len());
    }

    /// Rewrites the file sooner, for tests.
    #[cfg(test)]
    pub(super) fn with_slack(mut self, bytes: u64) -> Self {
        self.journal = self.journal.with_slack(bytes);
        self
    }
}

/// Everyone who is to hear of `notice`, each once.
fn addresses(notice: &Notice, notifiers: &[Arc<dyn Notifier>]) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    let listens = |notifier: &&Arc<dyn Notifier>| match notice.audience {
        Audience::Everyone => true,
        Audience::Prompt => !notifier.waits_for_quiet_hours(),
        Audience::Patient => notifier.waits_for_quiet_hours(),
    };
    for notifier in notifiers.iter().filter(listens) {
        for recipient in notifier.recipients(notice) {
            let address = Address {
                integration: notifier.integration().into(),
                recipient: recipient.into(),
            };
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
