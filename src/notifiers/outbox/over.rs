//! Keys that the outbox remembers though nothing waits under them: enough that a notice offered again is told to nobody
//! twice, and that nobody hears the end of what they never heard of.

use std::collections::{HashSet, VecDeque};

use super::entry::Key;

/// The latest keys, bounded: the oldest is forgotten first.
#[derive(Debug)]
pub(super) struct Over {
    order: VecDeque<Key>,
    known: HashSet<Key>,
    limit: usize,
}

impl Over {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            order: VecDeque::new(),
            known: HashSet::new(),
            limit,
        }
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.known.contains(key)
    }

    pub(super) fn insert(&mut self, key: Key) {
        if !self.known.insert(key.clone()) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if self.known.remove(key) {
            self.order.retain(|known| known != key);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All keys, the oldest first.
    pub(super) fn to_vec(&self) -> Vec<Key> {
        self.order.iter().cloned().collect()
    }
}
