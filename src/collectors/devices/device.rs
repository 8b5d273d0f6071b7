//! One watched device: what is configured about it, where it is, how it fares and what its probes add up to.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use smol_str::SmolStr;
use tracing::{debug, info, warn};

use super::{
    account::{Account, Timed},
    config::{Check, Target},
    options::{self, Options},
    probe::{
        DeviceId, Event, IcmpVersion, Method, Miss, Order, Outcome, ProbeId, Standing, Unsent, UnsentReason,
        What,
    },
    schedule::{self, Plan, Silence, Step, Turn},
    state::{Cause, Limits, Machine, Way},
    status::Status,
};
use crate::clock::Now;

/// What is configured about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) name: SmolStr,
    pub(super) group: SmolStr,
    /// As configured; of the default gateway its present address.
    pub(super) address: SmolStr,
    /// `None` where nothing is said of them.
    pub(super) parents: Option<Box<[SmolStr]>>,
    pub(super) check: Check,
    pub(super) port: u16,
    /// The only IP version it is asked over, if it matters.
    pub(super) version: Option<IcmpVersion>,
    /// What most devices do without.
    options: Option<Box<Options>>,
    pub(super) paused: bool,
}

impl Spec {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            name: target.display_name().into(),
            group: target.group.as_str().into(),
            address: target.address.as_str().into(),
            parents: target
                .parents
                .as_ref()
                .map(|names| names.iter().map(SmolStr::new).collect()),
            check: target.check,
            port: target.port.unwrap_or_default(),
            version: options::version(target.ip, &target.ping),
            options: target.ping.options().map(Box::new),
            paused: target.paused,
        }
    }

    /// An address that stands for the world outside.
    pub(super) fn anchor(address: &str) -> Self {
        Self::of(&Target::new(address))
    }

    /// Names of its parents that are written.
    pub(super) fn parents(&self) -> &[SmolStr] {
        self.parents.as_deref().unwrap_or_default()
    }

    /// Whether the accumulated counters of `other` go on with this one.
    pub(super) fn continues(&self, other: &Self) -> bool {
        (&self.name, &self.address, self.check, self.port, self.version)
            == (
                &other.name,
                &other.address,
                other.check,
                other.port,
                other.version,
            )
    }

    fn method(&self) -> Method {
        match self.check {
            Check::Tcp => Method::Connect,
            Check::Icmp | Check::IcmpThenTcp => Method::Echo,
        }
    }
}

/// Where the address of a device comes from.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Given.
    Fixed(SocketAddr),
    /// Looked up. Boxed, as most devices are given by address and there may be very many.
    Named(Box<Named>),
}

/// What is known of a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// The last address that was found.
    pub(super) found: Option<SocketAddr>,
    /// Why there is none.
    pub(super) error: String,
    /// Whether a lookup has ever ended.
    pub(super) tried: bool,
    /// Lookups that failed since the last one that did not.
    pub(super) failures: u32,
}

/// How far ahead an unasked question is looked at again while its name is being looked up.
const LOOKUP_PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: DeviceId,
    /// Stands for the world outside: asked, and not shown.
    pub(super) is_anchor: bool,
    pub(super) spec: Spec,
    pub(super) place: Place,
    pub(super) machine: Machine,
    pub(super) account: Account,
    pub(super) turn: Turn,
    /// The status that the log has.
    told: Status,
    /// Whether it was reachable when that was last certain.
    reported: Option<bool>,
    next_number: u64,
    last_asked: Option<Instant>,
    /// When its name last led to another address than before.
    moved: Option<Instant>,
    /// The first probe after the last one that was answered.
    first_unanswered: u64,
    /// Probes before this one were sent in an outage that is over: that they were missed says nothing any more.
    first_valid: u64,
    /// Probes of a check by TCP that have not ended, and when each must have ended.
    under_way: BTreeMap<u64, Instant>,
    last_end: Instant,
}

/// What news about a probe leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FollowUp {
    Nothing,
    /// The other way to ask is tried before the probe counts as missed.
    Ask(Order),
}

impl Device {
    pub(super) fn new(id: DeviceId, spec: Spec, first: Instant, now: Now) -> Self {
        let place = match spec.address.parse::<IpAddr>() {
            Ok(ip) => Place::Fixed(SocketAddr::new(ip, 0)),
            Err(_) => Place::Named(Box::default()),
        };
        Self {
            id,
            is_anchor: false,
            spec,
            place,
            machine: Machine::new(now),
            account: Account::default(),
            turn: Turn::new(first),
            told: Status::Unknown,
            reported: None,
            next_number: 0,
            last_asked: None,
            moved: None,
            first_unanswered: 0,
            first_valid: 0,
            under_way: BTreeMap::new(),
            last_end: now.instant,
        }
    }

