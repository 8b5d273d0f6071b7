//! A disk that hangs holds nothing up, and what is pending is told when it returns.

use std::{
    io,
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

use super::*;
use crate::{
    anomaly::{self, Watch},
    collectors,
    durable::{Append, Disk, Fill, Source, volatile::Volatile},
    notifiers::{Delivery, Limits, Outbox, OutboxHandle},
    sample::{Observed, Reading, Scope, Signal},
    web::Signed,
};

/// Nothing is replaced on it while it hangs.
#[derive(Debug, Default)]
struct Hanging {
    disk: Volatile,
    hangs: Mutex<bool>,
    returned: Condvar,
}

impl Hanging {
    fn hang(&self, hangs: bool) {
        *self.hangs.lock().unwrap_or_else(PoisonError::into_inner) = hangs;
        self.returned.notify_all();
    }
}

impl Disk for Hanging {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>> {
        self.disk.open(path)
    }
    fn append(&self, path: &Path) -> io::Result<Box<dyn Append>> {
        self.disk.append(path)
    }
    fn replace(&self, path: &Path, fill: Fill<'_>) -> io::Result<()> {
        let hangs = self.hangs.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.returned.wait_while(hangs, |hangs| *hangs);
        drop(free.unwrap_or_else(PoisonError::into_inner));
        self.disk.replace(path, fill)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }
}

/// Makes everything end if a test fails while the disk hangs.
struct Release(Arc<Hanging>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.hang(false);
    }
}

struct Running {
    news: mpsc::Sender<Batch>,
    orders: mpsc::Sender<Request>,
    published: Arc<ArcSwap<Published>>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    changes: watch::Receiver<u64>,
    others: (mpsc::Sender<Arc<Batch>>, watch::Sender<Arc<Config>>),
}

const FOLDER: &str = "/d";

fn start(disk: &Arc<Hanging>, outbox: OutboxHandle) -> Running {
    let (clock, config) = (Clock::System, Config::default());
    let rule = json!({"name": "busy", "signal": "cpu_usage_ratio", "levels": {"high": 0.9}});
    let rule: Rule = serde_json::from_value(rule).expect("a rule");
    let published: Arc<ArcSwap<Published>> = Arc::default();
    let changes = watch::Sender::new(0);
    let store = alerts::Store::new(Arc::clone(disk) as Arc<dyn Disk>, Path::new(FOLDER));
    let alerts = alerts::Engine::new(config.alerts.clone(), config.zone(), None, clock.now());
    let pipeline = Pipeline {
        rules: rules::Engine::new(vec![rule.clone()]),
        in_force: Arc::new(ArcSwap::from_pointee(vec![rule])),
        anomalies: Anomalies::begin(&config, Some(usual(disk)), None, &alerts, clock.now()),
        alerts,
        keeper: Keeper::new(Some(store), outbox),
        recorder: Recorder::start(None),
        published: Arc::clone(&published),
        changes: changes.clone(),
        clock,
        behind: Box::new(|_| 0),
        unanswered: Vec::new(),
    };
    let (news, incoming) = mpsc::channel(16);
    let (orders, requests) = mpsc::channel(16);
    let (runs, batches) = mpsc::channel(16);
    let (settings, config) = watch::channel(Arc::new(config));
    let (stop, stopping) = watch::channel(false);
    let inputs = Inputs {
        batches,
        news: incoming,
        orders: requests,
        config,
        stop: stopping,
    };
    Running {
        news,
        orders,
        published,
        stop,
        changes: changes.subscribe(),
        task: tokio::spawn(pipeline.run(inputs)),
        others: (runs, settings),
    }
}

impl Running {
    /// Everything sent before is judged when this returns, as news go before orders.
    async fn load(&self, cpu: f64) {
        let batch = Batch {
            collector: "system",
            scope: Scope::News,
            at: Clock::System.now(),
            elapsed: None,
            readings: vec![Reading {
                signal: signal("cpu_usage_ratio"),
                subject: "".into(),
                observed: Observed::Value(cpu),
            }],
            changes: Vec::new(),
            health: Vec::new(),
        };
        self.news.send(batch).await.expect("it runs");
        let refused = self.acknowledge("none").await.await.expect("it is answered");
        assert!(matches!(refused, Err(Refusal::NotFound(_))), "{refused:?}");
    }

    async fn acknowledge(&self, id: &str) -> oneshot::Receiver<Result<serde_json::Value, Refusal>> {
        self.take_on(id, false).await
    }

    async fn take_on(&self, id: &str, normal: bool) -> oneshot::Receiver<Result<serde_json::Value, Refusal>> {
        let (reply, answer) = oneshot::channel();
        let order = Order::Acknowledge {
            id: id.to_owned(),
            signed: Signed {
                by: String::new(),
                note: String::new(),
            },
            normal,
        };
        let sent = self.orders.send(Request { order, reply }).await;
        assert!(sent.is_ok(), "it runs");
        answer
    }

    fn states(&self) -> Vec<&'static str> {
        let published = self.published.load();
        published.alerts.iter().map(|alert| alert.state.name()).collect()
    }
}

fn usual(disk: &Arc<Hanging>) -> anomaly::Store {
    anomaly::Store::new(Arc::clone(disk) as Arc<dyn Disk>, Path::new(FOLDER))
}

