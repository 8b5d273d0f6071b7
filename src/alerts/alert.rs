//! One alert, as it stands: what history, the page, the API and mails show.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{
    rules::{Direction, Severity},
    sample::{Missing, SubjectKind},
};

/// Names one alert for good: `cpu-5f3a91c07d24`. A rule that fires again for the same subject is another alert.
pub type AlertId = SmolStr;

/// What a rule found wrong with a subject, from the first sign until it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its name for good.
    pub id: AlertId,
    /// Name of the rule.
    pub rule: SmolStr,
    /// Which interface, mount, disk, sensor or device; empty for the host.
    pub subject: SmolStr,
    /// What kind of thing the subject is.
    pub kind: SubjectKind,
    /// Name of the signal.
    pub signal: SmolStr,
    /// What the signal is, in two or three words.
    pub title: SmolStr,
    /// Present severity; once resolved, the last one.
    pub severity: Severity,
    /// Highest severity so far.
    pub worst: Severity,
    /// How it stands.
    pub state: State,
    /// Since when the first level has been passed.
    pub since: Timestamp,
    /// When it began to fire; `None` while pending.
    pub fired_at: Option<Timestamp>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// Why it ended.
    pub ending: Option<Ending>,
    /// The last value, in the signal's unit.
    pub value: f64,
    /// The level of the present severity; of an anomaly, which has none, the usual value when it began.
    pub threshold: f64,
    /// Which side of that is bad.
    pub when: Direction,
    /// The worst value so far.
    pub peak: Peak,
    /// How many devices can be reached only through the subject.
    #[serde(default, skip_serializing_if = "is_none")]
    pub behind: usize,
    /// Why, in one sentence for people.
    pub explanation: String,
    /// Since when there has been no reading, and why.
    pub unknown: Option<Unknown>,
    /// Who took it on.
    pub acknowledgement: Option<Acknowledgement>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Alert {
    /// What hangs below the subject, in words: `30 devices behind it`. Nothing unless the subject is down.
    #[must_use]
    pub fn behind_it(&self) -> Option<String> {
        let devices = match self.behind {
            0 => return None,
            1 => "1 device".to_owned(),
            more => format!("{more} devices"),
        };
        (self.state != State::Resolved).then(|| format!("{devices} behind it"))
    }
}

/// How an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A level is passed, but not for long enough.
    Pending,
    /// It holds, and people hear of it.
    Firing,
    /// It holds, and someone took it on: no reminders.
    Acknowledged,
    /// It holds, and people asked not to hear of it.
    Silenced,
    /// It is over.
    Resolved,
}

impl State {
    /// All states, in the order of their codes.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Firing,
        Self::Acknowledged,
        Self::Silenced,
        Self::Resolved,
    ];

    /// The word in the API, on the page and in history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Silenced => "silenced",
            Self::Resolved => "resolved",
        }
    }
}

/// Why an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The value came back beyond the clear value.
    Cleared,
    /// The subject vanished.
    SubjectGone,
    /// The rule is no longer about the subject.
    NotCovered,
    /// The rule is no longer in force.
    RuleRemoved,
}

/// The worst value of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// The value, in the signal's unit.
    pub value: f64,
    /// When it was read.
    pub at: Timestamp,
}

/// A time without readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: Missing,
}

/// That someone took an alert on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who; free text.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they had to say; may be empty.
    pub note: String,
}