    /// The present address, if there is one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Fixed(address) => Some(*address),
            Place::Named(named) => named.found,
        }
    }

    /// Takes the device's turn: an order if it is to be asked and can be.
    pub(super) fn step(&mut self, plan: &Plan, limits: &Limits, now: Now) -> Option<Order> {
        if matches!(&self.place, Place::Named(named) if named.found.is_none() && !named.tried) {
            self.machine.forget(Cause::LookingUp, now);
            self.turn.postpone(now.instant + LOOKUP_PAUSE);
            return None;
        }
        let silence = Silence {
            unanswered: self.next_number - self.first_unanswered,
            down: self.machine.is_settled(),
        };
        if self.turn.step(self.id, plan, silence, now.instant) == Step::Wait {
            return None;
        }
        let Some(to) = self.address() else {
            self.unresolved(limits, now);
            return None;
        };
        if self.is_crowded(plan, now.instant) {
            return None;
        }
        let id = ProbeId {
            device: self.id,
            number: self.next_number,
        };
        self.next_number += 1;
        self.last_asked = Some(now.instant);
        Some(self.order(id, to, self.spec.method(), plan))
    }

    /// Whether a check by TCP must wait for its earlier probes: they take descriptors and places that others need
    /// as well. Otherwise one more is under way from now on.
    fn is_crowded(&mut self, plan: &Plan, now: Instant) -> bool {
        if self.spec.check == Check::Icmp {
            return false;
        }
        // The end of a probe may be lost with the thread that awaited it.
        self.under_way.retain(|_, end| *end > now);
        if self.under_way.len() >= plan.probes.max(plan.failures) as usize {
            return true;
        }
        self.under_way.insert(self.next_number, now + plan.timeout * 2);
        false
    }

    /// Takes news about one of its probes into account.
    pub(super) fn record(&mut self, event: &Event, plan: &Plan, limits: &Limits, now: Now) -> FollowUp {
        let follow_up = match (self.spec.check, &event.what) {
            // This check asks for the host, and a refusal shows that it is there.
            (Check::IcmpThenTcp, What::Ended(Outcome::Missed(Miss::Refused(answer)))) => {
                let what = What::Ended(Outcome::Answered(*answer));
                let event = Event {
                    id: event.id,
                    method: event.method,
                    what,
                };
                self.take_in(&event, plan, limits, now)
            }
            _ => self.take_in(event, plan, limits, now),
        };
        self.tell();
        follow_up
    }

    fn take_in(&mut self, event: &Event, plan: &Plan, limits: &Limits, now: Now) -> FollowUp {
        let method = event.method;
        if let (What::Ended(outcome), Method::Echo, Check::IcmpThenTcp, Some(to)) =
            (&event.what, method, self.spec.check, self.address())
            && leaves_a_way(outcome)
        {
            return FollowUp::Ask(self.order(event.id, to, Method::Connect, plan));
        }
        self.account
            .record(&event.what, Timed::of(method, self.spec.method()), now);
        if let What::Ended(outcome) = &event.what {
            self.under_way.remove(&event.id.number);
            self.judge(event.id.number, outcome, limits, now);
        }
        FollowUp::Nothing
    }

    /// Whether it is reachable, if that has changed since the last call. To be reachable at first is no news.
    pub(super) fn take_news(&mut self) -> Option<bool> {
        let is_up = self.machine.status().is_up()?;
        let before = self.reported.replace(is_up).unwrap_or(true);
        (before != is_up).then_some(is_up)
    }

    /// Asks soon, though not within a second of the last question. The new time of its turn.
    pub(super) fn hasten(&mut self, from: Instant) -> Instant {
        self.turn.hasten(schedule::out_of_turn(self.last_asked, from));
        self.turn.next()
    }

    /// The way to it is open again: what was asked before says nothing about it.
    pub(super) fn begin_afresh(&mut self) {
        self.machine.begin_afresh();
        (self.first_unanswered, self.first_valid) = (self.next_number, self.next_number);
    }

    /// It was found at another address: that the old one keeps silent says nothing about it. Not twice without an answer
    /// in between, or a name that leads here and there in turn would never be down. Tells whether that is so.
    pub(super) fn has_moved(&mut self, now: Instant) -> bool {
        let answered = self.account.last_success.map(|at| at.instant);
        let is_first = self
            .moved
            .is_none_or(|moved| answered.is_some_and(|at| at > moved));
        if is_first {
            self.begin_afresh();
            self.moved = Some(now);
        }
        is_first
    }

    /// Our own way out is gone, which is not its fault.
    pub(super) fn lose_uplink(&mut self, now: Now) {
        self.machine.forget(Cause::Uplink, now);
        (self.first_unanswered, self.first_valid) = (self.next_number, self.next_number);
        self.tell();
    }

    /// What is known of the way to it, while it keeps silent.
    pub(super) fn found_way(&mut self, way: Way, limits: &Limits, now: Now) {
        self.machine.found_way(way, limits, now);
        self.tell();
    }

    /// Gives up the last status when no probe has ended for three intervals.
    pub(super) fn age(&mut self, plan: &Plan, now: Now) {
        let silent = now.instant.saturating_duration_since(self.last_end);
        let is_held = !matches!(self.machine.status(), Status::Unknown | Status::Paused);
        if is_held && silent > plan.interval * 3 + plan.timeout * 2 {
            self.machine.forget(Cause::Silent, now);
            self.tell();
        }
    }

    /// Logs a status that is new. The first one is no news unless something is wrong.
    fn tell(&mut self) {
        let (from, to) = (self.told, self.machine.status());
        if from == to {
            return;
        }
        self.told = to;
        let device = self.spec.name.as_str();
        let (was, is, reason) = (from.name(), to.name(), self.machine.cause().to_string());
        match (from, to) {
            (_, Status::Paused) => info!(device, from = was, to = is, "device status"),
            (Status::Unknown, Status::Up) => debug!(device, from = was, to = is, "device status"),
            (_, Status::Up) => info!(device, from = was, to = is, "device status"),
            _ => warn!(device, from = was, to = is, reason, "device status"),
        }
    }

    /// Nothing is asked any more: what is known grows old, and what is under way counts no more.
    pub(super) fn rest(&mut self, now: Now) {
        self.machine.forget(Cause::Disabled, now);
        self.told = Status::Unknown;
        self.stop_asking();
    }

    /// It is left alone from now on.
    pub(super) fn pause(&mut self, now: Now) {
        self.machine.pause(now);
        self.tell();
        self.stop_asking();
    }

    /// It is asked again, from `first` on.
    pub(super) fn go_on(&mut self, first: Instant, now: Now) {
        self.machine.forget(Cause::NotProbedYet, now);
        (self.told, self.last_end) = (Status::Unknown, now.instant);
        self.turn = Turn::new(first);
    }

    fn stop_asking(&mut self) {
        self.reported = None;
        (self.first_unanswered, self.first_valid) = (self.next_number, self.next_number);
        self.under_way.clear();
    }

    fn judge(&mut self, number: u64, outcome: &Outcome, limits: &Limits, now: Now) {
        self.last_end = now.instant;
        match outcome {
            Outcome::Missed(_) if number < self.first_valid => return,
            Outcome::Missed(_) if number < self.first_unanswered => {
                self.machine.missed_before_answer(limits, now);
                return;
            }
            Outcome::Answered(_) => {
                self.first_unanswered = self.first_unanswered.max(number + 1);
                if self.machine.is_in_outage() {
                    self.first_valid = self.first_valid.max(number);
                }
            }
            Outcome::Unsent(_) => self.first_unanswered = self.next_number,
            Outcome::Missed(_) => {}
        }
        self.machine.apply(outcome, limits, now);
    }

    fn unresolved(&mut self, limits: &Limits, now: Now) {
        let detail = match &self.place {
            Place::Named(named) => named.error.clone(),
            Place::Fixed(_) => String::new(),
        };
        let outcome = Outcome::Unsent(Unsent {
            reason: UnsentReason::Resolve,
            detail,
        });
        self.account.record(&What::Ended(outcome.clone()), Timed::No, now);
        self.judge(self.next_number, &outcome, limits, now);
        self.tell();
    }

    fn order(&self, id: ProbeId, mut to: SocketAddr, method: Method, plan: &Plan) -> Order {
        to.set_port(match method {
            Method::Echo => 0,
            Method::Connect => self.spec.port,
        });
        let timeout = match self.spec.check {
            Check::IcmpThenTcp => plan.timeout / 2,
            Check::Icmp | Check::Tcp => plan.timeout,
        };
        let standing = if self.machine.is_silent() {
            Standing::Silent
        } else {
            Standing::Clear
        };
        Order {
            id,
            to,
            method,
            timeout,
            standing,
            afresh: id.number > self.first_unanswered,
            options: self.spec.options.as_deref().copied(),
        }
    }
}

/// Whether a connection may succeed where an echo request ended like this.
fn leaves_a_way(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Missed(_) => true,
        Outcome::Answered(_) => false,
        Outcome::Unsent(unsent) => {
            matches!(unsent.reason, UnsentReason::Permission | UnsentReason::Send)
        }
    }
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
