//! One watched device: what is configured about it, where it is, how it fares and what its probes add up to.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use smol_str::SmolStr;

use super::{
    account::{Account, Timed},
    config::{Check, Target},
    probe::{DeviceId, Event, Method, Order, Outcome, ProbeId, Unsent, UnsentReason, What},
    schedule::{Plan, Silence, Step, Turn},
    state::{Cause, Limits, Machine, Status},
};
use crate::clock::Now;

/// What is configured about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) name: SmolStr,
    pub(super) group: SmolStr,
    /// As configured; of the default gateway its present address.
    pub(super) address: SmolStr,
    pub(super) parents: SmolStr,
    pub(super) check: Check,
    pub(super) port: u16,
}

impl Spec {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            name: target.display_name().into(),
            group: target.group.as_str().into(),
            address: target.address.as_str().into(),
            parents: target.parents.join(",").into(),
            check: target.check,
            port: target.port.unwrap_or_default(),
        }
    }

    /// Whether the accumulated counters of `other` go on with this one.
    pub(super) fn continues(&self, other: &Self) -> bool {
        (&self.name, &self.address, self.check, self.port)
            == (&other.name, &other.address, other.check, other.port)
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
    /// Looked up.
    Named {
        /// The last address that was found.
        found: Option<SocketAddr>,
        /// Why there is none.
        error: String,
        /// Whether a lookup has ever ended.
        tried: bool,
    },
}

