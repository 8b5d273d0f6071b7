//! From the outbox to people: gathers what comes in a storm, collapses it, sends it over each integration on its
//! own, and alone decides when to try again. One task; every wait in it is bounded.

mod backoff;
mod flood;
mod gate;
mod gather;
mod handle;
mod lane;
mod parcel;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinError, JoinSet},
};
use tracing::{error, info, warn};

use self::{
    flood::{Due, Manner},
    gate::{Sifted, sift},
    gather::{Gather, Size},
    handle::Command,
    lane::{Lane, Results, complete, longest},
    parcel::{Parcel, Pile, piles},
};
pub use self::{
    gate::{Asking, Gate},
    handle::OutboxHandle,
};
use super::{
    Failure, Message, Notifier, Reason,
    metrics::Metrics,
    outbox::{Entry, Error, Key, Outbox, Why},
};
use crate::{
    alerts::AlertId,
    clock::{Clock, Now},
};

/// More alerts of one recipient than this, at once or within a minute, are told together.
const DIGEST_ABOVE: usize = 10;
/// Offers that may wait to be taken; more wait in their callers, with a limit.
const OFFERS: usize = 64;
/// The wall clock is looked at this often, as it may jump.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How long a stop waits for a last try.
const GRACE: Duration = Duration::from_secs(5);

/// The task that delivers.
pub struct Delivery {
    outbox: Arc<Mutex<Outbox>>,
    metrics: Arc<Metrics>,
    clock: Clock,
    digest_above: usize,
    lanes: Vec<Lane>,
    /// Asked before anything is told.
    gate: Option<Arc<dyn Gate>>,
    /// Calls under way.
    calls: JoinSet<Called>,
    flights: HashMap<Id, Flight>,
    gather: Gather,
    commands: mpsc::Receiver<Command>,
}

/// What a call was about and what became of it.
struct Called {
    /// Of every parcel, the alerts that were left out.
    left_out: Vec<HashSet<AlertId>>,
    /// Of every message that was left; `None` when the call took too long.
    results: Option<Results>,
}

/// A call under way.
struct Flight {
    notifier: Arc<dyn Notifier>,
    parcels: Vec<Parcel>,
    begun: Instant,
}

impl Delivery {
    /// Delivery of what is and comes into `outbox`, over these notifiers. Those that reach different servers should
    /// be different notifiers: each has a back-off of its own.
    #[must_use]
    pub fn new(outbox: Outbox, notifiers: Vec<Arc<dyn Notifier>>, clock: Clock) -> (Self, OutboxHandle) {
        let (sender, commands) = mpsc::channel(OFFERS);
        let metrics = outbox.metrics();
        let handle = OutboxHandle {
            commands: sender,
            metrics: Arc::clone(&metrics),
        };
        let delivery = Self {
            outbox: Arc::new(Mutex::new(outbox)),
            metrics,
            clock,
            digest_above: DIGEST_ABOVE,
            lanes: notifiers.into_iter().map(Lane::new).collect(),
            gate: None,
            calls: JoinSet::new(),
            flights: HashMap::new(),
            gather: Gather::default(),
            commands,
        };
        (delivery, handle)
    }

    /// Tells more than this many alerts of one recipient, at once or within a minute, together.
    #[must_use]
    pub fn digest_above(mut self, alerts: usize) -> Self {
        self.digest_above = alerts;
        self
    }

    /// Asks this before anything is told.
    #[must_use]
    pub fn asking(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Delivers until `stop` becomes true, then gives what waits one last try of a few seconds.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.drop_strangers().await;
        loop {
            self.expire().await;
            // One moment for both: what still waits for the one has to wake the other.
            let now = self.clock.now();
            self.launch(now);
            let wake = tokio::time::Instant::from_std(self.next_wake(now));
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(joined) = self.calls.join_next_with_id() => self.land(joined).await,
                Some(command) = self.commands.recv() => self.take(command).await,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        self.finish().await;
    }

    async fn finish(&mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            self.take(command).await;
        }
        self.gather.end();
        self.lanes.iter_mut().for_each(Lane::end_waits);
        let last_try = async {
            self.launch(self.clock.now());
            while let Some(joined) = self.calls.join_next_with_id().await {
                self.land(joined).await;
                self.launch(self.clock.now());
            }
        };
        let in_time = tokio::time::timeout(GRACE, last_try).await.is_ok();
        // A disk that hangs may still hold it.
        let waiting = self.outbox.try_lock().map(|outbox| outbox.entries().count());
        if let Ok(waiting @ 1..) = waiting {
            info!(waiting, in_time, "delivery stops before everything was told");
        }
    }

