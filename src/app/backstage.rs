//! Builds the stages behind the collectors: history, rules, alerts and delivery, with what they kept on disk.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::{
    Error,
    anomalies::{self, Anomalies},
    chain,
    desk::{Desk, Request},
    gather::OwnFamilies,
    keep::Keeper,
    pipeline::Pipeline,
    recorder::{Recorder, exposed, hold, objectives},
    schedule::stopped,
    surroundings::Surroundings,
};
use crate::{
    alerts, anomaly,
    clock::{Clock, Now},
    collectors::{self, Stop},
    config::Config,
    durable::{self, Disk, Lock},
    history::{self, Stream},
    notifiers::{
        self, Alertmanagers, Delivery, Limits, Outbox, OutboxHandle, Sender, Setting,
        alertmanager::{Identity, Place},
    },
    rules::{self, Rule},
};

/// Rules learn from this much of the recorded past before they judge the present: longer than any usual hold.
const REPLAYED: Duration = Duration::from_hours(1);
/// Orders that may wait for the pipeline.
const ORDERS: usize = 64;

/// What is behind the collectors, ready to run.
pub(super) struct Backstage {
    pub(super) pipeline: Pipeline,
    pub(super) orders: mpsc::Receiver<Request>,
    pub(super) delivery: Delivery,
    pub(super) outbox: OutboxHandle,
    pub(super) desk: Desk,
    pub(super) reader: Option<history::Reader>,
    pub(super) history: Option<Arc<history::Store>>,
    pub(super) correspondence: Correspondence,
    pub(super) lock: Option<Lock>,
}

/// What builds notifiers from a configuration, at the start and at each reload.
pub(super) struct Correspondence {
    host: String,
    alertmanagers: Arc<Alertmanagers>,
    surroundings: Arc<dyn notifiers::Surroundings>,
    clock: Clock,
}

impl Correspondence {
    /// The notifiers that a configuration asks for.
    pub(super) fn notifiers(&self, config: &Config) -> Vec<Arc<dyn notifiers::Notifier>> {
        let sender = Sender {
            host: self.host.clone(),
            external_url: config.external_url.clone(),
            timezone: config.zone(),
        };
        config.notifiers.build(&Setting {
            sender,
            surroundings: Arc::clone(&self.surroundings),
            clock: self.clock,
        })
    }

    /// Pushes to the Alertmanagers that a configuration names from now on.
    fn apply_alertmanagers(&self, config: &Config) {
        let settings = &config.notifiers.alertmanager;
        self.alertmanagers.apply(settings, self.identity(config));
    }

    fn identity(&self, config: &Config) -> Identity {
        let targets = config.collectors.devices.watched();
        let places = targets.map(|target| {
            let place = Place {
                group: target.group.clone(),
                parent: target.parents().first().cloned().unwrap_or_default(),
            };
            (target.display_name().to_owned(), place)
        });
        Identity {
            instance: self.host.clone(),
            external_url: config.external_url.clone(),
            places: places.collect(),
        }
    }

    /// Hands delivery new notifiers after each reload, until `stop`.
    pub(super) async fn follow(
        self,
        outbox: OutboxHandle,
        mut config: watch::Receiver<Arc<Config>>,
        mut stop: Stop,
    ) {
        let mut before = config.borrow_and_update().clone();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                changed = config.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = config.borrow_and_update().clone();
                    // Notifiers that are replaced forget that a server asked for patience.
                    if concerns(&now) != concerns(&before) {
                        outbox.replace_notifiers(self.notifiers(&now)).await;
                    }
                    let settings = |config: &Config| config.notifiers.alertmanager.clone();
                    if settings(&now) != settings(&before) || self.identity(&now) != self.identity(&before) {
                        self.apply_alertmanagers(&now);
                    }
                    before = now;
                }
            }
        }
    }
}

/// What of a configuration notifiers are built from.
fn concerns(config: &Config) -> (&notifiers::Config, &str, &str) {
    (&config.notifiers, &config.timezone, &config.external_url)
}

/// Where data lies, made when it is not there. `None`, with a warning, when there is no such place.
pub(super) fn data_folder(wanted: Option<PathBuf>) -> Option<PathBuf> {
    let Some(path) = wanted else {
        warn!("no data directory: the environment names no home; set `data_dir` to keep history and alerts");
        return None;
    };
    if let Err(error) = super::create_private(&path) {
        let data_dir = path.display();
        warn!(%data_dir, %error, "the data directory cannot be made: nothing outlives this process");
        return None;
    }
    Some(path)
}

/// Takes the folder for this process. A second instance is refused; a folder that cannot be written is used as far as
/// it goes.
fn lock(folder: &Path) -> Result<Option<Lock>, Error> {
    match Lock::take(folder) {
        Ok(lock) => {
            for folder in [folder, &folder.join("history")] {
                durable::sweep(folder);
            }
            Ok(Some(lock))
        }
        Err(error @ durable::Error::InUse { .. }) => Err(Error::Data(error)),
        Err(error) => {
            warn!(error = chain(&error), "the data directory cannot be written");
            Ok(None)
        }
    }
}

