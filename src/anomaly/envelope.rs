//! The range in which a view of a series has moved, and how far a new value leaves it.
//!
//! "Never seen before, and by how much" is what people call odd, more than "improbable": a heavy tail makes
//! improbable values every day, but a record is rare by itself, the n-th sample being one with a chance of 1/n.
//! How much is too much is measured against the range of everything seen and the usual spread, half each (in the
//! exponent): the range alone would never let anything stand out beside one old outlier, and the spread alone would
//! make a record of every larger wave of a calm series.

use serde::{Deserialize, Serialize};

use super::memory::{BLOCKS, Tick};

/// A view is judged from this many values on.
const ENOUGH: u32 = 20;
/// Weight of a new value in mean and spread: they are those of the last 1,000.
const WEIGHT: f32 = 0.001;
/// The spread counts six times, as nearly all of a bell curve lies within ± 3 of its deviations.
const SPREADS: f32 = 6.0;

/// What one view remembers. Everything is in the unit of the view.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Envelope {
    highs: [f32; BLOCKS],
    lows: [f32; BLOCKS],
    mean: f32,
    /// Mean distance from the mean.
    spread: f32,
    count: u32,
    block: u32,
    /// [`Tick::watched`] at the first value.
    born: i64,
}

/// What makes an excess large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// Excess that never counts.
    pub(super) ignored: f32,
    /// What is added to the scale, so that a flat series has one.
    pub(super) floor: f32,
    /// A view of this age in seconds is half believed.
    pub(super) half_believed: f32,
}

/// On which side of everything seen a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Above.
    High,
    /// Below.
    Low,
}

/// How far a value left the envelope, in its scale; 0 inside of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surprise {
    pub(super) size: f32,
    pub(super) side: Side,
}

impl Surprise {
    pub(super) const NONE: Self = Self {
        size: 0.0,
        side: Side::High,
    };
}

impl Envelope {
    pub(super) const fn new() -> Self {
        Self {
            highs: [f32::MIN; BLOCKS],
            lows: [f32::MAX; BLOCKS],
            mean: 0.0,
            spread: 0.0,
            count: 0,
            block: 0,
            born: 0,
        }
    }

    /// Judges `value` by what was seen before it, then remembers it.
    pub(super) fn judge(&mut self, value: f32, tick: &Tick, measure: Measure) -> Surprise {
        self.forget(tick.block);
        let surprise = self.surprise(value, tick, measure);
        self.remember(value, tick);
        surprise
    }

    /// Lowest and highest value remembered; `None` before there are enough.
    pub(super) fn range(&self) -> Option<(f32, f32)> {
        let low = self.lows.iter().copied().fold(f32::MAX, f32::min);
        let high = self.highs.iter().copied().fold(f32::MIN, f32::max);
        (self.count >= ENOUGH).then_some((low, high))
    }

    /// How many blocks back, the present one first, nothing was beyond `value` on this `side`.
    pub(super) fn unmatched(&self, value: f32, side: Side) -> usize {
        let blocks = (0..BLOCKS).map(|back| (self.block as usize + BLOCKS - back) % BLOCKS);
        let matched = |slot: usize| match side {
            Side::High => self.highs[slot] >= value,
            Side::Low => self.lows[slot] <= value,
        };
        blocks.take_while(|slot| !matched(*slot)).count()
    }

    fn surprise(&self, value: f32, tick: &Tick, measure: Measure) -> Surprise {
        let Some((low, high)) = self.range() else {
            return Surprise::NONE;
        };
        let (excess, side) = if value > high {
            (value - high, Side::High)
        } else {
            (low - value, Side::Low)
        };
        let excess = excess - measure.ignored;
        if excess <= 0.0 {
            return Surprise::NONE;
        }
        let scale = ((high - low) * SPREADS * self.spread).sqrt() + measure.floor;
        let age = (tick.watched - self.born) as f32;
        Surprise {
            size: excess / scale * age / (age + measure.half_believed),
            side,
        }
    }

    fn remember(&mut self, value: f32, tick: &Tick) {
        if self.count == 0 {
            self.born = tick.watched;
        }
        self.count = self.count.saturating_add(1);
        let slot = self.block as usize % BLOCKS;
        self.highs[slot] = self.highs[slot].max(value);
        self.lows[slot] = self.lows[slot].min(value);
        let weight = (WEIGHT * tick.pace).max(1.0 / self.count as f32);
        self.mean += weight * (value - self.mean);
        self.spread += weight * ((value - self.mean).abs() - self.spread);
    }

    /// Drops the blocks that are older than the memory, also for a view that was silent for some.
    fn forget(&mut self, block: u32) {
        let begun = block.saturating_sub(self.block).min(BLOCKS as u32);
        for number in (0..begun).map(|back| block - back) {
            let slot = number as usize % BLOCKS;
            self.highs[slot] = f32::MIN;
            self.lows[slot] = f32::MAX;
        }
        self.block = block;
    }
}