    async fn take(&mut self, command: Command) {
        match command {
            Command::Offer { notices, reply } => {
                let notifiers: Vec<_> = self.lanes.iter().map(|lane| Arc::clone(&lane.notifier)).collect();
                let now = self.clock.now();
                let size = Size::of(notices.len(), self.digest_above);
                let work = move |outbox: &mut Outbox| outbox.offer(&notices, &notifiers, now);
                let offered = self.on_disk(work).await.unwrap_or(Err(Error::NotTaken));
                self.gather.take(size, now.instant);
                // Nobody may be waiting for it any more.
                let _ = reply.send(offered);
            }
            Command::Notifiers(notifiers) => {
                self.lanes = notifiers.into_iter().map(Lane::new).collect();
                self.drop_strangers().await;
            }
        }
    }

    /// Gives up what waits for recipients that an integration no longer has.
    async fn drop_strangers(&mut self) {
        let of: Vec<Key> = {
            let outbox = self.outbox();
            let is_stranger = |entry: &&Entry| {
                let mut lanes = self.lanes.iter();
                let has_integration = lanes.any(|lane| entry.key.integration == lane.notifier.integration());
                has_integration && !self.lanes.iter().any(|lane| lane.carries(entry))
            };
            let strangers = outbox.entries().filter(is_stranger);
            strangers.map(|entry| entry.key.clone()).collect()
        };
        if !of.is_empty() {
            let now = self.clock.now();
            warn!(
                entries = of.len(),
                "notifications wait for recipients that are no longer configured and are given up"
            );
            self.on_disk(move |outbox| outbox.give_up(of, Why::NoRecipient, now))
                .await;
        }
    }

    async fn expire(&mut self) {
        let now = self.clock.now();
        let is_due = self.outbox().entries().any(|entry| entry.expires <= now.instant);
        if is_due {
            self.on_disk(move |outbox| outbox.expire(now)).await;
        }
    }

    /// Begins a call on every lane that is free and has something due.
    fn launch(&mut self, now: Now) {
        if self.gather.waits_until(now.instant).is_some() {
            return;
        }
        for place in 0..self.lanes.len() {
            let parcels = self.due(place, now);
            if parcels.is_empty() {
                continue;
            }
            let Some(lane) = self.lanes.get_mut(place) else {
                continue;
            };
            lane.is_busy = true;
            let notifier = Arc::clone(&lane.notifier);
            self.begin(notifier, parcels, now);
        }
    }

