//! How the rest of the program speaks with delivery: over a bounded channel, with bounded waits.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::super::{Notifier, metrics::Metrics, outbox::Error};
use crate::{alerts::Notice, sample::Family};

/// An offer takes no longer, whatever the disk does.
const LONGEST_OFFER: Duration = Duration::from_secs(5);

pub(super) enum Command {
    Offer {
        notices: Vec<Notice>,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    Notifiers(Vec<Arc<dyn Notifier>>),
}

/// Hands notices to delivery.
#[derive(Clone)]
pub struct OutboxHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) metrics: Arc<Metrics>,
}

impl OutboxHandle {
    /// Returns `Ok` once the notices are durable, or taken where there is no disk. On `Err` they may be told all the
    /// same; offering them again later is right in any case, as nothing is told twice. Takes 5 s at most.
    pub async fn offer(&self, notices: Vec<Notice>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let offered = async {
            let command = Command::Offer { notices, reply };
            self.commands.send(command).await.ok()?;
            answer.await.ok()
        };
        let answer = tokio::time::timeout(LONGEST_OFFER, offered).await;
        answer.ok().flatten().unwrap_or(Err(Error::NotTaken))
    }

    /// Sends over these from now on, such as after a reload. What waits for a recipient they do not have is given up.
    pub async fn replace_notifiers(&self, notifiers: Vec<Arc<dyn Notifier>>) {
        // Without delivery there is nothing to replace.
        let _ = self.commands.send(Command::Notifiers(notifiers)).await;
    }

    /// How many notifications were held back since the start, as Alertmanager suppresses the alert.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.metrics.suppressed()
    }

    /// Delivery in numbers.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        self.metrics.families()
    }
}
