//! The way to one server: its notifier, and when it may be tried again, as a whole and for single recipients.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{error, info, warn};

use super::{
    super::{Failure, Notifier, Reason, Story, outbox::Entry},
    backoff::Backoff,
    flood::Flood,
    parcel::Parcel,
};

/// Most messages of one call, so that what was accepted is written down soon.
const MESSAGES_PER_CALL: usize = 10;

pub(super) type Results = Vec<Result<(), Failure>>;

pub(super) struct Lane {
    pub(super) notifier: Arc<dyn Notifier>,
    /// Whether a call is under way.
    pub(super) is_busy: bool,
    server: Backoff,
    recipients: HashMap<String, Backoff>,
    floods: HashMap<String, Flood>,
}

impl Lane {
    pub(super) fn new(notifier: Arc<dyn Notifier>) -> Self {
        Self {
            notifier,
            is_busy: false,
            server: Backoff::default(),
            recipients: HashMap::new(),
            floods: HashMap::new(),
        }
    }

    /// Whether it can take a call now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        !self.is_busy && self.server.waits_until(now).is_none()
    }

    /// Whether this entry goes this way, now or later.
    pub(super) fn carries(&self, entry: &Entry) -> bool {
        entry.key.integration == self.notifier.integration()
            && self
                .notifier
                .recipients(&entry.notice)
                .iter()
                .any(|to| *to == entry.key.recipient)
    }

    /// Whether this recipient may be tried now.
    pub(super) fn reaches(&self, recipient: &str, now: Instant) -> bool {
        let backoff = self.recipients.get(recipient);
        backoff.is_none_or(|backoff| backoff.waits_until(now).is_none())
    }

    /// How many messages a call may have: a server that failed is tried with one.
    pub(super) fn room(&self) -> usize {
        if self.server.failures() > 0 {
            1
        } else {
            MESSAGES_PER_CALL
        }
    }

    /// What this recipient was told lately.
    pub(super) fn flood(&mut self, recipient: &str) -> &mut Flood {
        self.floods.entry(recipient.to_owned()).or_default()
    }

    /// Lets the server be tried at once, with all there is.
    pub(super) fn end_waits(&mut self) {
        self.server.end_wait();
        self.floods.clear();
    }

    /// Ends of the waits that last.
    pub(super) fn waits(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let floods = self.floods.values();
        let backoffs = self.recipients.values().chain([&self.server]);
        backoffs
            .filter_map(move |backoff| backoff.waits_until(now))
            .chain(floods.filter_map(move |flood| flood.waits_until(now)))
    }

    /// Takes in what became of a call.
    pub(super) fn learn(&mut self, parcels: &[Parcel], results: &Results, now: Instant) {
        let mut server_failure = None;
        for (parcel, result) in parcels.iter().zip(results) {
            let recipient = &parcel.message.recipient;
            match result {
                Ok(()) => {
                    match parcel.message.story {
                        Story::One(_) => self.flood(recipient).told_one(now),
                        Story::Digest(_) => self.flood(recipient).told_many(now),
                    }
                    self.recipients.remove(recipient);
                    self.recover();
                }
                Err(Failure::Permanent { reason, detail }) => {
                    self.recipients.remove(recipient);
                    error!(
                        integration = self.notifier.integration(),
                        recipient = shown(recipient),
                        reason = reason.name(),
                        detail,
                        notices = parcel.keys.len(),
                        "a notification was refused for good"
                    );
                }
                Err(Failure::Transient {
                    reason: Reason::Rejected,
                    detail,
                }) => self.refuse(recipient, detail, now),
                Err(failure @ Failure::Transient { .. }) => server_failure = Some(failure),
            }
        }
        if let Some(failure) = server_failure {
            self.fail(failure, now);
        } else {
            // Someone answered, whatever the answer was.
            self.recover();
        }
    }

    fn recover(&mut self) {
        if self.server.failures() > 0 {
            info!(
                integration = self.notifier.integration(),
                attempts = self.server.failures(),
                "notifications get through again"
            );
        }
        self.server = Backoff::default();
    }

    fn fail(&mut self, failure: &Failure, now: Instant) {
        if self.server.failures() == 0 {
            warn!(
                integration = self.notifier.integration(), error = %failure,
                "notifications do not get through and are tried again"
            );
        }
        self.server.fail(now);
    }

    fn refuse(&mut self, recipient: &str, detail: &str, now: Instant) {
        let backoff = self.recipients.entry(recipient.to_owned()).or_default();
        if backoff.failures() == 0 {
            warn!(
                integration = self.notifier.integration(),
                recipient = shown(recipient),
                detail,
                "a notification was refused for now and is tried again"
            );
        }
        backoff.fail(now);
    }
}

/// One result per message, whatever came back.
pub(super) fn complete(mut results: Results, messages: usize) -> Results {
    results.resize(
        messages,
        Err(Failure::Transient {
            reason: Reason::Other,
            detail: "nothing is known about this message".to_owned(),
        }),
    );
    results
}

/// How long a call with so many messages may take before it is cut off.
pub(super) fn longest(messages: usize) -> Duration {
    // Longer than any notifier takes by its own limits.
    Duration::from_secs(600 + 30 * messages as u64)
}

/// A recipient as logs may show it: of an address in the web, which often holds a token, only the host.
fn shown(recipient: &str) -> String {
    if recipient.contains("://") {
        let uri = recipient.parse::<http::Uri>().ok();
        uri.and_then(|uri| uri.host().map(str::to_owned))
            .unwrap_or_default()
    } else {
        recipient.to_owned()
    }
}
