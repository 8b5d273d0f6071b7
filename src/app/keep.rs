//! Keeps the state of alerts: saves it and hands what is to be told to the outbox, beside the judging, so that a disk
//! that hangs stops neither probes nor rules. One turn at a time; what happens meanwhile comes with the next one.

use std::{future::Future, panic::resume_unwind, pin::Pin, sync::Arc, time::Duration};

use smol_str::SmolStr;
use tokio::time::Instant;
use tracing::error;

use crate::{
    alerts::{self, Saved},
    durable,
    notifiers::{self, OutboxHandle},
};

/// What failed is tried again after this, if nothing else happens.
const TRY_AGAIN: Duration = Duration::from_mins(1);

/// What came of a turn.
pub(super) struct Kept {
    /// Of the state that was kept.
    pub(super) revision: u64,
    /// Notices that the outbox has durably.
    pub(super) told: Vec<SmolStr>,
    /// `None` where it was saved already.
    saved: Option<Result<(), durable::Error>>,
    offered: Result<(), notifiers::Error>,
}

type Turn = Pin<Box<dyn Future<Output = Kept> + Send>>;

/// Keeps one state after the other.
pub(super) struct Keeper {
    store: Option<Arc<alerts::Store>>,
    outbox: OutboxHandle,
    /// The turn under way.
    turn: Option<Turn>,
    /// Which revision of the alerts was saved last.
    saved: Option<u64>,
    /// When to offer again what the outbox did not take durably.
    offer_again: Option<Instant>,
    /// Whether the last attempt failed, which is news only once.
    fails_to_save: bool,
    fails_to_offer: bool,
}

impl Keeper {
    /// Saves in `store`, if there is one, and hands over to `outbox`.
    pub(super) fn new(store: Option<alerts::Store>, outbox: OutboxHandle) -> Self {
        Self {
            store: store.map(Arc::new),
            outbox,
            turn: None,
            saved: None,
            offer_again: None,
            fails_to_save: false,
            fails_to_offer: false,
        }
    }

    /// Begins a turn if there is something to do and none is under way. `urgent` passes over the pause after an offer
    /// that failed.
    pub(super) fn begin(&mut self, alerts: &alerts::Engine, urgent: bool) {
        if urgent {
            self.offer_again = None;
        }
        let (state, revision) = (alerts.saved(), alerts.revision());
        let store = self.store.clone().filter(|_| self.saved != Some(revision));
        let offers = !state.outgoing.is_empty() && self.offer_again.is_none_or(|at| at <= Instant::now());
        if self.turn.is_none() && (store.is_some() || offers) {
            let turn = keep(
                store,
                Arc::new(state.clone()),
                revision,
                offers.then(|| self.outbox.clone()),
            );
            self.turn = Some(Box::pin(turn));
        }
    }

    /// Whether a turn is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.turn.is_some()
    }

    /// The end of the turn under way; never without one. May be dropped and called again.
    pub(super) async fn end(&mut self) -> Kept {
        let kept = match &mut self.turn {
            Some(turn) => turn.await,
            None => std::future::pending().await,
        };
        self.turn = None;
        kept
    }

    /// Learns from a turn. Returns whether everything that it tried went well.
    pub(super) fn learn(&mut self, kept: &Kept) -> bool {
        match &kept.saved {
            Some(Ok(())) => (self.saved, self.fails_to_save) = (Some(kept.revision), false),
            Some(Err(error)) if !std::mem::replace(&mut self.fails_to_save, true) => {
                error!(
                    error = super::chain(error),
                    "failed to save the state of alerts; it is tried again"
                );
            }
            Some(Err(_)) | None => {}
        }
        match &kept.offered {
            Ok(()) if !kept.told.is_empty() => self.fails_to_offer = false,
            Ok(()) => {}
            Err(error) => {
                self.offer_again = Some(Instant::now() + TRY_AGAIN);
                if !std::mem::replace(&mut self.fails_to_offer, true) {
                    error!(%error, "the outbox does not keep notices; they stay with the alerts and are offered again");
                }
            }
        }
        kept.offered.is_ok() && !matches!(kept.saved, Some(Err(_)))
    }
}

/// One turn. The state is saved with the notices in it before the outbox gets them. Where it cannot be saved they are
/// handed over all the same: people are to hear of it.
async fn keep(
    store: Option<Arc<alerts::Store>>,
    state: Arc<Saved>,
    revision: u64,
    outbox: Option<OutboxHandle>,
) -> Kept {
    let saved = match store {
        Some(store) => {
            let state = Arc::clone(&state);
            let saving = tokio::task::spawn_blocking(move || store.save(&state)).await;
            match saving.map_err(tokio::task::JoinError::try_into_panic) {
                Ok(saved) => Some(saved),
                Err(Ok(panic)) => resume_unwind(panic),
                // The runtime ends.
                Err(Err(_)) => std::future::pending().await,
            }
        }
        None => None,
    };
    let (mut told, mut offered) = (Vec::new(), Ok(()));
    if let Some(outbox) = outbox {
        offered = outbox.offer(state.outgoing.clone()).await;
        if offered.is_ok() {
            told = state.outgoing.iter().map(|notice| notice.id.clone()).collect();
        }
    }
    Kept {
        revision,
        told,
        saved,
        offered,
    }
}