/// How far ahead an unasked question is looked at again while its name is being looked up.
const LOOKUP_PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) spec: Spec,
    pub(super) place: Place,
    pub(super) machine: Machine,
    pub(super) account: Account,
    pub(super) turn: Turn,
    next_number: u64,
    /// The first probe after the last one that was answered.
    first_unanswered: u64,
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
            Err(_) => Place::Named {
                found: None,
                error: String::new(),
                tried: false,
            },
        };
        Self {
            id,
            spec,
            place,
            machine: Machine::new(now),
            account: Account::default(),
            turn: Turn::new(first),
            next_number: 0,
            first_unanswered: 0,
            last_end: now.instant,
        }
    }

    /// The present address, if there is one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self.place {
            Place::Fixed(address) => Some(address),
            Place::Named { found, .. } => found,
        }
    }

    /// Takes the device's turn: an order if it is to be asked and can be.
    pub(super) fn step(&mut self, plan: &Plan, limits: &Limits, now: Now) -> Option<Order> {
        if matches!(
            self.place,
            Place::Named {
                found: None,
                tried: false,
                ..
            }
        ) {
            self.machine.forget(Cause::LookingUp, now);
            self.turn.postpone(now.instant + LOOKUP_PAUSE);
            return None;
        }
        let silence = Silence {
            unanswered: self.next_number - self.first_unanswered,
            down: self.machine.status() == Status::Down,
        };
        if self.turn.step(self.id, plan, silence, now.instant) == Step::Wait {
            return None;
        }
        let Some(to) = self.address() else {
            self.unresolved(limits, now);
            return None;
        };
        let id = ProbeId {
            device: self.id,
            number: self.next_number,
        };
        self.next_number += 1;
        Some(self.order(id, to, self.spec.method(), plan))
    }

    /// Takes news about one of its probes into account.
    pub(super) fn record(&mut self, event: &Event, plan: &Plan, limits: &Limits, now: Now) -> FollowUp {
        let method = event.method;
        if let (What::Ended(Outcome::Missed(_)), Method::Echo, Check::IcmpThenTcp, Some(to)) =
            (&event.what, method, self.spec.check, self.address())
        {
            return FollowUp::Ask(self.order(event.id, to, Method::Connect, plan));
        }
        self.account
            .record(&event.what, Timed::of(method, self.spec.method()), now);
        if let What::Ended(outcome) = &event.what {
            self.judge(event.id.number, outcome, limits, now);
        }
        FollowUp::Nothing
    }

    /// Gives up the last status when no probe has ended for three intervals.
    pub(super) fn age(&mut self, plan: &Plan, now: Now) {
        let silent = now.instant.saturating_duration_since(self.last_end);
        if self.machine.status() != Status::Unknown && silent > plan.interval * 3 + plan.timeout * 2 {
            self.machine.forget(Cause::Silent, now);
        }
    }

    fn judge(&mut self, number: u64, outcome: &Outcome, limits: &Limits, now: Now) {
        self.last_end = now.instant;
        match outcome {
            Outcome::Missed(_) if number < self.first_unanswered => {
                self.machine.missed_before_answer(limits, now);
                return;
            }
            Outcome::Answered(_) => self.first_unanswered = self.first_unanswered.max(number + 1),
            Outcome::Unsent(_) => self.first_unanswered = self.next_number,
            Outcome::Missed(_) => {}
        }
        self.machine.apply(outcome, limits, now);
    }

    fn unresolved(&mut self, limits: &Limits, now: Now) {
        let detail = match &self.place {
            Place::Named { error, .. } => error.clone(),
            Place::Fixed(_) => String::new(),
        };
        let outcome = Outcome::Unsent(Unsent {
            reason: UnsentReason::Resolve,
            detail,
        });
        self.account.record(&What::Ended(outcome.clone()), Timed::No, now);
        self.judge(self.next_number, &outcome, limits, now);
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
        Order {
            id,
            to,
            method,
            timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        collectors::devices::probe::{Answer, Miss},
    };

    const LIMITS: Limits = Limits {
        failures: 3,
        loss: 0.2,
        round_trip: Duration::from_secs(1),
    };

    fn plan(now: Now) -> Plan {
        Plan {
            interval: Duration::from_mins(1),
            probes: 1,
            failures: 3,
            timeout: Duration::from_secs(4),
            epoch: now.instant,
        }
    }

    fn device(check: Check, now: Now) -> Device {
        let target = Target {
            check,
            port: Some(22),
            ..Target::new("192.0.2.1")
        };
        Device::new(DeviceId(1), Spec::of(&target), now.instant, now)
    }

    fn ended(order: &Order, outcome: Outcome) -> Event {
        Event {
            id: order.id,
            method: order.method,
            what: What::Ended(outcome),
        }
    }

    fn answered() -> Outcome {
        Outcome::Answered(Answer {
            round_trip: Duration::from_millis(3),
            hop_limit: None,
        })
    }

    #[test]
    fn the_fallback_is_asked_before_a_probe_counts() {
        let now = Clock::System.now();
        let plan = plan(now);
        let mut device = device(Check::IcmpThenTcp, now);
        let echo = device.step(&plan, &LIMITS, now).expect("due at once");
        assert_eq!(
            (echo.method, echo.to.port(), echo.timeout),
            (Method::Echo, 0, Duration::from_secs(2))
        );
        let missed = ended(&echo, Outcome::Missed(Miss::Timeout));
        let FollowUp::Ask(connect) = device.record(&missed, &plan, &LIMITS, now) else {
            panic!("no fallback was asked")
        };
        assert_eq!(
            (connect.method, connect.to.port(), connect.id),
            (Method::Connect, 22, echo.id)
        );
        assert_eq!(device.account.requests, 0, "not known yet");
        device.record(&ended(&connect, answered()), &plan, &LIMITS, now);
        assert_eq!((device.account.requests, device.account.failures), (1, [0; 3]));
        assert_eq!(device.machine.status(), Status::Up);
        assert!(
            device.account.last_round_trip.is_none(),
            "not a round-trip time of ICMP"
        );
    }

    #[test]
    fn a_miss_from_before_the_last_answer_raises_no_suspicion() {
        let now = Clock::System.now();
        let plan = plan(now);
        let mut device = device(Check::Icmp, now);
        let first = device.step(&plan, &LIMITS, now).expect("a check");
        let later = now.after(Duration::from_secs(1));
        let second = device
            .step(&plan, &LIMITS, later)
            .expect("a re-probe: the first is still unanswered");
        device.record(&ended(&second, answered()), &plan, &LIMITS, later);
        assert_eq!(
            device.step(&plan, &LIMITS, now.after(Duration::from_secs(2))),
            None,
            "no further re-probe"
        );
        let timeout = now.after(Duration::from_secs(4));
        device.record(
            &ended(&first, Outcome::Missed(Miss::Timeout)),
            &plan,
            &LIMITS,
            timeout,
        );
        assert_eq!((device.account.requests, device.account.failures), (2, [1, 0, 0]));
        assert_eq!(device.machine.status(), Status::Up);
    }

    #[test]
    fn a_device_nothing_is_heard_of_becomes_unknown() {
        let now = Clock::System.now();
        let plan = plan(now);
        let mut device = device(Check::Icmp, now);
        let order = device.step(&plan, &LIMITS, now).expect("a check");
        device.record(&ended(&order, answered()), &plan, &LIMITS, now);
        for (seconds, status) in [(188, Status::Up), (189, Status::Unknown)] {
            device.age(&plan, now.after(Duration::from_secs(seconds)));
            assert_eq!(device.machine.status(), status, "after {seconds} s");
        }
    }

    #[test]
    fn a_name_waits_for_its_first_lookup_and_then_counts_as_unresolved() {
        let now = Clock::System.now();
        let plan = plan(now);
        let spec = Spec::of(&Target::new("nas.invalid"));
        let mut device = Device::new(DeviceId(1), spec, now.instant, now);
        assert_eq!(device.step(&plan, &LIMITS, now), None);
        assert_eq!(
            (device.account.unsent, device.machine.cause()),
            ([0; 4], &Cause::LookingUp)
        );
        device.place = Place::Named {
            found: None,
            error: "no such name".to_owned(),
            tried: true,
        };
        assert_eq!(device.step(&plan, &LIMITS, now), None);
        assert_eq!(device.account.unsent, [1, 0, 0, 0]);
        assert_eq!(
            device.machine.cause().to_string(),
            "the name does not resolve: no such name"
        );
    }
}
