//! One device: what its probes, their fallbacks and their absence lead to.

use super::*;
use crate::{
    clock::Clock,
    collectors::devices::probe::{Answer, Miss},
};

const LIMITS: Limits = Limits {
    failures: 3,
    loss: 0.2,
    round_trip: Duration::from_secs(1),
    holds: Duration::from_secs(64),
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
fn one_that_leaves_a_request_unanswered_is_asked_afresh() {
    let now = Clock::System.now();
    let plan = plan(now);
    let mut device = device(Check::Icmp, now);
    let ask = |device: &mut Device, seconds| {
        let now = now.after(Duration::from_secs(seconds));
        device.step(&plan, &LIMITS, now).expect("due")
    };
    let first = ask(&mut device, 0);
    let (second, third) = (ask(&mut device, 1), ask(&mut device, 2));
    assert_eq!(
        [first, second, third].map(|order| order.afresh),
        [false, true, true]
    );
    device.record(&ended(&third, answered()), &plan, &LIMITS, now);
    assert!(!ask(&mut device, 60).afresh);
}

#[test]
fn a_closed_port_is_a_miss_of_the_service_but_shows_the_host() {
    let now = Clock::System.now();
    let plan = plan(now);
    let refused = Outcome::Missed(Miss::Refused(Answer {
        round_trip: Duration::from_millis(3),
        hop_limit: None,
    }));
    let mut service = device(Check::Tcp, now);
    let connect = service.step(&plan, &LIMITS, now).expect("due at once");
    service.record(&ended(&connect, refused.clone()), &plan, &LIMITS, now);
    assert_eq!(
        (service.account.requests, service.account.failures),
        (1, [0, 1, 0])
    );

    let mut host = device(Check::IcmpThenTcp, now);
    let echo = host.step(&plan, &LIMITS, now).expect("due at once");
    let missed = ended(&echo, Outcome::Missed(Miss::Timeout));
    let FollowUp::Ask(connect) = host.record(&missed, &plan, &LIMITS, now) else {
        panic!("no fallback was asked")
    };
    host.record(&ended(&connect, refused), &plan, &LIMITS, now);
    assert_eq!((host.account.requests, host.account.failures), (1, [0; 3]));
    assert_eq!(host.machine.status(), Status::Up);
}

#[test]
fn what_keeps_an_echo_from_being_sent_decides_on_the_fallback() {
    let rows = [
        (
            UnsentReason::Permission,
            true,
            "no privilege for pings: what the fallback is for",
        ),
        (UnsentReason::Send, true, "only the ping socket may be exhausted"),
        (
            UnsentReason::NoRoute,
            false,
            "a connection would take the same way",
        ),
    ];
    for (reason, falls_back, why) in rows {
        let now = Clock::System.now();
        let plan = plan(now);
        let mut device = device(Check::IcmpThenTcp, now);
        let echo = device.step(&plan, &LIMITS, now).expect("due at once");
        let unsent = Outcome::Unsent(Unsent {
            reason,
            detail: String::new(),
        });
        let follow_up = device.record(&ended(&echo, unsent.clone()), &plan, &LIMITS, now);
        let FollowUp::Ask(connect) = follow_up else {
            assert!(!falls_back, "{why}");
            assert_eq!(device.account.unsent.iter().sum::<u32>(), 1, "{why}");
            continue;
        };
        assert!(falls_back, "{why}");
        assert_eq!(connect.method, Method::Connect, "{why}");
        assert_eq!(
            device.record(&ended(&connect, unsent), &plan, &LIMITS, now),
            FollowUp::Nothing,
            "{why}: there is no third way"
        );
        assert_eq!(device.account.unsent.iter().sum::<u32>(), 1, "{why}");
    }
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
fn probes_by_tcp_wait_for_their_predecessors() {
    let rows = [
        (
            Check::Icmp,
            30,
            "echo requests cost nothing while they are under way",
        ),
        (Check::Tcp, 3, "one per probe of a check or suspicion"),
        (Check::IcmpThenTcp, 3, "the same: each may end in a connection"),
    ];
    for (check, expected, why) in rows {
        let now = Clock::System.now();
        let plan = Plan {
            interval: Duration::from_secs(1),
            timeout: Duration::from_mins(1),
            ..plan(now)
        };
        let mut device = device(check, now);
        let at = |second| now.after(Duration::from_secs(second));
        let orders: Vec<_> = (0..30)
            .filter_map(|second| device.step(&plan, &LIMITS, at(second)))
            .collect();
        assert_eq!(orders.len(), expected, "{why}");
        let missed = Event {
            id: orders[0].id,
            method: Method::Connect,
            what: What::Ended(Outcome::Missed(Miss::Timeout)),
        };
        device.record(&missed, &plan, &LIMITS, at(60));
        assert!(
            device.step(&plan, &LIMITS, at(60)).is_some(),
            "{why}: one has ended"
        );
        assert!(
            device.step(&plan, &LIMITS, at(300)).is_some(),
            "{why}: ends that were lost hold nothing up"
        );
    }
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
    device.place = Place::Named(Box::new(Named {
        error: "no such name".to_owned(),
        tried: true,
        ..Named::default()
    }));
    assert_eq!(device.step(&plan, &LIMITS, now), None);
    assert_eq!(device.account.unsent, [1, 0, 0, 0]);
    assert_eq!(
        device.machine.cause().to_string(),
        "the name does not resolve: no such name"
    );
}
