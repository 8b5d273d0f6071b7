//! The seam between the outbox and whoever sends: what one recipient is told, and how an attempt can fail.

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
    /// Stable across retries of the same content.
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
    /// Worth another attempt.
    #[error("{detail}")]
    Transient {
        /// Kind of failure.
        reason: Reason,
        /// What happened, for people.
        detail: String,
    },
    /// Every further attempt would fail the same way.
    #[error("{detail}")]
    Permanent {
        /// Kind of failure.
        reason: Reason,
        /// What happened, for people.
        detail: String,
    },
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No connection, or it broke.
    Connect,
    /// No protected connection.
    Tls,
    /// The login was refused.
    Auth,
    /// No answer in time.
    Timeout,
    /// The server does not take the message.
    Rejected,
    /// The server asks us to slow down.
    RateLimited,
    /// Anything else.
    Other,
}

/// Sends messages over one integration. A call ends within its own time limits.
pub trait Notifier: Send + Sync {
    /// Its name in metrics: `email` or `webhook`.
    fn integration(&self) -> &'static str;

    /// Who is to hear of this.
    fn recipients(&self, notice: &Notice) -> Vec<String>;

    /// Whether its messages wait until quiet hours are over.
    fn waits_for_quiet_hours(&self) -> bool;

    /// Sends these one after the other over one connection where that is possible; one result per message, in order.
    #[expect(
        clippy::type_complexity,
        reason = "the plain form of an asynchronous function of a trait object"
    )]
    fn send<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> Pin<Box<dyn Future<Output = Vec<Result<(), Failure>>> + Send + 'a>>;
}
