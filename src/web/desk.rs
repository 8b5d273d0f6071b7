//! What the API needs from the engine of alerts, filled in by `app`: look at all of them, change one.

use std::{future::Future, pin::Pin, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use crate::alerts::Alert;

/// The alerts and silences of the running program. Looking must not block.
pub trait Desk: Send + Sync {
    /// Active alerts and those that ended lately, in no certain order.
    fn alerts(&self) -> Vec<Alert>;

    /// Silences in force or to come, as JSON.
    fn silences(&self) -> Value;

    /// What was unlike anything before lately, the newest first.
    fn unusual(&self) -> Arc<Vec<Unusual>>;

    /// Carries out an order; what it led to, as JSON.
    fn carry_out(&self, order: Order) -> CarryingOut<'_>;
}

/// An order under way.
pub type CarryingOut<'a> = Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send + 'a>>;

/// A change that a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Take an alert on.
    Acknowledge {
        /// Which.
        id: String,
        /// Who and why.
        signed: Signed,
        /// What an anomaly is about is normal at that hour from now on.
        normal: bool,
    },
    /// Give it back.
    Unacknowledge {
        /// Which.
        id: String,
        /// Who and why.
        signed: Signed,
    },
    /// Hear nothing of certain alerts for a while.
    Silence(NewSilence),
    /// End a silence.
    Unsilence {
        /// Which.
        id: String,
    },
}

/// A value unlike those before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unusual {
    /// When it was read.
    pub at: Timestamp,
    /// Name of the signal.
    pub signal: SmolStr,
    /// What the signal is, in two or three words.
    pub title: SmolStr,
    /// Which interface, disk or device; empty for the host.
    pub subject: SmolStr,
    /// How new it was, 0 to 1.
    pub score: f32,
    /// The value, in the signal's unit.
    pub value: f64,
    /// The usual value at that time, in the signal's unit.
    pub usual: f64,
    /// What is unusual about it, in one sentence for people.
    pub explanation: String,
    /// Whether the event that it is part of still lasts.
    pub lasts: bool,
    /// Whether there is an alert about it.
    pub told: bool,
}

/// Who takes an alert on, and whether what it tells of is normal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Taking {
    pub(super) by: String,
    pub(super) note: String,
    pub(super) normal: bool,
}

/// Who asks, and what they have to say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signed {
    /// Free text; empty is nobody in particular.
    pub by: String,
    /// Free text.
    pub note: String,
}

/// Which alerts are not to be heard of, and how long. An empty pattern matches everything; `*` and `?` stand for
/// any text and any character.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewSilence {
    /// Pattern for the rule.
    pub rule: String,
    /// Pattern for the subject.
    pub subject: String,
    /// Pattern for the severity.
    pub severity: String,
    /// From when on; without it, at once.
    pub starts_at: Option<Timestamp>,
    /// Until when. Either this or `duration`.
    pub ends_at: Option<Timestamp>,
    /// How long, such as `2h`.
    pub duration: String,
    /// Who; free text.
    pub by: String,
    /// Why; free text.
    pub comment: String,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such alert or silence.
    NotFound(String),
    /// The order makes no sense.
    Invalid(String),
    /// The engine does not answer.
    Unavailable(String),
}