/// A run that sees the CPU and the memory in use.
fn run(at: Now, (cpu, memory): (f64, f64)) -> Batch {
    let reading = |(name, value): (&str, f64)| Reading {
        signal: signal(name),
        subject: "".into(),
        observed: Observed::Value(value),
    };
    let readings = [("cpu_usage_ratio", cpu), ("memory_usage_ratio", memory)];
    Batch {
        collector: "system",
        scope: Scope::Whole,
        at,
        elapsed: Some(Duration::from_mins(5)),
        readings: readings.map(reading).into(),
        changes: Vec::new(),
        health: Vec::new(),
    }
}

fn signal(name: &str) -> &'static Signal {
    let mut signals = collectors::signals().into_iter();
    signals.find(|signal| signal.name == name).expect("there is one")
}

/// Ten days up to `now` in which nothing happened.
fn ten_days(now: Now) -> anomaly::Saved {
    let config = Config::default();
    let mut watch = Watch::new(
        config.anomalies.clone(),
        config.zone(),
        None,
        &collectors::signals(),
    );
    for back in (1..10 * 288_u32).rev() {
        let at = Now {
            instant: now.instant,
            wall: now.wall - Duration::from_mins(5) * back,
        };
        let wave = f64::from(back).sin();
        watch.learn(&run(at, (0.2 + 0.03 * wave, 0.4 - 0.02 * wave)));
    }
    watch.saved()
}

fn on_disk(disk: &Arc<Hanging>) -> Option<alerts::Saved> {
    alerts::Store::new(Arc::clone(disk) as Arc<dyn Disk>, Path::new(FOLDER)).load()
}

#[tokio::test]
async fn a_disk_that_hangs_stops_no_judging_and_what_is_pending_is_told_when_it_returns() {
    let disk = Arc::new(Hanging::default());
    let _release = Release(Arc::clone(&disk));
    let outbox = Outbox::in_memory(Limits::default());
    let (delivery, handle) = Delivery::new(outbox, Vec::new(), Clock::System);
    let (no_more, delivered) = watch::channel(false);
    let delivery = tokio::spawn(delivery.run(delivered));
    let running = start(&disk, handle);

    disk.hang(true);
    running.load(0.99).await;
    assert_eq!(running.states(), ["firing"], "it is judged");
    let id = running.published.load().alerts[0].id.to_string();
    let mut acknowledged = running.acknowledge(&id).await;
    running.load(0.98).await;
    assert_eq!(running.states(), ["acknowledged"], "and orders are carried out");
    assert!(
        acknowledged.try_recv().is_err(),
        "but not answered before they are kept"
    );
    running.load(0.1).await;
    assert_eq!(running.states(), ["resolved"]);
    assert_eq!(on_disk(&disk), None);

    disk.hang(false);
    acknowledged.await.expect("answered").expect("carried out");
    running.stop.send_replace(true);
    drop((running.news, running.orders, running.others));
    running.task.await.expect("it ends");
    let saved = on_disk(&disk).expect("saved");
    assert_eq!(saved.outgoing, [], "all was told");
    no_more.send_replace(true);
    delivery.await.expect("it ends");
}

#[tokio::test]
async fn what_is_new_in_related_series_becomes_an_alert_that_people_can_call_normal() {
    let disk = Arc::new(Hanging::default());
    let now = Clock::System.now();
    usual(&disk).save(&ten_days(now)).expect("saved");
    let (delivery, handle) = Delivery::new(Outbox::in_memory(Limits::default()), Vec::new(), Clock::System);
    let (no_more, delivered) = watch::channel(false);
    let delivery = tokio::spawn(delivery.run(delivered));
    let mut running = start(&disk, handle);

    let odd = Arc::new(run(now, (0.7, 0.9)));
    running.others.0.send(odd).await.expect("it runs");
    running
        .changes
        .wait_for(|changes| *changes > 1)
        .await
        .expect("it runs");
    let published = running.published.load_full();
    let [alert] = &published.alerts[..] else {
        panic!("{:?}", published.alerts);
    };
    assert_eq!(
        (alert.rule.as_str(), alert.subject.as_str()),
        (rules::ANOMALY, "")
    );
    assert_eq!(alert.severity, rules::Severity::Medium);
    let why = &alert.explanation;
    assert!(why.starts_with("memory usage 90.0 %, 2."), "{why}");
    assert!(
        why.ends_with("highest in 9 days; unusual as well: CPU usage"),
        "{why}"
    );
    assert_eq!(published.unusual.len(), 2);
    assert!(published.unusual.iter().all(|one| one.lasts && one.told));
    let overview = published.overview.as_ref().expect("somebody watches");
    let families = overview.families(now.instant);
    let scores = families
        .iter()
        .find(|family| family.desc.name == "netkestrel_anomaly_score");
    assert_eq!(scores.map(|scores| scores.points.len()), Some(2));

    let normal = running.take_on(&alert.id, true).await.await.expect("answered");
    assert_eq!(normal.expect("carried out")["normal"], 2);
    running.load(0.99).await;
    let busy = running.published.load_full();
    let busy = busy.alerts.iter().find(|alert| alert.rule == "busy");
    let refused = running.take_on(&busy.expect("it fires").id, true).await.await;
    let refused = refused.expect("answered");
    assert!(
        matches!(&refused, Err(Refusal::Invalid(why)) if why.contains("is of the rule `busy`")),
        "{refused:?}"
    );

    running.stop.send_replace(true);
    drop((running.news, running.orders, running.others));
    running.task.await.expect("it ends");
    let kept = usual(&disk).load().expect("saved at the end");
    assert_eq!(kept.until(), Some(now.wall.as_second()));
    no_more.send_replace(true);
    delivery.await.expect("it ends");
}
