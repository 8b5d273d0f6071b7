//! Carries what collectors saw on: to the record, through rules to alerts, and what alerts have to tell to the outbox.
//! One task owns rules and alerts; everybody else sends it messages and sees what it published last.
//!
//! Order makes it safe to die at any moment: the state of alerts is saved together with the notices that are still to
//! be handed over; the outbox has them durably before the state forgets them, and knows those it was given twice. The
//! [`Keeper`] does that beside the judging, which never waits for a disk.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use serde_json::json;
use smol_str::SmolStr;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tracing::{info, warn};

use super::{
    anomalies::{self, Anomalies},
    desk::{Published, Request},
    keep::{Keeper, Kept},
    recorder::Recorder,
    schedule::stopped,
};
use crate::{
    alerts::{self, Outcome},
    clock::{Clock, Now},
    collectors::Stop,
    config::Config,
    rules::{self, Finding, Rule, Verdict},
    sample::{Batch, SubjectKind},
    web::{Order, Refusal},
};

/// Without anything else to do, time is looked at this often: clocks may jump.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// News that are judged before what came of them is kept.
const TOGETHER: usize = 256;

/// After the signal to stop, this long for interval runs under way.
const LAST_RUNS: Duration = Duration::from_secs(2);

/// And this long for the disk.
const LAST_SAVE: Duration = Duration::from_secs(2);

/// Owner of rules and alerts.
pub(super) struct Pipeline {
    pub(super) rules: rules::Engine,
    pub(super) in_force: Arc<ArcSwap<Vec<Rule>>>,
    pub(super) anomalies: Anomalies,
    pub(super) alerts: alerts::Engine,
    pub(super) keeper: Keeper,
    pub(super) recorder: Recorder,
    pub(super) published: Arc<ArcSwap<Published>>,
    /// Counted up once more is published than numbers.
    pub(super) changes: watch::Sender<u64>,
    pub(super) clock: Clock,
    /// How many devices can be reached only through the one of this name.
    pub(super) behind: Box<dyn Fn(&str) -> usize + Send>,
    /// Orders that were carried out, and are answered when what came of them is kept.
    pub(super) unanswered: Vec<Unanswered>,
}

