//! Carries what collectors saw on: to the record, through rules to alerts, and what alerts have to tell to the outbox.
//! One task owns rules and alerts; everybody else sends it messages and sees what it published last.
//!
//! Order makes it safe to die at any moment: the state of alerts is saved together with the notices that are still to
//! be handed over; the outbox has them durably before the state forgets them, and knows those it was given twice.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::{error, info};

use super::{
    desk::{Published, Request},
    recorder::Recorder,
    schedule::stopped,
};
use crate::{
    alerts::{self, InForce, Outcome},
    clock::{Clock, Now},
    collectors::Stop,
    config::Config,
    notifiers::OutboxHandle,
    rules::{self, Rule},
    sample::Batch,
    web::{Order, Refusal},
};

/// Without anything else to do, time is looked at this often: clocks may jump.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// After the signal to stop, this long for interval runs under way.
const LAST_RUNS: Duration = Duration::from_secs(2);

/// Owner of rules and alerts.
pub(super) struct Pipeline {
    pub(super) rules: rules::Engine,
    pub(super) in_force: Arc<ArcSwap<Vec<Rule>>>,
    pub(super) alerts: alerts::Engine,
    pub(super) store: Option<alerts::Store>,
    pub(super) recorder: Recorder,
    pub(super) outbox: OutboxHandle,
    pub(super) published: Arc<ArcSwap<Published>>,
    /// Counted up once more is published than numbers.
    pub(super) changes: watch::Sender<u64>,
    pub(super) clock: Clock,
    /// Which revision of the alerts was saved last.
    pub(super) saved: Option<u64>,
    /// When to offer again what the outbox did not take durably.
    pub(super) offer_again: Option<Instant>,
    /// Whether the last attempt to save or to hand over failed, which is news only once.
    pub(super) in_trouble: Trouble,
}

/// What failed last time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trouble {
    saving: bool,
    handing_over: bool,
}

/// What reaches the pipeline.
pub(super) struct Inputs {
    pub(super) batches: mpsc::Receiver<Arc<Batch>>,
    pub(super) news: mpsc::Receiver<Batch>,
    pub(super) orders: mpsc::Receiver<Request>,
    /// The configuration in force, with every reload.
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) stop: Stop,
}

impl Pipeline {
    /// Works until `stop`, then takes in what is still waiting.
    pub(super) async fn run(mut self, mut inputs: Inputs) {
        self.publish();
        self.changes.send_modify(|changes| *changes += 1);
        // What a former life did not get to hand over.
        self.hand_over().await;
        loop {
            let due = self.due();
            tokio::select! {
                // News first: a device that is down should not wait behind an interval run.
                biased;
                Some(batch) = inputs.news.recv() => self.judge(&batch).await,
                Some(request) = inputs.orders.recv() => self.obey(request).await,
                Some(batch) = inputs.batches.recv() => self.take(&batch).await,
                Ok(()) = inputs.config.changed() => {
                    let config = inputs.config.borrow_and_update().clone();
                    self.reconfigure(&config).await;
                }
                () = tokio::time::sleep_until(due) => self.tick().await,
                () = stopped(&mut inputs.stop) => break,
            }
        }
        // The runs that were under way; their senders end with them.
        while let Ok(Some(batch)) = tokio::time::timeout(LAST_RUNS, inputs.batches.recv()).await {
            self.take(&batch).await;
        }
    }

    async fn take(&mut self, batch: &Arc<Batch>) {
        self.recorder.batch(batch);
        self.judge(batch).await;
    }

    async fn judge(&mut self, batch: &Batch) {
        let findings = self.rules.judge(batch);
        let outcome = self.alerts.apply(&findings, batch.at);
        self.settle(outcome).await;
    }

    async fn tick(&mut self) {
        let outcome = self.alerts.tick(self.clock.now());
        self.settle(outcome).await;
    }

    fn due(&self) -> Instant {
        let now = self.clock.now();
        let wait = self.alerts.next_tick(now).unwrap_or(LOOK_AGAIN);
        Instant::now() + wait.clamp(Duration::from_millis(10), LOOK_AGAIN)
    }

    async fn reconfigure(&mut self, config: &Config) {
        let rules = config.rules.in_force();
        let known: Vec<InForce> = rules.iter().map(InForce::from).collect();
        let now = self.clock.now();
        // First, so that nothing is told about a rule that is gone.
        let outcome = self.alerts.rules_in_force(&known, now);
        self.settle(outcome).await;
        let outcome = self.alerts.reconfigure(config.alerts.clone(), config.zone(), now);
        self.rules.apply(rules.clone());
        self.in_force.store(Arc::new(rules));
        self.settle(outcome).await;
    }

