//! Whatever happens to the table, in whatever order: no device is ever forgotten by its timers.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    proptest,
    sample::select,
};

use super::*;
use crate::{
    clock::Clock,
    collectors::devices::{
        config::Check,
        probe::{Answer, Miss, Outcome, Unsent, UnsentReason, What},
    },
    units::HumanDuration,
};

/// What can happen, in any order and at any time.
#[derive(Debug, Clone)]
enum Happening {
    /// Time passes, and the table is asked for what is due.
    Due {
        millis: u64,
    },
    /// The oldest order that has not ended ends.
    Ends(Option<Outcome>),
    Reload(Config),
    /// The oldest lookup that has not ended ends.
    Resolved(Result<Vec<SocketAddr>, String>),
    Gateway(Option<u8>),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => select(vec![0, 1, 249, 250, 1_000, 5_000, 61_000, 90_000_000]).prop_map(|millis| Happening::Due { millis }),
        4 => end().prop_map(Happening::Ends),
        2 => config().prop_map(Happening::Reload),
        1 => prop_oneof![
            any::<u8>().prop_map(|last| Ok(vec![SocketAddr::from(([192, 0, 2, last], 0))])),
            Just(Ok(Vec::new())),
            Just(Err("no such name".to_owned())),
        ].prop_map(Happening::Resolved),
        1 => select(vec![None, Some(1), Some(2)]).prop_map(Happening::Gateway),
    ]
}

/// How a probe ends; `None` when its end is lost.
fn end() -> impl Strategy<Value = Option<Outcome>> {
    let answer = Answer {
        round_trip: Duration::from_millis(2),
        hop_limit: None,
    };
    let unsent = |reason| {
        let detail = String::new();
        Some(Outcome::Unsent(Unsent { reason, detail }))
    };
    select(vec![
        Some(Outcome::Answered(answer)),
        Some(Outcome::Missed(Miss::Timeout)),
        unsent(UnsentReason::Permission),
        unsent(UnsentReason::NoRoute),
        None,
    ])
}

fn config() -> impl Strategy<Value = Config> {
    let addresses = vec![
        "192.0.2.1",
        "192.0.2.2",
        "nas.invalid",
        "printer.invalid",
        "2001:db8::1",
    ];
    let targets = proptest::sample::subsequence(addresses, 0..=5).prop_shuffle();
    let check = select(vec![Check::Icmp, Check::Tcp, Check::IcmpThenTcp]);
    let seconds = select(vec![1, 60, 120]);
    (targets, check, seconds, select(vec![true, true, false]), 1_u32..4).prop_map(
        |(addresses, check, seconds, enabled, probes)| {
            let target = |address| Target {
                check,
                port: Some(22),
                ..Target::new(address)
            };
            Config {
                enabled,
                probes,
                interval: HumanDuration::secs(seconds),
                targets: addresses.into_iter().map(target).collect(),
                ..Config::default()
            }
        },
    )
}

/// The table, and what is under way outside.
struct World {
    table: Table,
    now: Now,
    orders: VecDeque<Order>,
    lookups: VecDeque<DeviceId>,
}

impl World {
    fn happens(&mut self, happening: Happening) {
        let mut new = Vec::new();
        match happening {
            Happening::Due { millis } => {
                self.now = self.now.after(Duration::from_millis(millis));
                self.table.due(self.now, &mut new);
            }
            Happening::Ends(end) => {
                if let (Some(order), Some(outcome)) = (self.orders.pop_front(), end) {
                    let event = Event {
                        id: order.id,
                        method: order.method,
                        what: What::Ended(outcome),
                    };
                    self.table.record(&event, self.now, &mut new);
                }
            }
            Happening::Reload(config) => self.table.apply(&config, self.now),
            Happening::Resolved(result) => {
                let due = self.table.take_lookups(self.now.instant);
                self.lookups.extend(due.into_iter().map(|(id, _)| id));
                if let Some(id) = self.lookups.pop_front() {
                    self.table.resolved(id, result, self.now.instant);
                }
            }
            Happening::Gateway(last) => {
                let address = last.map(|last| SocketAddr::from(([192, 168, 0, last], 0)));
                self.table.set_gateway(address, self.now);
            }
        }
        self.orders.extend(new);
    }

    /// Every device has its timer, and it is not far away.
    fn assert_none_is_forgotten(&self) {
        let plan = self.table.plan();
        for device in self.table.devices() {
            let next = device.turn.next();
            assert!(
                self.table
                    .timers
                    .iter()
                    .any(|Reverse(timer)| *timer == (next, device.id)),
                "{} has no timer",
                device.spec.name
            );
            let wait = next.saturating_duration_since(self.now.instant);
            // While nothing is watched timers only idle; all are set anew when that ends.
            assert!(
                !self.table.enabled || wait <= plan.interval + plan.timeout,
                "{} waits {wait:?}",
                device.spec.name
            );
        }
        assert_eq!(
            self.table.order.len(),
            self.table.devices.len(),
            "each is in the order"
        );
    }

    /// Lets an interval and a timeout pass, waking only when the table wants it. Every device is asked meanwhile.
    fn assert_all_are_asked(&mut self) {
        let plan = *self.table.plan();
        let end = self.now.instant + plan.interval + plan.timeout;
        let mut asked = HashSet::new();
        let mut orders = Vec::new();
        while let Some(next) = self.table.next().filter(|next| *next <= end) {
            self.now = self.now.after(next.saturating_duration_since(self.now.instant));
            self.table.due(self.now, &mut orders);
            asked.extend(orders.drain(..).map(|order| order.id.device));
        }
        let missing = self
            .table
            .devices()
            .filter(|device| device.address().is_some() && device.spec.check == Check::Icmp)
            .find(|device| !asked.contains(&device.id));
        assert!(
            missing.is_none() || !self.table.enabled,
            "never asked: {missing:?}"
        );
    }
}

proptest! {
    #[test]
    fn every_device_stays_due(first in config(), happenings in vec(happening(), 0..60)) {
        let now = Clock::System.now();
        let mut world = World {
            table: Table::new(&first, now),
            now,
            orders: VecDeque::new(),
            lookups: VecDeque::new(),
        };
        for happening in happenings {
            world.happens(happening);
            world.assert_none_is_forgotten();
        }
        world.assert_all_are_asked();
    }
}
