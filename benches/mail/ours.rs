//! Our side, in this process: findings through the engine of alerts, its state and the outbox on disk, to mail, in
//! the order and with the waits for the disk that the program itself has.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Instant};

use jiff::tz::TimeZone;
use netkestrel::{
    alerts::{self, Alert, Engine, Notice, Store},
    clock::{Clock, Now},
    durable::{Disk, Os},
    notifiers::{
        Context, Delivery, Limits, Notifier, Outbox, OutboxHandle, Sender, Surroundings,
        email::{Config, Email, Recipient, Tls},
    },
    rules::{Breach, Direction, Finding, Severity, Verdict},
    sample::{Signal, SubjectKind},
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
};
use tracing::error;

use crate::measure::Result;

static LOSS: Signal = Signal {
    name: "ping_loss_ratio",
    title: "Packet loss",
    subject: SubjectKind::Device,
    help: "For the benchmark.",
};

/// Everything from findings to the SMTP server.
pub(crate) struct Ours {
    runtime: Runtime,
    outbox: OutboxHandle,
    findings: mpsc::Sender<Vec<Finding>>,
    /// Makes notices of findings, for offers without the engine of alerts.
    scratch: Engine,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

/// Nothing is recorded around an alert, so no mail holds a chart.
struct Nothing;

impl Surroundings for Nothing {
    fn of(&self, _: &Alert) -> Context {
        Context::default()
    }
}

impl Ours {
    /// Starts a side that mails to `sink` and keeps its files in a new folder. More alerts than `singly` within a
    /// minute are told together.
    pub(crate) fn start(sink: SocketAddr, singly: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = Runtime::new()?;
        let (stop, stopping) = watch::channel(false);
        let disk: Arc<dyn Disk> = Arc::new(Os);
        let now = Clock::System.now();
        let outbox = Outbox::open(&disk, &folder.path().join("outbox.jsonl"), Limits::default(), now);
        let (delivery, outbox) = Delivery::new(outbox, vec![mail_to(sink)?], Clock::System);
        runtime.spawn(delivery.digest_above(singly).run(stopping));
        let (findings, inbox) = mpsc::channel(8);
        let pipeline = Pipeline::new(disk, folder.path(), outbox.clone(), now);
        runtime.spawn(pipeline.run(inbox));
        Ok(Self {
            runtime,
            outbox,
            findings,
            scratch: engine(now),
            _stop: stop,
            _folder: folder,
        })
    }

    /// Hands one finding per device over; returns when that began.
    pub(crate) fn find(&self, devices: &[String]) -> Result<Instant> {
        let now = Clock::System.now();
        let findings = devices.iter().map(|device| finding(device, now)).collect();
        let began = Instant::now();
        self.findings.blocking_send(findings)?;
        Ok(began)
    }

    /// Offers the notice that a finding leads to; returns when that began.
    pub(crate) fn offer(&mut self, device: &str) -> Result<Instant> {
        let now = Clock::System.now();
        let notices: Vec<Notice> = self.scratch.apply(&[finding(device, now)], now).notices;
        if notices.len() != 1 {
            return Err("a finding did not become one notice".into());
        }
        let began = Instant::now();
        self.runtime.block_on(self.outbox.offer(notices))?;
        Ok(began)
    }
}

/// The part of the program's pipeline that lies between findings and the outbox.
struct Pipeline {
    alerts: Engine,
    store: Store,
    outbox: OutboxHandle,
}

impl Pipeline {
    fn new(disk: Arc<dyn Disk>, folder: &Path, outbox: OutboxHandle, now: Now) -> Self {
        Self {
            alerts: engine(now),
            store: Store::new(disk, folder),
            outbox,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Vec<Finding>>) {
        while let Some(findings) = inbox.recv().await {
            self.alerts.apply(&findings, Clock::System.now());
            self.save();
            self.hand_over().await;
        }
    }

    async fn hand_over(&mut self) {
        let notices = self.alerts.saved().outgoing.clone();
        let ids: Vec<_> = notices.iter().map(|notice| notice.id.clone()).collect();
        if let Err(error) = self.outbox.offer(notices).await {
            error!(%error, "the outbox does not take notices");
            return;
        }
        self.alerts.handed_over(&ids);
        self.save();
    }

    fn save(&self) {
        if let Err(error) = tokio::task::block_in_place(|| self.store.save(self.alerts.saved())) {
            error!(%error, "failed to save the state of alerts");
        }
    }
}

fn engine(now: Now) -> Engine {
    Engine::new(alerts::Config::default(), TimeZone::UTC, None, now)
}

fn mail_to(sink: SocketAddr) -> Result<Arc<dyn Notifier>> {
    let config = Config {
        server: sink.ip().to_string(),
        port: sink.port(),
        tls: Some(Tls::None),
        from: "netkestrel@example.org".to_owned(),
        recipients: vec![Recipient {
            address: "ops@example.org".to_owned(),
            min_severity: Severity::default(),
        }],
        ..Config::default()
    };
    let sender = Sender {
        host: "watcher".to_owned(),
        external_url: String::new(),
        timezone: TimeZone::UTC,
    };
    Ok(Arc::new(Email::new(
        &config,
        sender,
        Arc::new(Nothing),
        Clock::System,
    )?))
}

fn finding(device: &str, at: Now) -> Finding {
    Finding {
        rule: "loss".into(),
        subject: device.into(),
        signal: &LOSS,
        at,
        verdict: Verdict::Firing(Breach {
            severity: Severity::Critical,
            value: 0.9,
            threshold: 0.5,
            when: Direction::Above,
            since: at.wall,
            behind: 0,
            explanation: "Packet loss is 90 %, above 50 %".to_owned(),
        }),
    }
}
