//! The watch for anomalies, beside the rules: what it has to tell becomes findings of the rule `anomaly`, and what it
//! knows is saved beside the judging, so that a disk that hangs stops nothing.

use std::{collections::HashMap, future::pending, panic::resume_unwind, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::chain;
use crate::{
    alerts::{self, Alert, InForce},
    anomaly::{Event, Level, Overview, Saved, Standing, Store, Tale, Watch},
    clock::Now,
    collectors,
    config::Config,
    durable,
    history::{self, Stream},
    rules::{self, Breach, Direction, Finding, Severity, Verdict},
    sample::{Batch, Reading},
    web::Unusual,
};

/// What the watch knows is saved this often. What is lost with the process comes back from history.
const SAVED_EVERY: Duration = Duration::from_mins(10);
/// This much of the recorded past is learnt where nothing else is known: as much as a detector remembers.
const LEARNT: Duration = Duration::from_hours(22 * 24);

/// The rules in force by name, the one of anomalies among them.
pub(crate) fn in_force(config: &Config) -> Vec<InForce> {
    let mut known: Vec<InForce> = config.rules.in_force().iter().map(InForce::from).collect();
    if config.anomalies.enabled {
        known.push(InForce {
            name: rules::ANOMALY.into(),
            severities: vec![Severity::Medium],
        });
    }
    known
}

/// Judges a batch that rules judged already, and adds to their `findings` what is to be told of anomalies.
pub(crate) fn judge(watch: &mut Watch, batch: &Batch, findings: &mut Vec<Finding>) {
    let mut levels: HashMap<(&str, &str), Level> = HashMap::new();
    for finding in findings.iter() {
        let level = match finding.verdict {
            Verdict::Pending(_) => Level::Beyond,
            Verdict::Firing(_) => Level::Fires,
            _ => continue,
        };
        let known = levels.entry((finding.signal.name, finding.subject.as_str()));
        let known = known.or_insert(level);
        *known = level.max(*known);
    }
    let of = |reading: &Reading| {
        let key = (reading.signal.name, reading.subject.as_str());
        levels.get(&key).copied().unwrap_or(Level::Within)
    };
    let tales = watch.judge(batch, &of);
    drop(levels);
    findings.extend(tales.into_iter().map(finding));
}

fn finding(tale: Tale) -> Finding {
    let verdict = match tale.standing {
        Standing::Lasting(event) => Verdict::Firing(Breach {
            severity: Severity::Medium,
            value: event.value,
            threshold: event.usual,
            when: if event.above {
                Direction::Above
            } else {
                Direction::Below
            },
            since: event.since,
            behind: 0,
            explanation: event.explanation,
        }),
        Standing::Unseen(why) => Verdict::Unknown(why),
        Standing::Over { value } => Verdict::Clear { value },
        Standing::Gone => Verdict::Gone,
        Standing::Unwatched => Verdict::NotCovered,
    };
    Finding {
        rule: rules::ANOMALY.into(),
        subject: tale.subject,
        signal: tale.signal,
        at: tale.at,
        verdict,
    }
}

/// The watch, with what is on disk of it.
pub(super) struct Anomalies {
    watch: Watch,
    store: Option<Arc<Store>>,
    /// A save that is under way.
    turn: Option<JoinHandle<Result<(), durable::Error>>>,
    /// When the next one is due; `None` when nothing was learnt since the last.
    due: Option<Now>,
    fails: bool,
    enabled: bool,
    overview: Arc<Overview>,
    unusual: Arc<Vec<Unusual>>,
}

impl Anomalies {
    /// Goes on from what `store` has, with what `history` recorded since, and tells on what is `active`.
    pub(super) fn begin(
        config: &Config,
        mut store: Option<Store>,
        history: Option<&history::Reader>,
        active: &alerts::Engine,
        now: Now,
    ) -> Self {
        let saved = store.as_mut().and_then(Store::load);
        let until = saved.as_ref().and_then(Saved::until);
        let watch = Watch::new(
            config.anomalies.clone(),
            config.zone(),
            saved,
            &collectors::signals(),
        );
        let mut anomalies = Self {
            watch,
            store: store.map(Arc::new),
            turn: None,
            due: None,
            fails: false,
            enabled: config.anomalies.enabled,
            overview: Arc::default(),
            unusual: Arc::default(),
        };
        if let (Some(history), true) = (history, anomalies.enabled) {
            let known = until.and_then(|second| Timestamp::from_second(second).ok());
            let from = (now.wall - LEARNT).max(known.unwrap_or(Timestamp::MIN));
            learn(&mut anomalies.watch, history, from, now);
        }
        anomalies.watch.resume(active.alerts().filter_map(told).collect());
        anomalies.look(now);
        anomalies
    }

    /// Judges a batch that rules judged already, and adds to their `findings`.
    pub(super) fn judge(&mut self, batch: &Batch, findings: &mut Vec<Finding>) {
        judge(&mut self.watch, batch, findings);
        if batch.scope == crate::sample::Scope::Whole {
            self.look(batch.at);
            self.due.get_or_insert(batch.at.after(SAVED_EVERY));
        }
    }

    /// Watches as `config` says from now on.
    pub(super) fn apply(&mut self, config: &Config, now: Now) {
        self.enabled = config.anomalies.enabled;
        self.watch.apply(config.anomalies.clone(), config.zone());
        self.look(now);
    }

    /// What an alert about `subject` tells of is normal. Returns of how many series.
    pub(super) fn accept(&mut self, subject: &str, now: Now) -> usize {
        self.due = Some(now);
        self.watch.accept(subject)
    }

    /// How all series stood when one was last judged; `None` when nobody watches.
    pub(super) fn overview(&self) -> Option<Arc<Overview>> {
        self.enabled.then(|| Arc::clone(&self.overview))
    }

    /// What was shown lately, the newest first.
    pub(super) fn unusual(&self) -> Arc<Vec<Unusual>> {
        Arc::clone(&self.unusual)
    }

    /// Begins to save when it is time to.
    pub(super) fn save_if_due(&mut self, now: Now) {
        if self.due.is_some_and(|due| due.instant <= now.instant) {
            self.save();
        }
    }

    /// The end of the save under way; never without one. May be dropped and called again.
    pub(super) async fn saved(&mut self) {
        let saved = match &mut self.turn {
            Some(turn) => turn.await,
            None => pending().await,
        };
        self.turn = None;
        match saved.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(Ok(())) => self.fails = false,
            Ok(Err(problem)) => {
                if !std::mem::replace(&mut self.fails, true) {
                    let error = chain(&problem);
                    error!(error, "failed to save what is usual; it is tried again");
                }
            }
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime ends.
            Err(Err(_)) => pending().await,
        }
    }

    /// Saves what was learnt last.
    pub(super) async fn end(&mut self) {
        if self.turn.is_some() {
            self.saved().await;
        }
        if self.due.is_some() {
            self.save();
        }
        if self.turn.is_some() {
            self.saved().await;
        }
    }

    fn save(&mut self) {
        let Some(store) = self.store.clone().filter(|_| self.enabled) else {
            self.due = None;
            return;
        };
        if self.turn.is_none() {
            self.due = None;
            let state = self.watch.saved();
            self.turn = Some(tokio::task::spawn_blocking(move || store.save(&state)));
        }
    }

    fn look(&mut self, now: Now) {
        let unix = now.wall.as_second();
        self.overview = Arc::new(self.watch.overview(now.instant, unix));
        let anomalies = self.watch.anomalies(unix).map(|(anomaly, lasts)| Unusual {
            at: anomaly.at,
            signal: anomaly.signal.clone(),
            title: anomaly.title.clone(),
            subject: anomaly.subject.clone(),
            score: anomaly.score,
            value: anomaly.value,
            usual: anomaly.usual,
            explanation: anomaly.explanation.clone(),
            lasts,
            told: anomaly.told,
        });
        self.unusual = Arc::new(anomalies.collect());
    }
}

/// Learns what was recorded from then on.
fn learn(watch: &mut Watch, history: &history::Reader, from: Timestamp, now: Now) {
    let signals = collectors::signals();
    for collector in collectors::NAMES {
        let Some(stream) = Stream::of_collector(collector) else {
            continue;
        };
        match history.records(stream, from, now.wall) {
            Ok(records) => {
                for record in records {
                    watch.learn(&record.batch(collector, &signals, now));
                }
            }
            Err(error) => warn!(
                stream = stream.name(),
                error = chain(&error),
                "what was recorded is not learnt"
            ),
        }
    }
}

/// The event that an alert which is not over tells of.
fn told(alert: &Alert) -> Option<(smol_str::SmolStr, &'static crate::sample::Signal, Event)> {
    if alert.rule != rules::ANOMALY || alert.resolved_at.is_some() {
        return None;
    }
    let mut signals = collectors::signals().into_iter();
    let signal = signals.find(|signal| alert.signal == signal.name)?;
    let event = Event {
        since: alert.since,
        value: alert.value,
        usual: alert.threshold,
        above: alert.when == Direction::Above,
        explanation: alert.explanation.clone(),
    };
    Some((alert.subject.clone(), signal, event))
}
