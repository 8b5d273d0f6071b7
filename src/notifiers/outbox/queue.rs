//! The state behind the outbox: events in, entries that wait out. Pure, and the same whether events are new or read
//! back from the file.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    Limits,
    entry::{Address, Entry, Event, Key, Why},
    over::Over,
};
use crate::{
    alerts::{News, Notice},
    clock::Now,
};

/// What was read back from the file is not given up before this much time was spent on it, whatever the clock says.
const LEAST_CHANCE: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    waiting: BTreeMap<u64, Entry>,
    numbers: HashMap<Key, u64>,
    over: Over,
    /// Alerts of which a recipient was not told anything, as it was suppressed.
    untold: Over,
    next: u64,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: BTreeMap::new(),
            numbers: HashMap::new(),
            over: Over::new(limits.remembered),
            untold: Over::new(limits.remembered),
            next: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Entries in the order in which they were queued.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.waiting.values()
    }

    /// Whether this was queued before, told or not.
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.numbers.contains_key(key) || self.over.contains(key)
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        let number = self.numbers.get(key)?;
        self.waiting.get_mut(number)
    }

    /// Takes an event in. `now` is when that happens, which for events of the file is later than their own time.
    pub(super) fn apply(&mut self, event: Event, now: Now) {
        match event {
            Event::Queued { at, notice, to } => {
                for address in to {
                    self.insert(at, &notice, &address, now);
                }
            }
            Event::Untold { of } => of.into_iter().for_each(|key| self.untold.insert(key)),
            Event::Dropped {
                of,
                why: Why::Suppressed,
                ..
            } => of.into_iter().for_each(|key| {
                self.withhold(&key);
                self.finish(key);
            }),
            Event::Sent { of, .. } => of.into_iter().for_each(|key| {
                self.untold.remove(&key.of_alert());
                self.finish(key);
            }),
            Event::Failed { of, .. } | Event::Dropped { of, .. } | Event::Over { of } => {
                for key in of {
                    self.finish(key);
                }
            }
        }
    }

    /// Whether the recipient was not told anything of the alert of this notice.
    pub(super) fn is_untold(&self, key: &Key) -> bool {
        self.untold.contains(&key.of_alert())
    }

    /// Whoever is not told of the beginning does not want to hear of the end; with that it is over.
    fn withhold(&mut self, key: &Key) {
        match self.get_mut(key).map(|entry| entry.notice.news) {
            Some(News::Fired | News::Flapping { .. }) => self.untold.insert(key.of_alert()),
            Some(News::Resolved) => self.untold.remove(&key.of_alert()),
            Some(News::Raised { .. } | News::Reminder) | None => {}
        }
    }

    fn insert(&mut self, at: jiff::Timestamp, notice: &Arc<Notice>, address: &Address, now: Now) {
        let key = key_of(notice, address);
        if self.knows(&key) {
            return;
        }
        let age = now.wall.duration_since(at).try_into().unwrap_or(Duration::ZERO);
        let left = self.limits.expiry.saturating_sub(age);
        let entry = Entry {
            key: key.clone(),
            notice: Arc::clone(notice),
            queued: at,
            expires: now.instant + left.max(LEAST_CHANCE.min(self.limits.expiry)),
            attempts: 0,
        };
        self.numbers.insert(key, self.next);
        self.waiting.insert(self.next, entry);
        self.next += 1;
    }

    fn finish(&mut self, key: Key) {
        if let Some(number) = self.numbers.remove(&key) {
            self.waiting.remove(&number);
        }
        self.over.insert(key);
    }

    /// What has to go so that no more than the capacity waits: the oldest reminders first, then the oldest of all.
    pub(super) fn surplus(&self) -> Vec<Key> {
        let too_many = self.waiting.len().saturating_sub(self.limits.capacity);
        if too_many == 0 {
            return Vec::new();
        }
        let is_reminder = |entry: &&Entry| entry.notice.news == News::Reminder;
        let reminders = self.entries().filter(is_reminder);
        let others = self.entries().filter(|entry| !is_reminder(entry));
        let first = reminders.chain(others).take(too_many);
        first.map(|entry| entry.key.clone()).collect()
    }

    /// What waited too long.
    pub(super) fn expired(&self, now: Now) -> Vec<Key> {
        let expired = self.entries().filter(|entry| entry.expires <= now.instant);
        expired.map(|entry| entry.key.clone()).collect()
    }

    /// The fewest events that lead to this state.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Over {
            of: self.over.to_vec(),
        }];
        if !self.untold.is_empty() {
            events.push(Event::Untold {
                of: self.untold.to_vec(),
            });
        }
        for entry in self.entries() {
            let address = Address {
                integration: entry.key.integration.clone(),
                recipient: entry.key.recipient.clone(),
            };
            match events.last_mut() {
                Some(Event::Queued { at, notice, to })
                    if notice.id == entry.notice.id && *at == entry.queued =>
                {
                    to.push(address);
                }
                _ => events.push(Event::Queued {
                    at: entry.queued,
                    notice: Arc::clone(&entry.notice),
                    to: vec![address],
                }),
            }
        }
        events
    }
}

pub(super) fn key_of(notice: &Notice, address: &Address) -> Key {
    Key {
        notice: notice.id.clone(),
        integration: address.integration.clone(),
        recipient: address.recipient.clone(),
    }
}
