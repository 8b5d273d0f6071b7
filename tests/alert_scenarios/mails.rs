//! Notices into mails: the real outbox, the real delivery and the real choice of recipients in paused time; only the
//! server is played.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use netkestrel::{
    alerts::{Alert, Notice},
    clock::Clock,
    durable::{self, Disk},
    notifiers::{
        Context, Delivery, Failure, Limits, Message, Notifier, Outbox, OutboxHandle, Reason, Sender, Sending,
        Story, Surroundings, email,
    },
};
use serde::Deserialize;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::words::{duration, name, show, show_news};

/// Who receives mail, and when the server is away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    to: Vec<email::Recipient>,
    #[serde(default)]
    away: Option<Away>,
    /// When the process is killed and starts again, with the outbox it has on disk.
    #[serde(default)]
    killed: Option<String>,
}

#[derive(Deserialize)]
struct Away {
    from: String,
    to: String,
}

struct Nothing;

impl Surroundings for Nothing {
    fn of(&self, _: &Alert) -> Context {
        Context::default()
    }
}

/// A mail server that is away for a while, and writes down what it accepts.
struct Played {
    email: email::Email,
    away: Option<(Instant, Instant)>,
    begun: Instant,
    accepted: Mutex<Vec<String>>,
}

impl Notifier for Played {
    fn integration(&self) -> &'static str {
        self.email.integration()
    }

    fn recipients(&self, notice: &Notice) -> Vec<String> {
        self.email.recipients(notice)
    }

    fn waits_for_quiet_hours(&self) -> bool {
        self.email.waits_for_quiet_hours()
    }

    fn send<'a>(&'a self, messages: &'a [Message]) -> Sending<'a> {
        let now = Instant::now();
        let is_away = self.away.is_some_and(|(from, to)| from <= now && now < to);
        let result = |message: &Message| {
            if is_away {
                return Err(Failure::Transient {
                    reason: Reason::Connect,
                    detail: "away".to_owned(),
                });
            }
            let line = format!("{} {}", show(now - self.begun), line(message));
            self.accepted.lock().expect("no panic").push(line);
            Ok(())
        };
        let results = messages.iter().map(result).collect();
        Box::pin(async move { results })
    }
}

/// The mails that come of these notices until `end`, in the order of their arrival.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn deliver(
    mail: &Mail,
    notices: &[(Duration, Notice)],
    start: Timestamp,
    end: Duration,
) -> Vec<String> {
    tokio::time::pause();
    let begun = Instant::now();
    let clock = Clock::following(start);
    let moment = |text: &str| begun + duration(text);
    let played = Arc::new(Played {
        email: email(mail, clock),
        away: mail
            .away
            .as_ref()
            .map(|away| (moment(&away.from), moment(&away.to))),
        begun,
        accepted: Mutex::default(),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let start = || Running::start(folder.path(), Arc::clone(&played) as Arc<dyn Notifier>, clock);
    let mut running = start();
    let mut killed = mail.killed.as_deref().map(moment);
    for together in notices.chunk_by(|a, b| a.0 == b.0) {
        let at = begun + together[0].0;
        if let Some(killed) = killed.take_if(|killed| *killed < at) {
            sleep_until(killed).await;
            running.task.abort();
            running = start();
        }
        let offered = together.iter().map(|(_, notice)| notice.clone()).collect();
        sleep_until(at).await;
        running.handle.offer(offered).await.expect("is taken");
    }
    sleep_until(begun + end).await;
    running.task.abort();
    let accepted = played.accepted.lock().expect("no panic");
    accepted.clone()
}

/// Delivery of one process.
struct Running {
    handle: OutboxHandle,
    task: JoinHandle<()>,
    /// Delivery stops when it is dropped.
    _stop: watch::Sender<bool>,
}

impl Running {
    fn start(folder: &Path, notifier: Arc<dyn Notifier>, clock: Clock) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(durable::Os);
        let path = folder.join("outbox.jsonl");
        let outbox = Outbox::open(&disk, &path, Limits::default(), clock.now());
        let (delivery, handle) = Delivery::new(outbox, vec![notifier], clock);
        let (stop, stopping) = watch::channel(false);
        Self {
            handle,
            task: tokio::spawn(delivery.run(stopping)),
            _stop: stop,
        }
    }
}

fn email(mail: &Mail, clock: Clock) -> email::Email {
    let config = email::Config {
        server: "127.0.0.1".to_owned(),
        tls: Some(email::Tls::None),
        recipients: mail.to.clone(),
        ..email::Config::default()
    };
    let sender = Sender {
        host: "watcher".to_owned(),
        external_url: String::new(),
        timezone: jiff::tz::TimeZone::UTC,
    };
    email::Email::new(&config, sender, Arc::new(Nothing), clock).expect("can be set up")
}

/// `ann@example.net device_down/nas1: fired high + resolved after 7m peak 0 high`
fn line(message: &Message) -> String {
    let news = |notices: &[Notice]| notices.iter().map(show_news).collect::<Vec<_>>().join(" + ");
    let to = &message.recipient;
    match &message.story {
        Story::One(notices) => {
            let alert = &notices.first().expect("has news").alert;
            format!("{to} {}: {}", name(&alert.rule, &alert.subject), news(notices))
        }
        Story::Digest(notices) => {
            let alerts = notices.iter().map(|notice| &notice.alert);
            let names: Vec<_> = alerts.map(|alert| name(&alert.rule, &alert.subject)).collect();
            format!("{to} DIGEST of {}: {}", names.len(), names.join(", "))
        }
    }
}
