//! What is told of the watch: anomalies that are shown, and the events of which there is an alert.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::moment::Moment;
use crate::{
    clock::Now,
    sample::{Missing, Signal},
};

/// A series that was new, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// When.
    pub at: Timestamp,
    /// Name of the signal.
    pub signal: SmolStr,
    /// What the signal is, in two or three words.
    pub title: SmolStr,
    /// Which interface, disk or device; empty for the host.
    pub subject: SmolStr,
    /// Its novelty, 0 to 1.
    pub score: f32,
    /// The value, in the signal's unit.
    pub value: f64,
    /// The usual value at that time.
    pub usual: f64,
    /// What is odd, in one sentence for people.
    pub explanation: String,
    /// Whether there is an alert about it.
    pub told: bool,
    pub(super) series: u32,
    pub(super) group: u32,
    /// Seconds that local time was ahead of UTC.
    pub(super) moment: Moment,
}

/// An event that is to be told, as it stands. It comes again with each run that sees its series for as long as it lasts,
/// so whoever listens may begin at any time.
#[derive(Debug, Clone, PartialEq)]
pub struct Tale {
    /// The interface or device it is about; empty for the host.
    pub subject: SmolStr,
    /// The signal that decided it.
    pub signal: &'static Signal,
    /// When it was looked at.
    pub at: Now,
    /// How it stands.
    pub standing: Standing,
}

/// How an event stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It lasts.
    Lasting(Event),
    /// It lasts, and there is no reading at present.
    Unseen(Missing),
    /// Nothing new was seen for an hour.
    Over {
        /// The last value, in the signal's unit.
        value: f64,
    },
    /// What it was about has not been read for an hour.
    Gone,
    /// What it was about is no longer watched.
    Unwatched,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Since when.
    pub since: Timestamp,
    /// The present value, in the signal's unit.
    pub value: f64,
    /// The usual value when it began.
    pub usual: f64,
    /// Whether it began above the usual.
    pub above: bool,
    /// What was odd when it began, and what speaks for it, in one sentence for people.
    pub explanation: String,
}

/// An event that is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) group: u32,
    /// Name of the group.
    pub(super) name: SmolStr,
    /// The series that decided it.
    pub(super) signal: &'static Signal,
    pub(super) subject: SmolStr,
    pub(super) event: Event,
    /// When it was last read by this run of the program, with or without a value, in seconds since 1970.
    pub(super) read: Option<i64>,
}

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptTold {
    group: u32,
    name: SmolStr,
    signal: SmolStr,
    subject: SmolStr,
    event: Event,
}

impl Told {
    pub(super) fn kept(&self) -> KeptTold {
        KeptTold {
            group: self.group,
            name: self.name.clone(),
            signal: SmolStr::new_static(self.signal.name),
            subject: self.subject.clone(),
            event: self.event.clone(),
        }
    }

    /// The event as it was kept; `None` when it is about none of `signals`.
    pub(super) fn again(kept: KeptTold, signals: &[&'static Signal]) -> Option<Self> {
        Some(Self {
            group: kept.group,
            name: kept.name,
            signal: signals.iter().find(|signal| signal.name == kept.signal)?,
            subject: kept.subject,
            event: kept.event,
            read: None,
        })
    }
}