    /// What the lane may send now, of each recipient the oldest first.
    fn due(&mut self, place: usize, now: Now) -> Vec<Parcel> {
        let lanes = self.lanes.get_mut(place);
        let Some(lane) = lanes.filter(|lane| lane.is_open(now.instant)) else {
            return Vec::new();
        };
        let flying: HashSet<&Key> = self
            .flights
            .values()
            .flat_map(|flight| &flight.parcels)
            .flat_map(|parcel| &parcel.keys)
            .collect();
        let outbox = lock(&self.outbox);
        let entries = outbox.entries().filter(|entry| {
            !flying.contains(&entry.key)
                && lane.reaches(&entry.key.recipient, now.instant)
                && lane.carries(entry)
        });
        let piles = piles(entries);
        let collapsed = |pile: Pile<'_>| {
            let due = Due {
                alerts: pile.alerts(),
                has_critical: pile.has_critical(),
                most: self.digest_above,
            };
            match lane.flood(pile.recipient).manner(due, now.instant) {
                Manner::Singly(most) => pile.singly(most),
                Manner::Together => pile.together().into_iter().collect(),
                Manner::Later => Vec::new(),
            }
        };
        let mut parcels: Vec<Parcel> = piles.into_iter().flat_map(collapsed).collect();
        // What was tried least goes first: one message on which the server hangs must not keep the others waiting.
        parcels.sort_by_key(|parcel| parcel.attempts);
        parcels.truncate(lane.room());
        parcels
    }

    fn begin(&mut self, notifier: Arc<dyn Notifier>, parcels: Vec<Parcel>, now: Now) {
        let untold: Vec<HashSet<AlertId>> = {
            let mut outbox = self.outbox();
            for parcel in &parcels {
                outbox.attempt(&parcel.keys);
            }
            parcels.iter().map(|parcel| outbox.untold(&parcel.keys)).collect()
        };
        let messages: Vec<Message> = parcels.iter().map(|parcel| parcel.message.clone()).collect();
        let retries: Vec<bool> = parcels.iter().map(|parcel| parcel.is_retry).collect();
        let (sender, gate, metrics) = (
            Arc::clone(&notifier),
            self.gate.clone(),
            Arc::clone(&self.metrics),
        );
        let call = self.calls.spawn(async move {
            let Sifted {
                messages,
                left,
                left_out,
            } = sift(gate.as_deref(), messages, untold).await;
            for is_retry in left.into_iter().filter_map(|place| retries.get(place)) {
                if *is_retry {
                    metrics.retried(sender.integration());
                } else {
                    metrics.attempted(sender.integration());
                }
            }
            let sending = sender.send(&messages);
            let results = tokio::time::timeout(longest(messages.len()), sending).await.ok();
            Called { left_out, results }
        });
        let flight = Flight {
            notifier,
            parcels,
            begun: now.instant,
        };
        self.flights.insert(call.id(), flight);
    }

    /// Takes in what became of a call, and writes it down.
    async fn land(&mut self, joined: Result<(Id, Called), JoinError>) {
        let (id, left_out, results) = match joined {
            Ok((id, Called { left_out, results })) => (id, left_out, Ok(results)),
            Err(error) => (error.id(), Vec::new(), Err(error)),
        };
        let Some(mut flight) = self.flights.remove(&id) else {
            return;
        };
        let now = self.clock.now();
        let withheld = flight.withhold(&left_out);
        let count = flight.parcels.len();
        let results = match results {
            Ok(Some(results)) => complete(results, count),
            Ok(None) => vec![cut_off(); count],
            Err(error) => vec![panicked(&error, count); count],
        };
        self.measure(&flight, &results, now);
        let lane = self
            .lanes
            .iter_mut()
            .find(|lane| Arc::ptr_eq(&lane.notifier, &flight.notifier));
        if let Some(lane) = lane {
            lane.is_busy = false;
            if count > 0 {
                lane.learn(&flight.parcels, &results, now.instant);
            }
        }
        let keys = flight.parcels.into_iter().map(|parcel| parcel.keys);
        let outcome: Vec<_> = keys.zip(results).collect();
        self.on_disk(move |outbox| {
            outbox.withhold(withheld, now);
            outbox.record(outcome, now);
        })
        .await;
    }

    fn measure(&self, flight: &Flight, results: &Results, now: Now) {
        let integration = flight.notifier.integration();
        let messages = u32::try_from(results.len()).unwrap_or(u32::MAX).max(1);
        let took = now.instant.saturating_duration_since(flight.begun) / messages;
        for result in results {
            match result {
                Ok(()) => self.metrics.delivered(integration, took, now),
                Err(Failure::Permanent { reason, .. }) => self.metrics.failed(integration, *reason),
                Err(Failure::Transient { .. }) => {}
            }
        }
    }

    /// When something may have to be done next.
    fn next_wake(&self, now: Now) -> Instant {
        let latest = now.instant + LONGEST_SLEEP;
        let outbox = self.outbox();
        let expiries = outbox.entries().map(|entry| entry.expires);
        let lanes = self.lanes.iter().flat_map(|lane| lane.waits(now.instant));
        let all = expiries.chain(lanes).chain(self.gather.waits_until(now.instant));
        all.min().map_or(latest, |first| first.min(latest))
    }

    /// Does `work` on a thread for blocking work.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Outbox) -> T + Send + 'static,
    ) -> Option<T> {
        let outbox = Arc::clone(&self.outbox);
        let done = tokio::task::spawn_blocking(move || work(&mut lock(&outbox))).await;
        if let Err(error) = &done {
            error!(%error, "the outbox could not be used");
        }
        done.ok()
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }
}

impl Flight {
    /// Takes out what was left out of each parcel.
    fn withhold(&mut self, left_out: &[HashSet<AlertId>]) -> Vec<Key> {
        let mut withheld = Vec::new();
        for (parcel, alerts) in self.parcels.iter_mut().zip(left_out) {
            if !alerts.is_empty() {
                let (out, left) = parcel
                    .keys
                    .drain(..)
                    .partition(|key| alerts.contains(key.alert()));
                withheld.extend::<Vec<Key>>(out);
                parcel.keys = left;
            }
        }
        self.parcels.retain(|parcel| !parcel.keys.is_empty());
        withheld
    }
}

/// Returns when `stop` fires.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which stops us too.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

fn lock(outbox: &Mutex<Outbox>) -> MutexGuard<'_, Outbox> {
    outbox.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cut_off() -> Result<(), Failure> {
    Err(Failure::Transient {
        reason: Reason::Timeout,
        detail: "no answer within the time limit".to_owned(),
    })
}

/// A message whose sending panics alone will always panic; of several, it is not known which one it was.
fn panicked(error: &JoinError, messages: usize) -> Result<(), Failure> {
    let (reason, detail) = (Reason::Other, format!("sending panicked: {error}"));
    Err(if messages == 1 {
        Failure::Permanent { reason, detail }
    } else {
        Failure::Transient { reason, detail }
    })
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;

#[cfg(test)]
mod gate_tests;
