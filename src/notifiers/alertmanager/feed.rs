//! Keeps one Alertmanager informed: pushes at once when alerts change, and again at intervals while they fire.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    super::{Failure, Reason, metrics::Metrics},
    Standing,
    alert::{Identity, Labels, Pushed},
    ledger::Ledger,
    peer::{Peer, Progress},
};
use crate::clock::Clock;

/// Most alerts of one push.
const ALERTS_PER_PUSH: usize = 256;
/// The first wait after a push that failed; it doubles up to the interval.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const INTEGRATION: &str = "alertmanager";

pub(super) struct Feed {
    pub(super) peer: Arc<Peer>,
    pub(super) identity: Arc<Identity>,
    pub(super) standing: Arc<dyn Standing>,
    pub(super) changes: watch::Receiver<u64>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) interval: Duration,
    pub(super) ledger: Ledger,
    /// Pushes that failed since the last that did not.
    pub(super) failures: u32,
}

impl Feed {
    /// Works until nobody tells of changes any more, or until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let generation = *self.changes.borrow_and_update();
            // Before the first change nothing is known, which is not the same as nothing firing.
            let next = if generation == 0 {
                None
            } else {
                self.follow(generation).await
            };
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = due => {}
            }
        }
    }

    /// Pushes what is due, and gives when to look again.
    async fn follow(&mut self, generation: u64) -> Option<Instant> {
        let firing = self.standing.firing();
        let firing: Vec<Pushed> = firing
            .iter()
            .filter_map(|alert| self.identity.pushed(alert))
            .collect();
        self.ledger.take(firing, self.clock.now());
        let pushed = self.push_due().await;
        let is_away = matches!(pushed, Err(Failure::Transient { .. }));
        self.learn(&pushed);
        self.peer.progress.send_modify(|progress| {
            let generation = if is_away { progress.generation } else { generation };
            *progress = Progress { generation, is_away };
        });
        let now = self.clock.now();
        if self.failures > 0 {
            let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.failures - 1));
            return Some(now.instant + wait.min(self.interval));
        }
        self.ledger.next(now)
    }

    async fn push_due(&mut self) -> Result<(), Failure> {
        let due = self.ledger.due(self.clock.now());
        for labels in due.chunks(ALERTS_PER_PUSH) {
            self.push(labels).await?;
        }
        Ok(())
    }

    async fn push(&mut self, labels: &[Labels]) -> Result<(), Failure> {
        let now = self.clock.now();
        if self.failures > 0 {
            self.metrics.retried(INTEGRATION);
        } else {
            self.metrics.attempted(INTEGRATION);
        }
        let body = serde_json::to_vec(&self.ledger.items(labels, now)).unwrap_or_default();
        let peer = Arc::clone(&self.peer);
        let pushed = tokio::task::spawn_blocking(move || peer.push(&body)).await;
        let pushed = pushed.unwrap_or_else(|error| {
            Err(Failure::Permanent {
                reason: Reason::Other,
                detail: format!("pushing panicked: {error}"),
            })
        });
        let after = self.clock.now();
        match &pushed {
            Ok(()) => {
                let took = after.instant.saturating_duration_since(now.instant);
                self.metrics.delivered(INTEGRATION, took, after);
                self.ledger.accepted(labels, now);
            }
            // Tried again until it is taken.
            Err(Failure::Transient { .. }) => {}
            Err(Failure::Permanent { reason, .. }) => {
                self.metrics.failed(INTEGRATION, *reason);
            }
        }
        pushed
    }

    /// Trouble, and the end of it, are told once.
    fn learn(&mut self, pushed: &Result<(), Failure>) {
        match pushed {
            Ok(()) if self.failures > 0 => {
                info!(
                    peer = self.peer.host,
                    attempts = self.failures,
                    "Alertmanager takes alerts again"
                );
                self.failures = 0;
            }
            Ok(()) => {}
            Err(failure) => {
                if self.failures == 0 {
                    warn!(
                        peer = self.peer.host, error = %failure,
                        "Alertmanager does not take alerts; it is tried again, and mails go out unasked"
                    );
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}
