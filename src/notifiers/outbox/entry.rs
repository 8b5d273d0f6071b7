//! One notice for one recipient, and the lines in which the outbox keeps what happened to it.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::super::Reason;
use crate::alerts::Notice;

/// Names one notice for one recipient for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::notifiers) struct Key {
    /// Id of the notice.
    pub(in crate::notifiers) notice: SmolStr,
    /// Over what it is told.
    pub(in crate::notifiers) integration: SmolStr,
    /// Mail address or webhook URL.
    pub(in crate::notifiers) recipient: SmolStr,
}

impl Key {
    /// Id of the alert.
    pub(in crate::notifiers) fn alert(&self) -> &str {
        self.notice
            .rsplit_once('.')
            .map_or(&self.notice, |(alert, _)| alert)
    }

    /// Names the alert for the recipient, in place of one notice.
    pub(super) fn of_alert(&self) -> Self {
        Self {
            notice: self.alert().into(),
            ..self.clone()
        }
    }
}

/// A notice that one recipient has not been told yet.
#[derive(Debug, Clone)]
pub(in crate::notifiers) struct Entry {
    pub(in crate::notifiers) key: Key,
    pub(in crate::notifiers) notice: Arc<Notice>,
    /// When it was queued.
    pub(in crate::notifiers) queued: Timestamp,
    /// It is given up then.
    pub(in crate::notifiers) expires: Instant,
    /// How often it was part of an attempt.
    pub(in crate::notifiers) attempts: u32,
}

/// Why an entry was given up before it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::notifiers) enum Why {
    /// It waited too long.
    Expired,
    /// The queue was full.
    Full,
    /// The recipient is no longer configured.
    NoRecipient,
    /// People want silence about the alert.
    Suppressed,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub(super) enum Event {
    /// A notice that these are to hear.
    Queued {
        at: Timestamp,
        #[serde(serialize_with = "shared", deserialize_with = "share")]
        notice: Arc<Notice>,
        to: Vec<Address>,
    },
    /// The server accepted it.
    Sent { at: Timestamp, of: Vec<Key> },
    /// It will never be accepted.
    Failed {
        at: Timestamp,
        of: Vec<Key>,
        reason: Reason,
        detail: String,
    },
    /// It was given up.
    Dropped { at: Timestamp, of: Vec<Key>, why: Why },
    /// Alerts, by their id in place of a notice's, of which these were not told anything as it was suppressed.
    Untold { of: Vec<Key> },
    /// What is known to be over, from before the last clean-up.
    Over { of: Vec<Key> },
}

/// Someone who is to hear of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) integration: SmolStr,
    pub(super) recipient: SmolStr,
}

impl Event {
    /// The event as a line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

fn shared<S: Serializer>(notice: &Arc<Notice>, serializer: S) -> Result<S::Ok, S::Error> {
    notice.as_ref().serialize(serializer)
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Notice>, D::Error> {
    Notice::deserialize(deserializer).map(Arc::new)
}
