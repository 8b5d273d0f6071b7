//! The program as `app` wires it, from the devices to the notices, with a clock and a network that are played.

use std::{collections::HashSet, path::Path, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use netkestrel::{
    alerts::{self, InForce, Outcome, Saved, Windows},
    clock::Now,
    collectors::{self, Collect, HealthLimits, News, devices},
    durable::Os,
    history::{self, Store, Stream, uptime::Hold},
    rules::{self, Rule, Verdict},
    sample::{Batch, Scope, SubjectKind},
};
use smol_str::SmolStr;
use tokio::sync::mpsc;

use super::{Scenario, network::Script, resumed::resumed};

/// What a start learns of the recorded past.
const REPLAYED: Duration = Duration::from_hours(1);

/// One life of it.
pub(crate) struct Program {
    pub(crate) collector: devices::Collector,
    pub(crate) store: Store,
    pub(crate) alerts: alerts::Engine,
    news: mpsc::Receiver<Batch>,
    rules: rules::Engine,
    windows: Windows,
    devices: Vec<SmolStr>,
    covered: HashSet<SmolStr>,
    next_run: Now,
}

/// What came of a moment.
pub(crate) type Came = Vec<(Now, Outcome)>;

impl Program {
    pub(crate) fn start(
        scenario: &Scenario,
        config: &devices::Config,
        (folder, network): (&Path, &Arc<Script>),
        saved: Option<Saved>,
        now: Now,
    ) -> Self {
        let (heralds, news) = News::channel(1024);
        let in_force: Vec<Rule> = rules::Config::from(scenario.rules.clone()).in_force();
        let mut alerts = alerts::Engine::new(scenario.alerts.clone(), TimeZone::UTC, saved, now);
        let known: Vec<InForce> = in_force.iter().map(InForce::from).collect();
        let _ = alerts.rules_in_force(&known, now);
        let store = Store::open(Arc::new(Os), folder, &history::Config::default());
        store.follow_devices(hold(config), now);
        let windows = Windows::new(&scenario.alerts, TimeZone::UTC, &in_force);
        let network: Arc<dyn devices::Network> = Arc::clone(network) as _;
        let mut program = Self {
            collector: devices::Collector::in_network(config, network, heralds),
            alerts,
            news,
            rules: rules::Engine::new(in_force),
            windows,
            devices: names(config),
            covered: HashSet::new(),
            next_run: now,
            store,
        };
        program.cover(now);
        program.remember(now);
        program
    }

    /// Lets the rules see the recorded past.
    fn remember(&mut self, now: Now) {
        let reader = self.store.reader();
        let records = reader.records(Stream::Devices, now.wall - REPLAYED, now.wall);
        for record in records.expect("readable") {
            let batch = record.batch("devices", &collectors::signals(), now);
            let _ = self.rules.judge(&batch);
        }
        self.rules.resume(self.alerts.alerts().filter_map(resumed), now);
    }

    /// Another configuration is in force.
    pub(crate) fn reload(&mut self, config: &devices::Config, now: Now) {
        self.collector.apply(config, HealthLimits::default());
        self.store.follow_devices(hold(config), now);
        self.devices = names(config);
        self.cover(now);
    }

    /// Everything that happens up to `now`.
    pub(crate) fn live(&mut self, now: Now) -> Came {
        self.collector.catch_up(now);
        self.cover(now);
        let mut came = Vec::new();
        while let Ok(batch) = self.news.try_recv() {
            came.push(self.take(&batch));
        }
        if self.next_run.instant <= now.instant {
            let interval = self.collector.interval();
            while self.next_run.instant <= now.instant {
                self.next_run = self.next_run.after(interval);
            }
            came.push(self.take(&self.collector.sample(now).data));
        }
        came.push((now, self.alerts.tick(now)));
        came
    }

    fn take(&mut self, batch: &Batch) -> (Now, Outcome) {
        if batch.scope == Scope::Whole {
            self.store.append(batch).expect("recorded");
        }
        self.store.observe(batch).expect("followed");
        let mut findings = self.rules.judge(batch);
        for finding in &mut findings {
            if let (SubjectKind::Device, Verdict::Pending(breach) | Verdict::Firing(breach)) =
                (finding.signal.subject, &mut finding.verdict)
            {
                breach.behind = self.collector.behind(&finding.subject);
            }
        }
        (batch.at, self.alerts.apply(&findings, batch.at))
    }

    fn cover(&mut self, now: Now) {
        let devices = self.devices.iter();
        let covered = devices.filter(|device| self.windows.cover(device, now.wall));
        let covered: HashSet<SmolStr> = covered.cloned().collect();
        if covered != self.covered {
            self.covered.clone_from(&covered);
            self.collector.set_maintenance(covered);
        }
    }
}

pub(crate) fn hold(config: &devices::Config) -> Hold {
    Hold {
        interval: *config.interval,
        timeout: *config.timeout,
    }
}

fn names(config: &devices::Config) -> Vec<SmolStr> {
    config.names().into_iter().map(SmolStr::new).collect()
}
