//! What waits for delivery, collapsed into messages: one per recipient and alert, or one digest per recipient. Pure.

use std::collections::{BTreeSet, HashMap};

use smol_str::{SmolStr, format_smolstr};

use super::super::{
    Message, Story,
    outbox::{Entry, Key},
};
use crate::{
    alerts::{News, Notice},
    rules::Severity,
};

/// A message, and the entries it does away with once it is accepted.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) message: Message,
    pub(super) keys: Vec<Key>,
    /// Whether all of it was part of an attempt before.
    pub(super) is_retry: bool,
    /// How often any of it was tried at least.
    pub(super) attempts: u32,
}

/// Entries of one recipient, by alert, in the order in which the alerts came; at least one.
pub(super) struct Pile<'a> {
    pub(super) recipient: &'a str,
    heaps: Vec<Heap<'a>>,
    places: HashMap<&'a str, usize>,
}

/// Entries of one recipient and one alert.
type Heap<'a> = Vec<&'a Entry>;

/// Sorts `entries`, which are in the order in which they were queued, by their recipients.
pub(super) fn piles<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Pile<'a>> {
    let (mut piles, mut places) = (Vec::new(), HashMap::new());
    for entry in entries {
        let recipient = entry.key.recipient.as_str();
        let place = *places.entry(recipient).or_insert(piles.len());
        if place == piles.len() {
            piles.push(Pile {
                recipient,
                heaps: Vec::new(),
                places: HashMap::new(),
            });
        }
        if let Some(pile) = piles.get_mut(place) {
            pile.add(entry);
        }
    }
    piles
}

impl<'a> Pile<'a> {
    /// How many alerts it is about.
    pub(super) fn alerts(&self) -> usize {
        self.heaps.len()
    }

    /// Whether one of them is critical.
    pub(super) fn has_critical(&self) -> bool {
        self.heaps.iter().any(is_critical)
    }

    /// A message for each of so many alerts, the critical ones first where they are not all.
    pub(super) fn singly(mut self, most: usize) -> Vec<Parcel> {
        if self.heaps.len() > most {
            self.heaps.sort_by_key(|heap| !is_critical(heap));
        }
        let heaps = self.heaps.iter().take(most);
        heaps.filter_map(|heap| one(self.recipient, heap)).collect()
    }

    /// One message for all.
    pub(super) fn together(&self) -> Option<Parcel> {
        match self.heaps.as_slice() {
            [heap] => one(self.recipient, heap),
            heaps => Some(digest(self.recipient, heaps)),
        }
    }

    fn add(&mut self, entry: &'a Entry) {
        let alert = entry.notice.alert.id.as_str();
        let place = *self.places.entry(alert).or_insert(self.heaps.len());
        match self.heaps.get_mut(place) {
            Some(heap) => heap.push(entry),
            None => self.heaps.push(vec![entry]),
        }
    }
}

fn is_critical(heap: &Heap<'_>) -> bool {
    let newest = heap.last();
    newest.is_some_and(|entry| entry.notice.alert.severity == Severity::Critical)
}

fn one(recipient: &str, heap: &[&Entry]) -> Option<Parcel> {
    let newest = heap.last()?;
    // A reminder says nothing that a newer notice does not say.
    let is_told = |entry: &&&Entry| entry.notice.news != News::Reminder || entry.key == newest.key;
    let told = heap.iter().filter(is_told);
    let notices = told.map(|entry| Notice::clone(&entry.notice)).collect();
    let key = newest.key.notice.clone();
    Some(parcel(recipient, Story::One(notices), key, heap.iter().copied()))
}

fn digest(recipient: &str, heaps: &[Heap<'_>]) -> Parcel {
    let newest = heaps.iter().filter_map(|heap| heap.last());
    let notices = newest.map(|entry| Notice::clone(&entry.notice)).collect();
    let all = || heaps.iter().flat_map(|heap| heap.iter().copied());
    let ids: BTreeSet<&str> = all().map(|entry| entry.key.notice.as_str()).collect();
    let key = format_smolstr!("digest-{:016x}", fingerprint(&ids));
    parcel(recipient, Story::Digest(notices), key, all())
}

fn parcel<'a>(
    recipient: &str,
    story: Story,
    key: SmolStr,
    entries: impl Iterator<Item = &'a Entry> + Clone,
) -> Parcel {
    Parcel {
        message: Message {
            recipient: recipient.to_owned(),
            story,
            key,
        },
        is_retry: entries.clone().all(|entry| entry.attempts > 0),
        attempts: entries.clone().map(|entry| entry.attempts).min().unwrap_or(0),
        keys: entries.map(|entry| entry.key.clone()).collect(),
    }
}

/// FNV-1a: the same on every machine and in every version.
fn fingerprint(ids: &BTreeSet<&str>) -> u64 {
    let bytes = ids.iter().flat_map(|id| id.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
