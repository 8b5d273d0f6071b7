//! Notices, and a notifier that does as it is told, for tests.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::{Failure, Message, Notifier, Reason, Sending, Story};
use crate::{
    alerts::{Alert, Audience, News, Notice, Peak, State},
    rules::{Direction, Severity},
    sample::SubjectKind,
};

pub(super) fn origin() -> Timestamp {
    "2026-03-01T14:00:00Z".parse().expect("a time")
}

/// The `number`th notice of an alert.
pub(super) fn notice(alert: &str, number: u32, news: News) -> Notice {
    let at = origin();
    let resolved_at = (news == News::Resolved).then(|| at + jiff::SignedDuration::from_mins(7));
    Notice {
        id: format_smolstr!("{alert}.{number}"),
        news,
        at,
        quiet_until: None,
        audience: Audience::Everyone,
        alert: Alert {
            id: alert.into(),
            rule: "cpu".into(),
            subject: SmolStr::default(),
            kind: SubjectKind::Host,
            signal: "cpu_usage_ratio".into(),
            title: "CPU usage".into(),
            severity: Severity::High,
            worst: Severity::High,
            state: if resolved_at.is_some() {
                State::Resolved
            } else {
                State::Firing
            },
            since: at,
            fired_at: Some(at),
            resolved_at,
            ending: None,
            value: 0.93,
            threshold: 0.9,
            when: Direction::Above,
            peak: Peak { value: 0.97, at },
            behind: 0,
            explanation: "CPU usage is 93.0 %, above 90 % for 10 min".to_owned(),
            unknown: None,
            acknowledgement: None,
        },
    }
}

/// What a server does with a message.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Accept,
    /// The message arrives, but the answer never does.
    AcceptAndHang,
    Hang,
    Panic,
    Fail(Failure),
}

pub(super) fn transient(reason: Reason) -> Answer {
    Answer::Fail(Failure::Transient {
        reason,
        detail: "away".to_owned(),
    })
}

pub(super) fn permanent() -> Answer {
    Answer::Fail(Failure::Permanent {
        reason: Reason::Rejected,
        detail: "550 no such user".to_owned(),
    })
}

type Decide = Box<dyn FnMut(&Message) -> Answer + Send>;

/// A notifier whose server is played by a closure.
pub(super) struct Fake {
    integration: &'static str,
    recipients: Vec<String>,
    decide: Mutex<Decide>,
    accepted: Mutex<VecDeque<Message>>,
    calls: Mutex<Vec<usize>>,
}

impl Fake {
    pub(super) fn new(integration: &'static str, recipients: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            integration,
            recipients: recipients.iter().map(|&to| to.to_owned()).collect(),
            decide: Mutex::new(Box::new(|_| Answer::Accept)),
            accepted: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    /// From now on the server answers like this.
    pub(super) fn answer(&self, decide: impl FnMut(&Message) -> Answer + Send + 'static) {
        *self.decide.lock().expect("no panic") = Box::new(decide);
    }

    /// What arrived since the last time.
    pub(super) fn arrived(&self) -> Vec<Message> {
        self.accepted.lock().expect("no panic").drain(..).collect()
    }

    /// How many messages each call had.
    pub(super) fn calls(&self) -> Vec<usize> {
        self.calls.lock().expect("no panic").clone()
    }

    fn accept(&self, message: &Message) {
        self.accepted.lock().expect("no panic").push_back(message.clone());
    }

    async fn send_all(&self, messages: &[Message]) -> Vec<Result<(), Failure>> {
        self.calls.lock().expect("no panic").push(messages.len());
        let mut results = Vec::new();
        for message in messages {
            let answer = (self.decide.lock().expect("no panic"))(message);
            results.push(match answer {
                Answer::Accept => {
                    self.accept(message);
                    Ok(())
                }
                Answer::AcceptAndHang => {
                    self.accept(message);
                    pending().await
                }
                Answer::Hang => pending().await,
                Answer::Panic => panic!("on purpose"),
                Answer::Fail(failure) => Err(failure),
            });
        }
        results
    }
}

impl Notifier for Fake {
    fn integration(&self) -> &'static str {
        self.integration
    }

    fn recipients(&self, _: &Notice) -> Vec<String> {
        self.recipients.clone()
    }

    fn waits_for_quiet_hours(&self) -> bool {
        self.integration == "email"
    }

    fn send<'a>(&'a self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(self.send_all(messages))
    }
}

/// Ids of the notices of a story.
pub(super) fn told(message: &Message) -> Vec<&str> {
    let (Story::One(notices) | Story::Digest(notices)) = &message.story;
    notices.iter().map(|notice| notice.id.as_str()).collect()
}
