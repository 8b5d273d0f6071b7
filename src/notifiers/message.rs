//! What delivery hands to an integration, and what comes back: messages in, one result each out. Delivery alone
//! decides what is told when and how often; an integration only sends.

use std::pin::Pin;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::alerts::Notice;

/// What one recipient is told in one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Mail address or webhook URL.
    pub recipient: String,
    /// What is told.
    pub story: Story,
    /// Stable across retries of the same content. The same for every recipient of that content.
    pub key: SmolStr,
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Story {
    /// News about one alert: the oldest untold first; several when delivery was late and they were collapsed.
    One(Vec<Notice>),
    /// A storm: the newest notice of each alert.
    Digest(Vec<Notice>),
}

/// Failure of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may work later.
    #[error("{detail}")]
    Transient {
        /// What kind of failure.
        reason: Reason,
        /// What exactly happened, without secrets.
        detail: String,
    },
    /// It will never work for this message and recipient.
    #[error("{detail}")]
    Permanent {
        /// What kind of failure.
        reason: Reason,
        /// What exactly happened, without secrets.
        detail: String,
    },
}

/// Kinds of failures, as the metrics label them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No connection, or it broke.
    Connect,
    /// The connection could not be protected.
    Tls,
    /// The login was refused.
    Auth,
    /// No answer in time.
    Timeout,
    /// The server refused this message or recipient.
    Rejected,
    /// The server asked to slow down.
    RateLimited,
    /// Anything else.
    Other,
}

impl Reason {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Tls,
        Self::Auth,
        Self::Timeout,
        Self::Rejected,
        Self::RateLimited,
        Self::Other,
    ];

    /// The word in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate_limited",
            Self::Other => "other",
        }
    }
}

/// What became of each message of one call, in order.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Vec<Result<(), Failure>>> + Send + 'a>>;

/// Sends messages over one integration. A call ends within its own time limits.
pub trait Notifier: Send + Sync {
    /// Name of the integration: `email` or `webhook`.
    fn integration(&self) -> &'static str;

    /// Who is to hear of this notice.
    fn recipients(&self, notice: &Notice) -> Vec<String>;

    /// Whether it tells what happens in quiet hours only after them.
    fn waits_for_quiet_hours(&self) -> bool;

    /// Sends these one after the other over one connection where that is possible; one result per message, in order.
    fn send<'a>(&'a self, messages: &'a [Message]) -> Sending<'a>;
}