impl Backstage {
    /// What these stages tell of themselves.
    pub(super) fn families(&self) -> Vec<OwnFamilies> {
        let (published, outbox) = (Arc::clone(&self.desk.published), self.outbox.clone());
        let (counted, watched, clock) = (outbox.clone(), Arc::clone(&published), self.pipeline.clock);
        let mut own: Vec<OwnFamilies> = vec![
            Box::new(move || {
                let mut families = published.load().families.clone();
                alerts::held_by_alertmanager(&mut families, counted.suppressed());
                families
            }),
            Box::new(move || outbox.families()),
            Box::new(move || {
                let published = watched.load();
                let overview = published.overview.as_ref();
                overview.map_or_else(Vec::new, |overview| overview.families(clock.now().instant))
            }),
        ];
        if let Some(history) = self.history.clone() {
            own.push(Box::new(move || history.families()));
        }
        own
    }

    pub(super) fn build(
        config: &Config,
        folder: Option<&Path>,
        (host, set, clock): (&str, &Arc<collectors::Set>, Clock),
    ) -> Result<Self, Error> {
        let now = clock.now();
        let disk: Arc<dyn Disk> = Arc::new(durable::Os);
        let held = folder.map(lock).transpose()?.flatten();
        let open = |folder| Arc::new(history::Store::open(Arc::clone(&disk), folder, &config.history));
        let history = folder.map(open);
        if let Some(history) = &history {
            history.follow_devices(hold(config), now);
            history.set_objectives(objectives(config));
            history.set_exposed(exposed(config));
        }
        let reader = history.as_ref().map(|history| history.reader());
        let mut state = folder.map(|folder| alerts::Store::new(Arc::clone(&disk), folder));
        let saved = state.as_mut().and_then(alerts::Store::load);
        let in_force: Arc<ArcSwap<Vec<Rule>>> = Arc::new(ArcSwap::from_pointee(config.rules.in_force()));
        let mut alerts = alerts::Engine::new(config.alerts.clone(), config.zone(), saved, now);
        let ended = alerts.rules_in_force(&anomalies::in_force(config), now);
        let mut rules = rules::Engine::new(in_force.load().to_vec());
        if let Some(reader) = &reader {
            replay(&mut rules, reader, now);
        }
        rules.resume(alerts.alerts().filter_map(resumed), now);
        let usual = folder.map(|folder| anomaly::Store::new(Arc::clone(&disk), folder));
        let anomalies = Anomalies::begin(config, usual, reader.as_ref(), &alerts, now);
        let outbox = match folder {
            Some(folder) => Outbox::open(&disk, &folder.join("outbox.jsonl"), Limits::default(), now),
            None => Outbox::in_memory(Limits::default()),
        };
        let (sender, orders) = mpsc::channel(ORDERS);
        let front = Desk {
            published: Arc::default(),
            orders: sender,
        };
        let changes = watch::Sender::new(0);
        let standing = Arc::new(front.clone());
        let alertmanagers = Alertmanagers::new(standing, changes.subscribe(), &outbox, clock);
        let correspondence = Correspondence {
            host: host.to_owned(),
            alertmanagers: Arc::new(alertmanagers),
            surroundings: Arc::new(Surroundings {
                set: Arc::clone(set),
                rules: Arc::clone(&in_force),
                history: reader.clone(),
                clock,
            }),
            clock,
        };
        correspondence.apply_alertmanagers(config);
        let gate = Arc::clone(&correspondence.alertmanagers);
        let (delivery, outbox) = Delivery::new(outbox, correspondence.notifiers(config), clock);
        let delivery = delivery.asking(gate);
        let recorder = Recorder::start(history.clone());
        let watched = Arc::clone(set);
        ended
            .transitions
            .iter()
            .for_each(|transition| recorder.transition(transition));
        let pipeline = Pipeline {
            rules,
            in_force,
            anomalies,
            alerts,
            keeper: Keeper::new(state, outbox.clone()),
            recorder,
            published: Arc::clone(&front.published),
            changes,
            clock,
            behind: Box::new(move |name| watched.devices.behind(name)),
            unanswered: Vec::new(),
        };
        Ok(Self {
            pipeline,
            orders,
            delivery,
            outbox,
            desk: front,
            reader,
            history,
            correspondence,
            lock: held,
        })
    }
}

/// Lets the rules see the recorded past, so that a hold that ran before a restart goes on.
fn replay(rules: &mut rules::Engine, reader: &history::Reader, now: Now) {
    let signals = collectors::signals();
    for collector in collectors::NAMES {
        let Some(stream) = Stream::of_collector(collector) else {
            continue;
        };
        match reader.records(stream, now.wall - REPLAYED, now.wall) {
            Ok(records) => {
                for record in records {
                    // What was found then was told then.
                    let _ = rules.judge(&record.batch(collector, &signals, now));
                }
            }
            Err(error) => warn!(
                stream = stream.name(),
                error = chain(&error),
                "history cannot be read"
            ),
        }
    }
}

/// An alert from before the restart that is not over, for the rule to go on with.
pub(crate) fn resumed(alert: &alerts::Alert) -> Option<rules::Resumed> {
    if alert.resolved_at.is_some() {
        return None;
    }
    let collector = collectors::collector_of(&alert.signal)?;
    let mut signals = collectors::signals().into_iter();
    let signal = signals.find(|signal| alert.signal == signal.name)?;
    Some(rules::Resumed {
        rule: alert.rule.clone(),
        subject: alert.subject.clone(),
        firing: alert.fired_at.map(|_| alert.severity),
        since: alert.since,
        signal,
        collector,
    })
}
