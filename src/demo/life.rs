//! One life of the program in a made-up past, from a start to the next: the real collectors, rules and alerts, whose
//! turn comes when the clock says so.

use std::sync::Arc;

use smol_str::SmolStr;
use tokio::sync::mpsc;

use super::own::{self, Own};
use crate::{
    alerts::{self, Alert, Outcome, Saved},
    anomaly::{self, Watch},
    app::{self, anomalies},
    clock::Now,
    collectors::{self, Context, Guarded, News, demo::World},
    config::Config,
    history::uptime::Live,
    rules,
    sample::{Batch, Family, Value},
};

/// News that may wait between two looks at them.
const NEWS: usize = 1024;

/// Somebody and what they said.
type Signed<'a> = (&'a str, &'a str);

pub(super) struct Life {
    began: Now,
    collectors: Vec<Arc<Guarded>>,
    heralds: News,
    news: mpsc::Receiver<Batch>,
    rules: rules::Engine,
    watch: Watch,
    alerts: alerts::Engine,
    own: Own,
    uptime: Live,
}

impl Life {
    /// The first life.
    pub(super) fn begin(config: &Config, world: &Arc<World>, now: Now) -> Self {
        let uptime = Live::new(app::hold(config), app::objectives(config));
        let watch = Watch::new(
            config.anomalies.clone(),
            config.zone(),
            None,
            &collectors::signals(),
        );
        Self::after(config, world, now, (None, Own::new(now), uptime, watch))
    }

    /// The life after this one: alerts go on, counters begin anew.
    pub(super) fn again(self, config: &Config, world: &Arc<World>, now: Now) -> Self {
        let own = self.own.again(now);
        let saved = Some(self.alerts.saved().clone());
        Self::after(config, world, now, (saved, own, self.uptime, self.watch))
    }

    fn after(
        config: &Config,
        world: &Arc<World>,
        now: Now,
        (saved, own, uptime, watch): (Option<Saved>, Own, Live, Watch),
    ) -> Self {
        let (heralds, news) = News::channel(NEWS);
        let context = Context {
            limits: config.health_limits(),
            news: heralds.clone(),
            demo: Some(Arc::clone(world)),
            ..Context::default()
        };
        let set = collectors::Set::new(&config.collectors, &context);
        let in_force = config.rules.in_force();
        let mut alerts = alerts::Engine::new(config.alerts.clone(), config.zone(), saved, now);
        let _ = alerts.rules_in_force(&anomalies::in_force(config), now);
        let mut rules = rules::Engine::new(in_force);
        rules.resume(alerts.alerts().filter_map(app::resumed), now);
        Self {
            began: now,
            collectors: set
                .all()
                .into_iter()
                .map(|one| Arc::new(Guarded::new(one)))
                .collect(),
            heralds,
            news,
            rules,
            watch,
            alerts,
            own,
            uptime,
        }
    }

    /// Does what is due at `now`.
    pub(super) fn live(&mut self, now: Now) {
        let age = now
            .instant
            .saturating_duration_since(self.began.instant)
            .as_secs();
        for guarded in self.collectors.clone() {
            let interval = guarded.collector().interval().as_secs().max(1);
            if age.is_multiple_of(interval) {
                let batch = Arc::new(guarded.collector().sample(now).data);
                guarded.note(
                    self.own.took(guarded.collector().name()),
                    Some(Arc::clone(&batch)),
                );
                self.hear();
                self.own.recorded(batch.collector, now);
                self.judge(&batch);
            }
        }
        let outcome = self.alerts.tick(now);
        self.settle(&outcome, now);
    }

    /// Somebody takes an alert on, if it is there.
    pub(super) fn acknowledge(&mut self, (rule, subject): (&str, &str), (by, note): Signed<'_>, now: Now) {
        let open = |alert: &&Alert| alert.resolved_at.is_none();
        let found = self.alerts.alerts().filter(open);
        let ids: Vec<SmolStr> = found
            .filter(|alert| alert.rule == rule && alert.subject == subject)
            .map(|alert| alert.id.clone())
            .collect();
        for id in ids {
            if let Ok(outcome) = self.alerts.acknowledge(&id, by, note, now) {
                self.settle(&outcome, now);
            }
        }
    }

    /// The configuration is read again and is as it was.
    pub(super) fn reload(&mut self, now: Now) {
        self.own.reloaded(now);
    }

    /// Everything a scrape would see.
    pub(super) fn families(&mut self, now: Now) -> Vec<Family> {
        let mut families = Vec::new();
        for guarded in &self.collectors {
            families.extend(guarded.collector().scrape(now).data);
            guarded.note(self.own.took(guarded.collector().name()), None);
            families.extend(guarded.families(now));
        }
        families.extend(self.heralds.families());
        families.extend(self.rules.families());
        let overview = self.watch.overview(now.instant, now.wall.as_second());
        families.extend(overview.families(now.instant));
        families.extend(self.alerts.families());
        families.extend(self.uptime.families(now.instant));
        families.extend(self.own.families(now, left(&families)));
        families
    }

    /// The alerts and what is usual, for the life after this one.
    pub(super) fn saved(&self) -> (Saved, anomaly::Saved) {
        (self.alerts.saved().clone(), self.watch.saved())
    }

    fn hear(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.judge(&news);
        }
    }

    fn judge(&mut self, batch: &Batch) {
        if batch.collector == "devices" {
            self.uptime.observe(batch);
        }
        let mut findings = self.rules.judge(batch);
        anomalies::judge(&mut self.watch, batch, &mut findings);
        let outcome = self.alerts.apply(&findings, batch.at);
        self.settle(&outcome, batch.at);
    }

    /// What is told is delivered at once.
    fn settle(&mut self, outcome: &Outcome, now: Now) {
        self.own.settled(outcome, now);
        let outgoing = self.alerts.saved().outgoing.iter();
        let ids: Vec<SmolStr> = outgoing.map(|notice| notice.id.clone()).collect();
        self.alerts.handed_over(&ids);
    }
}

/// Bytes that are left on the filesystem that fills.
fn left(families: &[Family]) -> Option<f64> {
    let family = families
        .iter()
        .find(|family| family.desc.name == "netkestrel_filesystem_avail_bytes")?;
    let point = family
        .points
        .iter()
        .find(|point| point.labels.iter().any(|label| label == own::FILLING))?;
    match point.value {
        Value::Number(left) => Some(left),
        Value::Histogram(_) => None,
    }
}
