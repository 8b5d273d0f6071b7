//! One alarm for one event: after a surprise only a much larger one is told, until the first is some hours old.

use serde::{Deserialize, Serialize};

const SLOTS: usize = 10;
/// Ten of these are eight hours.
const SLOT_SECONDS: i64 = 2_880;
/// A surprise is told again when it is this many times the largest of the last hours.
const ESCALATION: f32 = 2.0;

/// The largest surprises of the last hours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hold {
    largest: [f32; SLOTS],
    slot: u8,
    since: i64,
    begun: bool,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self {
            largest: [0.0; SLOTS],
            slot: 0,
            since: 0,
            begun: false,
        }
    }

    /// What of `surprise` is to be told, and remembers it. `watched` as in [`super::memory::Tick`].
    pub(super) fn pass(&mut self, surprise: f32, watched: i64) -> f32 {
        let held = self.largest.iter().copied().fold(0.0, f32::max);
        let slot = usize::from(self.slot) % SLOTS;
        self.largest[slot] = self.largest[slot].max(surprise);
        self.advance(watched);
        if surprise > ESCALATION * held {
            surprise
        } else {
            0.0
        }
    }

    fn advance(&mut self, watched: i64) {
        if !self.begun {
            self.begun = true;
            self.since = watched;
        }
        let slots = ((watched - self.since) / SLOT_SECONDS)
            .unsigned_abs()
            .min(SLOTS as u64);
        for _ in 0..slots {
            self.slot = ((usize::from(self.slot) + 1) % SLOTS) as u8;
            self.largest[usize::from(self.slot)] = 0.0;
        }
        if slots > 0 {
            self.since = watched;
        }
    }
}
