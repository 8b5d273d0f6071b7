//! Uptime that can be checked: a log of how devices stood and since when, and what follows from it. Time in which
//! nothing could be known, among it the time in which this program did not run, is neither up nor down: it is told as
//! coverage. `docs/uptime.md` has the definitions.
//!
//! ```text
//! batches of `devices` ──> Tracker ──> entries ──┬─> transitions.jsonl ──> Ledger with causes ──> outages, reports
//!                                                └─> Ledger in memory ───> uptime of the usual windows
//! ```
//!
//! All but the book on disk is pure. Times are whole milliseconds since 1970 within this module.

mod book;
mod course;
mod entry;
mod ledger;
mod live;
mod metrics;
mod outage;
pub mod report;
mod sums;
mod tracker;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(super) use self::{
    book::{Book, Shared, read},
    metrics::METRICS,
};
pub use self::{
    ledger::Ledger,
    live::Live,
    metrics::{Exposed, WINDOWS},
    outage::{Outage, Record as OutageRecord},
    sums::Sums,
    tracker::{Hold, Tracker},
};
use crate::{
    figures,
    sample::{Missing, Observed},
};

/// How a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Answers.
    Up,
    /// Confirmed not to answer.
    Down,
    /// Behind a parent that is down.
    Unreachable,
    /// Cannot be told.
    Unknown,
    /// In a maintenance window.
    Maintenance,
    /// Not asked by request.
    Paused,
}

impl Standing {
    /// All of them, in the order in which [`Sums`] has them.
    pub const ALL: [Self; 6] = [
        Self::Up,
        Self::Down,
        Self::Unreachable,
        Self::Unknown,
        Self::Maintenance,
        Self::Paused,
    ];

    /// What a reading of `device_up` says.
    #[must_use]
    pub fn of(observed: Observed) -> Self {
        match observed {
            Observed::Value(value) if value >= 0.5 => Self::Up,
            Observed::Value(value) if value >= 0.0 => Self::Down,
            Observed::Excused(_) => Self::Maintenance,
            Observed::Value(_) | Observed::Implausible(_) => Self::Unknown,
            Observed::Missing(why) => match why {
                Missing::FirstReading
                | Missing::CounterReset
                | Missing::ReadFailed
                | Missing::Unsupported
                | Missing::NoPermission
                | Missing::NameResolution
                | Missing::LocalNetwork
                | Missing::NoSample => Self::Unknown,
                Missing::ParentDown => Self::Unreachable,
                Missing::Paused => Self::Paused,
            },
        }
    }

    /// Its word in files and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Maintenance => "maintenance",
            Self::Paused => "paused",
        }
    }
}

/// Why nothing is known, where the reading itself says so.
fn reason(observed: Observed) -> Option<&'static str> {
    match observed {
        Observed::Missing(why) => Some(figures::missing(why)),
        Observed::Value(_) | Observed::Implausible(_) | Observed::Excused(_) => None,
    }
}

/// Whole milliseconds since 1970, cut off.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The moment that many milliseconds after 1970 began.
fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Milliseconds of a span of time.
fn span(time: std::time::Duration) -> i64 {
    SignedDuration::try_from(time).map_or(i64::MAX, |time| {
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
#[path = "properties_tests.rs"]
mod tests;
