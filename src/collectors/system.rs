//! Placeholder.
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Collect, Context, HealthLimits, Outcome};
use crate::{
    clock::Now,
    problem::Problems,
    sample::{Batch, Desc, Family, Signal},
    units::HumanDuration,
};

/// Metrics of this collector.
pub const METRICS: &[&Desc] = &[];
/// Signals of this collector.
pub const SIGNALS: &[&Signal] = &[];

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between two interval runs.
    pub interval: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: HumanDuration::secs(30),
        }
    }
}

impl Config {
    pub(super) fn validate(&self, _problems: &mut Problems) {}
}

/// Placeholder.
pub struct Collector {
    config: arc_swap::ArcSwap<Config>,
}

impl Collector {
    pub(super) fn new(config: &Config, _context: &Context) -> Self {
        Self {
            config: arc_swap::ArcSwap::from_pointee(config.clone()),
        }
    }

    pub(super) fn apply(&self, config: &Config, _limits: HealthLimits) {
        self.config.store(std::sync::Arc::new(config.clone()));
    }
}

impl Collect for Collector {
    fn name(&self) -> &'static str {
        "system"
    }

    fn enabled(&self) -> bool {
        self.config.load().enabled
    }

    fn interval(&self) -> Duration {
        *self.config.load().interval
    }

    fn scrape(&self, _now: Now) -> Outcome<Vec<Family>> {
        Outcome::ok(Vec::new())
    }

    fn sample(&self, now: Now) -> Outcome<Batch> {
        Outcome::ok(Batch {
            collector: "system",
            at: now,
            elapsed: None,
            readings: Vec::new(),
            health: Vec::new(),
        })
    }
}
