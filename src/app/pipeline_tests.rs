//! A disk that hangs holds nothing up, and what is pending is told when it returns.

use std::{
    io,
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

use super::*;
use crate::{
    collectors,
    durable::{Append, Disk, Fill, Source, volatile::Volatile},
    notifiers::{Delivery, Limits, Outbox, OutboxHandle},
    sample::{Observed, Reading, Scope},
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
    others: (mpsc::Sender<Arc<Batch>>, watch::Sender<Arc<Config>>),
}

const FOLDER: &str = "/d";

fn start(disk: &Arc<Hanging>, outbox: OutboxHandle) -> Running {
    let (clock, config) = (Clock::System, Config::default());
    let rule = json!({"name": "busy", "signal": "cpu_usage_ratio", "levels": {"high": 0.9}});
    let rule: Rule = serde_json::from_value(rule).expect("a rule");
    let published: Arc<ArcSwap<Published>> = Arc::default();
    let store = alerts::Store::new(Arc::clone(disk) as Arc<dyn Disk>, Path::new(FOLDER));
    let pipeline = Pipeline {
        rules: rules::Engine::new(vec![rule.clone()]),
        in_force: Arc::new(ArcSwap::from_pointee(vec![rule])),
        alerts: alerts::Engine::new(config.alerts.clone(), config.zone(), None, clock.now()),
        keeper: Keeper::new(Some(store), outbox),
        recorder: Recorder::start(None),
        published: Arc::clone(&published),
        changes: watch::Sender::new(0),
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
        task: tokio::spawn(pipeline.run(inputs)),
        others: (runs, settings),
    }
}

impl Running {
    /// Everything sent before is judged when this returns, as news go before orders.
    async fn load(&self, cpu: f64) {
        let signal = collectors::signals()
            .into_iter()
            .find(|signal| signal.name == "cpu_usage_ratio");
        let batch = Batch {
            collector: "system",
            scope: Scope::News,
            at: Clock::System.now(),
            elapsed: None,
            readings: vec![Reading {
                signal: signal.expect("there is one"),
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
        let (reply, answer) = oneshot::channel();
        let order = Order::Acknowledge {
            id: id.to_owned(),
            signed: Signed {
                by: String::new(),
                note: String::new(),
            },
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
