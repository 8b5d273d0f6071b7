//! The memory of the host: per stream a JSON Lines file of records, newest last, and roll-ups of 5 minutes, an hour
//! and a day beside it. The [`Store`] appends and keeps the limits; a [`Reader`] answers queries on handles of its own.
//! Knows nothing of rules and alerts: a transition is a piece of JSON with a time.

mod analysis;
mod error;
pub mod exchange;
mod file;
mod index;
mod metrics;
mod moment;
mod nested;
mod query;
mod reader;
mod record;
mod rollup;
mod state;
mod store;
pub mod uptime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    analysis::{Analysis, Analyzer, Availability, Window},
    error::Error,
    moment::{NotATime, parse_step, parse_time},
    query::{Answer, Answered, Point, Query},
    reader::{Reader, Records, Stats},
    record::{Record, Seen, encode},
    store::Store,
};
use crate::{problem::Problems, sample::Desc};

/// Metrics of the history.
#[must_use]
pub fn metrics() -> Vec<&'static Desc> {
    [metrics::METRICS, uptime::METRICS].concat()
}

/// A sequence of records of one kind, in a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Runs of the collector `network`.
    Bandwidth,
    /// Runs of the collector `system`.
    System,
    /// Runs of the collector `devices`.
    Devices,
    /// Transitions of alerts.
    Alerts,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 4] = [Self::Bandwidth, Self::System, Self::Devices, Self::Alerts];

    /// Its name in files, addresses and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bandwidth => "bandwidth",
            Self::System => "system",
            Self::Devices => "devices",
            Self::Alerts => "alerts",
        }
    }

    /// The stream that records the runs of this collector.
    #[must_use]
    pub fn of_collector(name: &str) -> Option<Self> {
        match name {
            "network" => Some(Self::Bandwidth),
            "system" => Some(Self::System),
            "devices" => Some(Self::Devices),
            _ => None,
        }
    }
}

/// Limits of what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Records kept in each stream; a record is one run of a collector.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub records: u32,
    /// Bytes each stream may take on disk, 256 MiB unless given.
    #[schemars(range(min = 1_048_576))]
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            records: 10_000,
            max_bytes: 256 * 1024 * 1024,
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, _problems: &mut Problems) {}
}