    async fn obey(&mut self, request: Request) {
        let now = self.clock.now();
        let reply = match self.carry_out(request.order, now) {
            Ok((outcome, reply)) => {
                self.settle(outcome).await;
                Ok(reply)
            }
            Err(refusal) => Err(refusal),
        };
        // Whoever asked may have left.
        let _ = request.reply.send(reply);
    }

    fn carry_out(&mut self, order: Order, now: Now) -> Result<(Outcome, serde_json::Value), Refusal> {
        let refused = |error: alerts::Error| match error {
            alerts::Error::NoAlert { .. } | alerts::Error::NoSilence { .. } => {
                Refusal::NotFound(format!("failed to {error}"))
            }
            _ => Refusal::Invalid(format!("failed to {error}")),
        };
        match order {
            Order::Acknowledge { id, signed } => {
                let outcome = self.alerts.acknowledge(&id, &signed.by, &signed.note, now);
                Ok((outcome.map_err(refused)?, json!({"id": id})))
            }
            Order::Unacknowledge { id, signed } => {
                let outcome = self.alerts.unacknowledge(&id, &signed.by, now);
                Ok((outcome.map_err(refused)?, json!({"id": id})))
            }
            Order::Silence(wanted) => {
                let silence = super::silence::made_of(&wanted, now)?;
                let (id, ends) = (silence.id.clone(), silence.ends);
                let outcome = self.alerts.silence(silence, now).map_err(refused)?;
                Ok((outcome, json!({"id": id, "ends_at": ends})))
            }
            Order::Unsilence { id } => {
                let outcome = self.alerts.unsilence(&id, now).map_err(refused)?;
                Ok((outcome, json!({"id": id})))
            }
        }
    }

    /// Makes an outcome durable, in the order that loses nothing.
    async fn settle(&mut self, outcome: Outcome) {
        for transition in &outcome.transitions {
            info!(
                rule = %transition.rule, subject = %transition.subject, state = transition.to.name(),
                severity = transition.severity.name(), why = transition.explanation, id = %transition.id, "alert"
            );
            self.recorder.transition(transition);
        }
        self.save();
        // Before notices are handed over: Alertmanager is to know an alert before it is asked about it.
        self.publish();
        if !outcome.transitions.is_empty() {
            self.changes.send_modify(|changes| *changes += 1);
        }
        let is_due = self.offer_again.is_some_and(|at| at <= Instant::now());
        if is_due || !outcome.notices.is_empty() {
            self.hand_over().await;
        }
    }

    /// Offers the outbox everything that it has not taken durably yet; it knows what it was offered before.
    async fn hand_over(&mut self) {
        self.offer_again = None;
        let notices = self.alerts.saved().outgoing.clone();
        if notices.is_empty() {
            return;
        }
        let ids: Vec<_> = notices.iter().map(|notice| notice.id.clone()).collect();
        match self.outbox.offer(notices).await {
            Ok(()) => {
                self.in_trouble.handing_over = false;
                self.alerts.handed_over(&ids);
                self.save();
            }
            Err(error) => {
                self.offer_again = Some(Instant::now() + LOOK_AGAIN);
                if !std::mem::replace(&mut self.in_trouble.handing_over, true) {
                    error!(%error, "the outbox does not keep notices; they stay with the alerts and are offered again");
                }
            }
        }
    }

    /// Saves what is worth saving. What fails is tried again with the next change, or the next look at the time.
    fn save(&mut self) {
        let revision = self.alerts.revision();
        let Some(store) = self.store.as_ref().filter(|_| self.saved != Some(revision)) else {
            return;
        };
        // Waits for the disk; other tasks go on meanwhile.
        match tokio::task::block_in_place(|| store.save(self.alerts.saved())) {
            Ok(()) => {
                self.saved = Some(revision);
                self.in_trouble.saving = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble.saving, true) {
                    error!(
                        error = super::chain(&error),
                        "failed to save the state of alerts; it is tried again"
                    );
                }
            }
        }
    }

    fn publish(&self) {
        let mut families = self.alerts.families();
        families.extend(self.rules.families());
        self.published.store(Arc::new(Published {
            alerts: self.alerts.alerts().cloned().collect(),
            silences: json!(self.alerts.silences()),
            families,
        }));
    }
}
