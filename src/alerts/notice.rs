//! What alerts have to tell: transitions for the record, notices for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Alert, AlertId, State};
use crate::rules::Severity;

/// A change of an alert, as history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Which alert.
    pub id: AlertId,
    /// Name of its rule.
    pub rule: SmolStr,
    /// Its subject.
    pub subject: SmolStr,
    /// Name of its signal.
    pub signal: SmolStr,
    /// Severity after the change.
    pub severity: Severity,
    /// State before; `None` when the alert is new.
    pub from: Option<State>,
    /// State after; the same as before when only the severity changed.
    pub to: State,
    /// Value at the time.
    pub value: f64,
    /// Level of the severity.
    pub threshold: f64,
    /// Why, in one sentence for people.
    pub explanation: String,
    /// Who did it, when a person did; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// What they had to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Something people are to hear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names it for good: the alert's id, a dot and a running number. Whoever hears it twice knows by this.
    pub id: SmolStr,
    /// What happened.
    pub news: News,
    /// When it happened.
    pub at: Timestamp,
    /// It happened in quiet hours, which last until then. What is critical passes them.
    pub quiet_until: Option<Timestamp>,
    /// Who is to hear of it now.
    #[serde(default)]
    pub audience: Audience,
    /// The alert as it stood then.
    pub alert: Alert,
}

/// Who is to hear of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// All.
    #[default]
    Everyone,
    /// Only those who do not wait for the end of quiet hours.
    Prompt,
    /// Those who waited: the others heard of it when it happened.
    Patient,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It began to fire.
    Fired,
    /// It became graver.
    Raised {
        /// Severity before.
        from: Severity,
    },
    /// It still fires.
    Reminder,
    /// It is over.
    Resolved,
    /// It began and ended so often that single messages stop until it is calm again.
    Flapping {
        /// How often it began lately.
        times: u32,
    },
}
