//! Uptime that is followed in memory alone: of a network that is made up, whose past passes in a moment.

use std::{collections::BTreeMap, time::Instant};

use smol_str::SmolStr;

use super::{Hold, Tracker, metrics::Figures};
use crate::sample::{Batch, Family, Scope};

/// How devices stood so far, as metrics.
#[derive(Debug)]
pub struct Live {
    tracker: Tracker,
    figures: Figures,
    hold: Hold,
}

impl Live {
    /// Nothing is known yet; the devices in `objectives` are to be up for these shares of the known time.
    #[must_use]
    pub fn new(hold: Hold, objectives: BTreeMap<SmolStr, f64>) -> Self {
        Self {
            tracker: Tracker::new(hold),
            figures: Figures::new(objectives),
            hold,
        }
    }

    /// Takes in what the collector `devices` saw.
    pub fn observe(&mut self, batch: &Batch) {
        let entries = self.tracker.observe(batch);
        if batch.scope == Scope::Whole {
            self.figures.refresh(&self.tracker, batch.at, !entries.is_empty());
        }
    }

    /// The metrics at this moment.
    #[must_use]
    pub fn families(&self, now: Instant) -> Vec<Family> {
        self.figures.families(self.hold, now)
    }
}
