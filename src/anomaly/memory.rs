//! How long the detector has watched, and how it forgets: time is cut into blocks, and of the oldest nothing is
//! kept. Both count time on the wall clock, not samples, so that a series read every second is not ten times as old
//! after an hour, nor ten times as forgetful, as one read every ten.

use serde::{Deserialize, Serialize};

/// Blocks that are kept, the one that is being filled included.
pub(super) const BLOCKS: usize = 9;
/// A block is this long at least: eight whole ones are 22 days, three weekends and then some.
const BLOCK_SECONDS: i64 = 237_600;
/// And it holds this many samples at least, as the extremes of a few samples say little.
const BLOCK_SAMPLES: u32 = 800;
/// After a longer pause what came just before says nothing about what comes now.
const PAUSE: i64 = 86_400;
/// The interval for which weights are written down; see [`Tick::pace`].
const USUAL_INTERVAL: f32 = 300.0;

/// The clock of one series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    last: i64,
    /// Seconds that were watched. Of a pause no more than a day counts.
    watched: i64,
    samples: u32,
    /// Number of the block that is being filled.
    block: u32,
    block_samples: u32,
    /// [`Memory::watched`] when it was begun.
    block_watched: i64,
    /// When each block was begun.
    begun: [i64; BLOCKS],
}

/// What the clock says about one sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    /// Seconds watched so far.
    pub(super) watched: i64,
    /// Number of the sample, from 1.
    pub(super) samples: u32,
    /// Number of the block it belongs to.
    pub(super) block: u32,
    /// Whether it comes after a long pause.
    pub(super) after_pause: bool,
    /// Factor for weights: 1 for samples five minutes or more apart, less for faster series.
    pub(super) pace: f32,
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self {
            last: 0,
            watched: 0,
            samples: 0,
            block: 0,
            block_samples: 0,
            block_watched: 0,
            begun: [0; BLOCKS],
        }
    }

    /// Takes note of a sample at `unix`. A clock that was put back makes the sample follow at once.
    pub(super) fn tick(&mut self, unix: i64) -> Tick {
        if self.samples == 0 {
            self.last = unix;
            self.begun[0] = unix;
        }
        let passed = unix.saturating_sub(self.last).max(0);
        self.last = unix;
        self.watched += passed.min(PAUSE);
        self.samples = self.samples.saturating_add(1);
        self.block_samples = self.block_samples.saturating_add(1);
        let old_enough = self.watched - self.block_watched >= BLOCK_SECONDS;
        if old_enough && self.block_samples > BLOCK_SAMPLES {
            self.begin_block(unix);
        }
        Tick {
            watched: self.watched,
            samples: self.samples,
            block: self.block,
            after_pause: passed > PAUSE,
            pace: (passed as f32 / USUAL_INTERVAL).min(1.0),
        }
    }

    /// Samples so far.
    pub(super) const fn samples(&self) -> u32 {
        self.samples
    }

    /// Seconds watched so far.
    pub(super) const fn watched(&self) -> i64 {
        self.watched
    }

    /// Seconds from the beginning of the block `back` blocks ago (0 is the present one) to the last sample.
    pub(super) fn reach(&self, back: usize) -> i64 {
        let back = back.min(BLOCKS - 1).min(self.block as usize);
        let slot = (self.block as usize - back) % BLOCKS;
        self.last.saturating_sub(self.begun[slot]).max(0)
    }

    fn begin_block(&mut self, unix: i64) {
        self.block = self.block.saturating_add(1);
        self.begun[self.block as usize % BLOCKS] = unix;
        self.block_samples = 1;
        self.block_watched = self.watched;
    }
}
