//! What a message about an alert needs besides the alert, filled in by `app` at the time of sending.

use jiff::{Timestamp, tz::TimeZone};

use crate::{alerts::Alert, rules::Severity};

/// Tells what is around an alert. May block: it is asked on threads for blocking work.
pub trait Surroundings: Send + Sync {
    /// What is known now.
    fn of(&self, alert: &Alert) -> Context;
}

/// What is around an alert.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Facts worth a line, such as the address and group of a device: name and value.
    pub facts: Vec<(String, String)>,
    /// What usually helps; may be empty.
    pub advice: String,
    /// Levels of the rule, the mildest first, in the signal's unit.
    pub levels: Vec<(Severity, f64)>,
    /// The signal from an hour before the alert until its end or now, oldest first; empty when nothing is recorded.
    pub course: Vec<Point>,
}

/// A signal over a short time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Begin of that time.
    pub at: Timestamp,
    /// Smallest value.
    pub min: f64,
    /// Mean value.
    pub mean: f64,
    /// Largest value.
    pub max: f64,
}

/// Facts about this instance that every message tells.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Name of the host that watches.
    pub host: String,
    /// Where people reach the page; empty for no links.
    pub external_url: String,
    /// Zone in which times are shown.
    pub timezone: TimeZone,
}