/// An order that was carried out in this revision of the alerts.
pub(super) struct Unanswered {
    revision: u64,
    reply: oneshot::Sender<Result<serde_json::Value, Refusal>>,
    outcome: serde_json::Value,
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
        self.keeper.begin(&self.alerts, true);
        let mut news = Vec::new();
        loop {
            let due = self.due();
            tokio::select! {
                // What is kept first, as it is over at once, and then news: a device that is down should not wait
                // behind an interval run.
                biased;
                kept = self.keeper.end() => self.note(&kept),
                () = self.anomalies.saved() => {}
                1.. = inputs.news.recv_many(&mut news, TOGETHER) => self.judge_all(&mut news),
                Some(request) = inputs.orders.recv() => self.obey(request),
                Some(batch) = inputs.batches.recv() => self.take(&batch),
                Ok(()) = inputs.config.changed() => {
                    let config = inputs.config.borrow_and_update().clone();
                    self.reconfigure(&config);
                }
                () = tokio::time::sleep_until(due) => self.tick(),
                () = stopped(&mut inputs.stop) => break,
            }
        }
        // The runs that were under way; their senders end with them.
        while let Ok(Some(batch)) = tokio::time::timeout(LAST_RUNS, inputs.batches.recv()).await {
            self.take(&batch);
        }
        self.recorder.end(self.clock.now());
        let keeping = async {
            while self.keeper.is_busy() {
                let kept = self.keeper.end().await;
                self.note(&kept);
            }
            self.anomalies.end().await;
        };
        if tokio::time::timeout(LAST_SAVE, keeping).await.is_err() {
            warn!("the disk lags behind: the last changes of alerts, or what is usual of late, are not kept");
        }
    }

    fn take(&mut self, batch: &Arc<Batch>) {
        self.recorder.batch(batch);
        let outcome = self.judge(batch);
        self.settle(&outcome);
        self.anomalies.save_if_due(self.clock.now());
    }

    fn judge_all(&mut self, news: &mut Vec<Batch>) {
        let mut all = Outcome::default();
        for batch in news.drain(..).map(Arc::new) {
            self.recorder.batch(&batch);
            let outcome = self.judge(&batch);
            all.transitions.extend(outcome.transitions);
            all.notices.extend(outcome.notices);
        }
        self.settle(&all);
    }

    fn judge(&mut self, batch: &Batch) -> Outcome {
        let mut findings = self.rules.judge(batch);
        self.anomalies.judge(batch, &mut findings);
        self.count_what_hangs_below(&mut findings);
        self.alerts.apply(&findings, batch.at)
    }

    /// Rules judge a device by what is read of it; what is reached through it, only the collector knows.
    fn count_what_hangs_below(&self, findings: &mut [Finding]) {
        for finding in findings {
            let is_of_device = finding.signal.subject == SubjectKind::Device;
            if let (true, Verdict::Pending(breach) | Verdict::Firing(breach)) =
                (is_of_device, &mut finding.verdict)
            {
                breach.behind = (self.behind)(&finding.subject);
            }
        }
    }

    fn tick(&mut self) {
        let outcome = self.alerts.tick(self.clock.now());
        self.settle(&outcome);
    }

    fn due(&self) -> Instant {
        let now = self.clock.now();
        let wait = self.alerts.next_tick(now).unwrap_or(LOOK_AGAIN);
        Instant::now() + wait.clamp(Duration::from_millis(10), LOOK_AGAIN)
    }

    fn reconfigure(&mut self, config: &Config) {
        let rules = config.rules.in_force();
        let known = anomalies::in_force(config);
        let now = self.clock.now();
        self.recorder.reconfigure(config, now);
        // First, so that nothing is told about a rule that is gone.
        let outcome = self.alerts.rules_in_force(&known, now);
        self.settle(&outcome);
        let outcome = self.alerts.reconfigure(config.alerts.clone(), config.zone(), now);
        self.rules.apply(rules.clone());
        self.anomalies.apply(config, now);
        self.in_force.store(Arc::new(rules));
        self.settle(&outcome);
    }

    fn obey(&mut self, request: Request) {
        let now = self.clock.now();
        match self.carry_out(request.order, now) {
            Ok((outcome, answer)) => {
                // Not for ever, should the disk hang.
                self.unanswered.retain(|order| !order.reply.is_closed());
                self.unanswered.push(Unanswered {
                    revision: self.alerts.revision(),
                    reply: request.reply,
                    outcome: answer,
                });
                self.settle(&outcome);
                if !self.keeper.is_busy() {
                    self.answer(u64::MAX);
                }
            }
            Err(refusal) => {
                // Whoever asked may have left.
                let _ = request.reply.send(Err(refusal));
            }
        }
    }

    /// Answers orders that were carried out up to this revision.
    fn answer(&mut self, revision: u64) {
        for done in self.unanswered.extract_if(.., |order| order.revision <= revision) {
            // Whoever asked may have left.
            let _ = done.reply.send(Ok(done.outcome));
        }
    }

    fn carry_out(&mut self, order: Order, now: Now) -> Result<(Outcome, serde_json::Value), Refusal> {
        let refused = |error: alerts::Error| match error {
            alerts::Error::NoAlert { .. } | alerts::Error::NoSilence { .. } => {
                Refusal::NotFound(format!("failed to {error}"))
            }
            _ => Refusal::Invalid(format!("failed to {error}")),
        };
        match order {
            Order::Acknowledge { id, signed, normal } => {
                let subject = normal.then(|| self.unusual_subject(&id)).transpose()?;
                let outcome = self.alerts.acknowledge(&id, &signed.by, &signed.note, now);
                let outcome = outcome.map_err(refused)?;
                let normal = subject.map(|subject| self.anomalies.accept(&subject, now));
                Ok((outcome, json!({"id": id, "normal": normal})))
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

    /// What the alert of an anomaly is about: of nothing else it can be said that it is normal.
    fn unusual_subject(&self, id: &str) -> Result<SmolStr, Refusal> {
        let alert = self.alerts.alerts().find(|alert| alert.id == id);
        match alert {
            Some(alert) if alert.rule == rules::ANOMALY => Ok(alert.subject.clone()),
            Some(alert) => Err(Refusal::Invalid(format!(
                "failed to learn what is normal: alert `{id}` is of the rule `{}`, whose levels are configured; \
                 accepted: an alert of the rule `{}`",
                alert.rule,
                rules::ANOMALY
            ))),
            None => Err(Refusal::NotFound(format!(
                "failed to learn what is normal: there is no alert `{id}`"
            ))),
        }
    }

    /// Tells of an outcome and has it kept.
    fn settle(&mut self, outcome: &Outcome) {
        for transition in &outcome.transitions {
            info!(
                rule = %transition.rule, subject = %transition.subject, state = transition.to.name(),
                severity = transition.severity.name(), why = transition.explanation, id = %transition.id, "alert"
            );
            self.recorder.transition(transition);
        }
        // Before notices are handed over: Alertmanager is to know an alert before it is asked about it.
        self.publish();
        if !outcome.transitions.is_empty() {
            self.changes.send_modify(|changes| *changes += 1);
        }
        self.keeper.begin(&self.alerts, !outcome.notices.is_empty());
    }

    /// Goes on after a turn of the keeper. What failed is tried again with the next change, or the next look at the
    /// time.
    fn note(&mut self, kept: &Kept) {
        let is_well = self.keeper.learn(kept);
        self.alerts.handed_over(&kept.told);
        self.answer(kept.revision);
        if is_well {
            self.keeper.begin(&self.alerts, false);
        }
        if !self.keeper.is_busy() {
            // Nothing is under way that they could wait for.
            self.answer(u64::MAX);
        }
        self.publish();
    }

    fn publish(&self) {
        let mut families = self.alerts.families();
        families.extend(self.rules.families());
        self.published.store(Arc::new(Published {
            alerts: self.alerts.alerts().cloned().collect(),
            silences: json!(self.alerts.silences()),
            families,
            overview: self.anomalies.overview(),
            unusual: self.anomalies.unusual(),
        }));
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
