//! The last values themselves, for the means that move with the series.

use serde::{Deserialize, Serialize};

/// Values of the short mean: eight minutes at an interval of 30 s.
pub(super) const SHORT: usize = 16;
/// Values of the long mean.
pub(super) const LONG: usize = 64;

/// A ring of the last [`LONG`] values, in rows because serde knows arrays up to 32.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recent {
    rows: [[f32; SHORT]; LONG / SHORT],
    next: u8,
    filled: u8,
}

/// What a new value does to the moving means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// The value that the short mean loses.
    pub(super) short: Option<f32>,
    /// The value that the long mean loses.
    pub(super) long: Option<f32>,
    /// How many values there are now, at most [`LONG`].
    pub(super) filled: u8,
    /// Whether the ring has come round, so that sums can be taken anew.
    pub(super) round: bool,
}

impl Recent {
    pub(super) const fn new() -> Self {
        Self {
            rows: [[0.0; SHORT]; LONG / SHORT],
            next: 0,
            filled: 0,
        }
    }

    /// Takes a value in the place of the oldest.
    pub(super) fn push(&mut self, value: f32) -> Change {
        let next = usize::from(self.next) % LONG;
        let filled = usize::from(self.filled);
        let change = Change {
            short: (filled >= SHORT).then(|| self.at(next + LONG - SHORT)),
            long: (filled >= LONG).then(|| self.at(next)),
            filled: (self.filled + 1).min(LONG as u8),
            round: next + 1 == LONG,
        };
        self.rows[next / SHORT][next % SHORT] = value;
        self.next = ((next + 1) % LONG) as u8;
        self.filled = change.filled;
        change
    }

    /// Forgets all, as nothing follows on it.
    pub(super) fn interrupt(&mut self) {
        self.next = 0;
        self.filled = 0;
    }

    /// The last `count` values, the oldest first; only whole means ask.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = f32> + '_ {
        let count = count.min(usize::from(self.filled));
        let begin = usize::from(self.next) + LONG - count;
        (begin..begin + count).map(|place| self.at(place))
    }

    fn at(&self, place: usize) -> f32 {
        let place = place % LONG;
        self.rows[place / SHORT][place % SHORT]
    }
}
