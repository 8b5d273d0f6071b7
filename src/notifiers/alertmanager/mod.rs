//! Alerts to Prometheus Alertmanager, and its word on whether mails about them are wanted.
//!
//! What fires is pushed to every peer, again and again while it does: the state of alerts is enough for that, and
//! nothing waits on disk. Before a mail or a webhook call, every peer that can be reached is asked whether it silences
//! or inhibits the alert; where nobody answers in time, the mail goes out.

mod alert;
mod config;
mod feed;
mod ledger;
mod peer;
#[cfg(test)]
#[path = "alertmanager_tests.rs"]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinSet};
use tracing::{info, warn};

pub use self::{
    alert::{Identity, Place},
    config::Config,
};
use self::{
    feed::Feed,
    ledger::Ledger,
    peer::{PATIENCE, Peer, Suppressed},
};
use super::{Asking, Failure, Gate, Outbox, Reason, metrics::Metrics};
use crate::{
    alerts::{Alert, AlertId},
    clock::Clock,
    rules::Severity,
};

/// Tells how alerts stand.
pub trait Standing: Send + Sync {
    /// Every alert that fires now, also those that are acknowledged or silenced.
    fn firing(&self) -> Vec<Alert>;
}

/// Asks every peer once, as before a mail: its host, and what kept it from an answer. Blocks for two seconds each.
#[must_use]
pub fn probe(config: &Config) -> Vec<(String, Result<(), String>)> {
    let ask = |url: &String| {
        let peer = Peer::new(url, config);
        let answer = peer.suppressed("", None);
        (
            peer.host,
            answer.map(|_| ()).map_err(|failure| failure.to_string()),
        )
    };
    config.urls.iter().map(ask).collect()
}

/// All Alertmanagers that are configured.
pub struct Alertmanagers {
    team: ArcSwap<Team>,
    feeds: Mutex<JoinSet<()>>,
    standing: Arc<dyn Standing>,
    /// Counts changes of alerts; 0 before how they stand is known.
    changes: watch::Receiver<u64>,
    metrics: Arc<Metrics>,
    clock: Clock,
    in_trouble: AtomicBool,
}

#[derive(Default)]
struct Team {
    instance: String,
    peers: Vec<Arc<Peer>>,
}

impl Alertmanagers {
    /// None yet. `changes` is counted up after each change of what `standing` tells, from 0, at which nothing is known.
    #[must_use]
    pub fn new(
        standing: Arc<dyn Standing>,
        changes: watch::Receiver<u64>,
        outbox: &Outbox,
        clock: Clock,
    ) -> Self {
        Self {
            team: ArcSwap::default(),
            feeds: Mutex::default(),
            standing,
            changes,
            metrics: outbox.metrics(),
            clock,
            in_trouble: AtomicBool::new(false),
        }
    }

    /// Pushes to these from now on. Those that are no longer configured hear nothing more, and end alerts by themselves.
    pub fn apply(&self, config: &Config, identity: Identity) {
        let mut urls: Vec<&String> = Vec::new();
        for url in &config.urls {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        let peers: Vec<_> = urls
            .into_iter()
            .map(|url| Arc::new(Peer::new(url, config)))
            .collect();
        let identity = Arc::new(identity);
        let mut feeds = JoinSet::new();
        for peer in &peers {
            let feed = Feed {
                peer: Arc::clone(peer),
                identity: Arc::clone(&identity),
                standing: Arc::clone(&self.standing),
                changes: self.changes.clone(),
                metrics: Arc::clone(&self.metrics),
                clock: self.clock,
                interval: *config.resend_interval,
                ledger: Ledger::new(*config.resend_interval),
                failures: 0,
            };
            feeds.spawn(feed.run());
        }
        self.team.store(Arc::new(Team {
            instance: identity.instance.clone(),
            peers,
        }));
        // The feeds before end with this.
        *self.feeds.lock().unwrap_or_else(PoisonError::into_inner) = feeds;
    }

    async fn ask(&self, alerts: Vec<Alert>) -> HashSet<AlertId> {
        let team = self.team.load_full();
        if team.peers.is_empty() || alerts.is_empty() {
            return HashSet::new();
        }
        let generation = *self.changes.borrow();
        let about = match alerts.as_slice() {
            [alert] => Some(Arc::new(alert.clone())),
            _ => None,
        };
        let questions = team.peers.iter().map(|peer| {
            let question = question(Arc::clone(peer), generation, team.instance.clone(), about.clone());
            async {
                let answer = tokio::time::timeout(PATIENCE, question).await;
                answer.unwrap_or_else(|_| Err(too_late(peer)))
            }
        });
        let answers = join_all(questions).await;
        self.learn(&answers);
        let suppressed: Suppressed = answers.into_iter().flatten().flatten().collect();
        // How they stand now: what waited for delivery may have become graver or milder. A peer whose clock is behind
        // still has the severity before, perhaps inhibited by the present one.
        let firing = self.standing.firing().into_iter();
        let present: HashMap<AlertId, Severity> = firing.map(|alert| (alert.id, alert.severity)).collect();
        let is_suppressed = |alert: &Alert| {
            let severity = present.get(&alert.id).unwrap_or(&alert.severity).name();
            let (rule, subject) = (alert.rule.to_string(), alert.subject.to_string());
            suppressed.contains(&(rule, subject, severity.to_owned()))
        };
        let of = alerts.into_iter().filter(is_suppressed);
        of.map(|alert| alert.id).collect()
    }

    /// Trouble, and the end of it, are told once.
    fn learn(&self, answers: &[Result<Suppressed, Failure>]) {
        let failures: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .collect();
        self.metrics.not_answered(failures.len());
        let was_in_trouble = self.in_trouble.swap(!failures.is_empty(), Ordering::Relaxed);
        match failures.first() {
            Some(failure) if !was_in_trouble => warn!(
                error = %failure,
                "Alertmanager does not say whether an alert is silenced; the mail goes out unless another one does"
            ),
            None if was_in_trouble => info!("every Alertmanager says again whether an alert is silenced"),
            _ => {}
        }
    }
}

impl Gate for Alertmanagers {
    fn suppressed(&self, alerts: Vec<Alert>) -> Asking<'_> {
        Box::pin(self.ask(alerts))
    }
}

/// Asks a peer, once it knows how alerts stood at `generation`.
async fn question(
    peer: Arc<Peer>,
    generation: u64,
    instance: String,
    about: Option<Arc<Alert>>,
) -> Result<Suppressed, Failure> {
    let mut progress = peer.progress.subscribe();
    let follows = progress
        .wait_for(|at| at.is_away || at.generation >= generation)
        .await;
    if follows.is_ok_and(|at| at.is_away) {
        return Err(Failure::Transient {
            reason: Reason::Connect,
            detail: format!("{} cannot be reached", peer.host),
        });
    }
    let asked = tokio::task::spawn_blocking(move || peer.suppressed(&instance, about.as_deref())).await;
    asked.unwrap_or_else(|error| {
        Err(Failure::Permanent {
            reason: Reason::Other,
            detail: format!("asking panicked: {error}"),
        })
    })
}

fn too_late(peer: &Peer) -> Failure {
    Failure::Transient {
        reason: Reason::Timeout,
        detail: format!("{} does not answer in time", peer.host),
    }
}
