//! Small networks in which devices die and return: what becomes of those behind them, and what is told.

use super::*;
use crate::{
    clock::Clock,
    collectors::devices::{
        config::Config,
        probe::{Answer, Event, Miss, Order, Outcome, What},
    },
};

/// A device that is dead from one second to another, as counted from the start.
type Dead = (&'static str, f64, f64);

/// A network, and the table that watches it.
struct World {
    table: Table,
    start: Now,
    dead: Vec<Dead>,
    parents: HashMap<String, Vec<String>>,
    flights: Vec<(Instant, Order)>,
    /// When each device was asked, in seconds.
    asked: Vec<(String, f64)>,
    /// What was told, in seconds.
    told: Vec<(f64, String)>,
    /// Statuses that are new, in seconds.
    statuses: Vec<(f64, String)>,
    last: HashMap<String, Status>,
}

impl World {
    /// Devices as `name` or `name < parent, other`.
    fn new(timing: &str, devices: &[&str], dead: &[Dead]) -> Self {
        let mut targets = String::new();
        let mut parents = HashMap::new();
        for (number, device) in devices.iter().enumerate() {
            let (name, above) = device.split_once(" < ").unwrap_or((device, ""));
            let address = format!("10.0.{}.{}", number / 250, number % 250 + 1);
            targets += &[
                "  - {name: ",
                name,
                ", address: ",
                &address,
                ", parents: [",
                above,
                "]}\n",
            ]
            .concat();
            let above = above
                .split(", ")
                .filter(|name| !name.is_empty())
                .map(str::to_owned);
            parents.insert(name.to_owned(), above.collect());
        }
        let config: Config =
            serde_yaml::from_str(&format!("{timing}\ntargets:\n{targets}")).expect("a configuration");
        let start = Clock::System.now();
        Self {
            table: Table::new(&config, start),
            start,
            dead: dead.to_vec(),
            parents,
            flights: Vec::new(),
            asked: Vec::new(),
            told: Vec::new(),
            statuses: Vec::new(),
            last: HashMap::new(),
        }
    }

    fn name_of(&self, id: DeviceId) -> String {
        self.table.device(id).expect("asked before").spec.name.to_string()
    }

    fn seconds(&self, at: Instant) -> f64 {
        (at - self.start.instant).as_secs_f64()
    }

    fn answers(&self, name: &str, at: f64) -> bool {
        let is_dead = self
            .dead
            .iter()
            .any(|(dead, from, to)| (*dead == name || *dead == "all") && (*from..*to).contains(&at));
        let above = self.parents.get(name).map(Vec::as_slice).unwrap_or_default();
        !is_dead && (above.is_empty() || above.iter().any(|parent| self.answers(parent, at)))
    }

    fn end(&mut self, order: &Order, outcome: Outcome, now: Now) {
        let event = Event {
            id: order.id,
            method: order.method,
            what: What::Ended(outcome),
        };
        self.table.record(&event, now, &mut Vec::new());
        let at = self.seconds(now.instant);
        let told = self.table.take_news().into_iter().map(|news| {
            let word = if news.observed.value() == Some(1.0) {
                "up"
            } else {
                "down"
            };
            (at, format!("{} {word}", news.subject))
        });
        self.told.extend(told);
        for device in self.table.devices() {
            let (name, status) = (device.spec.name.to_string(), device.machine.status());
            if self.last.insert(name.clone(), status) != Some(status) && status != Status::Unknown {
                self.statuses.push((at, format!("{name} {}", status.name())));
            }
        }
    }

    /// Lets time pass until so many seconds after the start.
    fn run(mut self, end: f64) -> Self {
        let end = self.start.instant + Duration::from_secs_f64(end);
        loop {
            let expiry = self.flights.iter().map(|(end, _)| *end).min();
            let next = self
                .table
                .next()
                .into_iter()
                .chain(expiry)
                .min()
                .expect("devices");
            if next > end {
                return self;
            }
            let now = self.start.after(next - self.start.instant);
            let over: Vec<_> = self.flights.extract_if(.., |(end, _)| *end <= next).collect();
            for (_, order) in over {
                self.end(&order, Outcome::Missed(Miss::Timeout), now);
            }
            let mut orders = Vec::new();
            self.table.due(now, &mut orders);
            for order in orders {
                let (name, at) = (self.name_of(order.id.device), self.seconds(next));
                let is_answered = self.answers(&name, at);
                self.asked.push((name, at));
                if is_answered {
                    let answer = Answer {
                        round_trip: Duration::from_millis(1),
                        hop_limit: None,
                    };
                    self.end(&order, Outcome::Answered(answer), now);
                } else {
                    self.flights.push((next + order.timeout, order));
                }
            }
        }
    }

    fn told(&self) -> Vec<&str> {
        self.told.iter().map(|(_, what)| what.as_str()).collect()
    }

    /// Statuses that a device had, in turn.
    fn statuses_of(&self, name: &str) -> Vec<&str> {
        let of = |what: &str| {
            what.split_once(' ')
                .filter(|(device, _)| *device == name)
                .map(|(_, s)| s.len())
        };
        self.statuses
            .iter()
            .filter_map(|(_, what)| of(what).map(|length| &what[what.len() - length..]))
            .collect()
    }

    fn first_asked_after(&self, name: &str, from: f64) -> f64 {
        let mut asked = self.asked.iter();
        let found = asked.find(|(of, at)| of == name && *at >= from);
        found.expect("is asked").1
    }
}

const SITE: &[&str] = &["router", "a < router", "b < router", "c < router", "d < router"];

#[test]
fn nothing_behind_a_dead_router_is_told_whatever_the_order_of_probing() {
    for (interval, timeout, probes, failures) in [
        (120.0, 5.0, 3, 3),
        (60.0, 5.0, 1, 3),
        (60.0, 0.5, 3, 1),
        (1.0, 5.0, 1, 3),
        (1.0, 0.2, 1, 2),
        (7.0, 1.0, 2, 5),
    ] {
        for fifth in 0..5 {
            let dies = 10.0 + interval * (1.0 + f64::from(fifth) / 5.0);
            let (back, end) = (dies + 20.0 + 2.0 * interval, dies + 60.0 + 4.0 * interval);
            let timing = format!(
                "interval: {interval}s\ntimeout: {}ms\nprobes: {probes}\nfailures: {failures}",
                timeout * 1e3
            );
            let world = World::new(&timing, SITE, &[("router", dies, back)]).run(end);
            let why = format!("every {interval} s, timeout {timeout} s, dies at {dies} s");
            assert_eq!(world.told(), ["router down", "router up"], "{why}");
            for name in ["a", "b", "c", "d"] {
                assert_eq!(
                    world.statuses_of(name),
                    ["up", "unreachable", "up"],
                    "{name}, {why}"
                );
                let device = world.table.devices().find(|d| d.spec.name == name).expect("one");
                let now = world.start.after(Duration::from_secs_f64(end));
                let (observed, up) = device.machine.uptime(now);
                assert_eq!(observed, up, "{name} has no downtime, {why}");
            }
        }
    }
}

#[test]
fn a_dead_device_behind_a_living_router_is_down_within_the_timeout_and_three_seconds() {
    for (interval, timeout, probes) in [(120.0, 5.0, 3), (60.0, 0.5, 1), (1.0, 5.0, 1), (4.0, 0.3, 1)] {
        for fifth in 0..5 {
            let dies = 10.0 + interval * (1.0 + f64::from(fifth) / 5.0);
            let timing = format!(
                "interval: {interval}s\ntimeout: {}ms\nprobes: {probes}",
                timeout * 1e3
            );
            let world = World::new(&timing, SITE, &[("c", dies, 1e9)]).run(dies + interval + 20.0);
            let missed = world.first_asked_after("c", dies);
            assert_eq!(world.told(), ["c down"]);
            let taken = world.told[0].0 - missed;
            assert!(
                taken <= timeout + 3.0,
                "every {interval} s, timeout {timeout} s: {taken} s"
            );
        }
    }
}

#[test]
fn what_is_still_dead_when_the_router_is_back_is_down_by_itself() {
    let timing = "interval: 60s\ntimeout: 2s\nprobes: 1";
    let dead = [("router", 100.0, 500.0), ("c", 300.0, 900.0)];
    let world = World::new(timing, SITE, &dead).run(1200.0);
    assert_eq!(world.told(), ["router down", "router up", "c down", "c up"]);
    assert_eq!(world.statuses_of("c"), ["up", "unreachable", "down", "up"]);
    let (back, down) = (world.told[1].0, world.told[2].0);
    let settled = down - back;
    assert!((30.0..=95.0).contains(&settled), "{settled} s after the router");
}

#[test]
fn one_that_was_down_before_its_router_is_not_told_again() {
    let timing = "interval: 60s\ntimeout: 2s\nprobes: 1";
    let dead = [("c", 100.0, 2000.0), ("router", 300.0, 600.0)];
    let world = World::new(timing, SITE, &dead).run(1500.0);
    assert_eq!(world.told(), ["c down", "router down", "router up"]);
    assert_eq!(world.statuses_of("c"), ["up", "down", "unreachable", "down"]);
}

#[test]
fn what_hangs_behind_two_halves_is_cut_off_without_both() {
    let timing = "interval: 10s\ntimeout: 1s\nprobes: 1";
    let (four, six) = ("router (IPv4)", "router (IPv6)");
    let devices = [four, six, "nas < router (IPv4), router (IPv6)", "tv < nas"];
    let one = World::new(timing, &devices, &[(six, 100.0, 1e9)]).run(200.0);
    assert_eq!(one.told(), ["router (IPv6) down"]);
    assert_eq!(one.table.behind(six), 0, "the other half leads on");
    let both = World::new(timing, &devices, &[(four, 100.0, 1e9), (six, 100.0, 1e9)]).run(200.0);
    assert_eq!(both.told().len(), 2, "{:?}", both.told());
    assert_eq!((both.table.behind(four), both.table.behind(six)), (2, 2));
}

#[test]
fn a_device_with_two_ways_is_unreachable_only_without_both() {
    let timing = "interval: 10s\ntimeout: 1s\nprobes: 1";
    let devices = ["left", "right", "nas < left, right"];
    let one = World::new(timing, &devices, &[("left", 100.0, 300.0)]).run(400.0);
    assert_eq!(one.told(), ["left down", "left up"]);
    assert_eq!(one.statuses_of("nas"), ["up"]);
    assert_eq!(one.table.behind("left"), 0);
    let both = [("left", 100.0, 300.0), ("right", 150.0, 300.0)];
    let both = World::new(timing, &devices, &both).run(400.0);
    assert_eq!(both.statuses_of("nas"), ["up", "unreachable", "up"]);
    let own = [("left", 100.0, 300.0), ("nas", 150.0, 300.0)];
    let own = World::new(timing, &devices, &own).run(400.0);
    assert_eq!(
        own.statuses_of("nas"),
        ["up", "down", "up"],
        "the other way is open"
    );
}

#[test]
fn the_root_is_named_through_a_chain() {
    let timing = "interval: 30s\ntimeout: 1s\nprobes: 1";
    let devices = ["edge", "core < edge", "switch < core", "nas < switch"];
    let world = World::new(timing, &devices, &[("edge", 100.0, 400.0)]).run(300.0);
    assert_eq!(world.told(), ["edge down"]);
    assert_eq!(world.table.behind("edge"), 3);
    let causes: Vec<String> = world
        .table
        .devices()
        .skip(1)
        .map(|device| device.machine.cause().to_string())
        .collect();
    assert_eq!(causes, ["behind edge, which is down"; 3]);
    let world = world.run(600.0);
    assert_eq!(world.told(), ["edge down", "edge up"]);
    assert_eq!(world.statuses_of("nas"), ["up", "unreachable", "up"]);
}

#[test]
fn many_devices_that_fall_silent_ask_their_router_once_a_second() {
    let names: Vec<String> = (0..200).map(|number| format!("d{number} < router")).collect();
    let mut devices = vec!["router"];
    devices.extend(names.iter().map(String::as_str));
    let dies = 100.0;
    let world = World::new(
        "interval: 10s\ntimeout: 1s\nprobes: 1",
        &devices,
        &[("router", dies, 1e9)],
    );
    let world = world.run(dies + 60.0);
    assert_eq!(world.told(), ["router down"]);
    let mut asked: Vec<f64> = world
        .asked
        .iter()
        .filter(|(name, at)| name == "router" && *at > dies)
        .map(|(_, at)| *at)
        .collect();
    asked.dedup();
    let closest = asked
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(f64::MAX, f64::min);
    assert!(closest > 0.4, "asked {closest} s apart");
    assert!(asked.len() <= 15, "asked {} times in a minute", asked.len());
}

#[test]
fn a_parent_that_cannot_be_judged_explains_nothing() {
    let timing = "interval: 10s\ntimeout: 1s\nprobes: 1";
    let mut world = World::new(timing, SITE, &[("a", 100.0, 1e9)]);
    let router = world.table.devices().next().expect("the router").id;
    if let Some(device) = world.table.device_mut(router) {
        device.place = super::super::device::Place::Named(Box::new(super::super::device::Named {
            error: "no such name".to_owned(),
            tried: true,
            ..super::super::device::Named::default()
        }));
    }
    let world = world.run(200.0);
    assert_eq!(world.told(), ["a down"]);
}

const ANCHORS: &str = "uplink: {anchors: [10.9.0.1, 10.9.0.2]}";

#[test]
fn without_a_way_out_all_is_unknown_and_one_thing_is_told() {
    for (interval, timeout, probes) in [(120, 5, 3), (60, 1, 1), (1, 5, 1), (5, 1, 1)] {
        for fifth in 0..5 {
            let dies = 10.0 + f64::from(interval) * (1.0 + f64::from(fifth) / 5.0);
            let (back, end) = (
                dies + f64::from(2 * interval) + 20.0,
                dies + f64::from(4 * interval) + 60.0,
            );
            let timing = format!("interval: {interval}s\ntimeout: {timeout}s\nprobes: {probes}\n{ANCHORS}");
            let devices = ["router", "a < router", "b", "c", "d < b"];
            let world = World::new(&timing, &devices, &[("all", dies, back)]).run(end);
            let why = format!("every {interval} s, timeout {timeout} s, dies at {dies} s");
            assert_eq!(world.told(), [" down", " up"], "{why}");
            for device in world.table.devices() {
                let now = world.start.after(Duration::from_secs_f64(end));
                let (observed, up) = device.machine.uptime(now);
                assert_eq!(observed, up, "{} has no downtime, {why}", device.spec.name);
                assert_eq!(device.machine.status(), Status::Up, "{why}");
            }
        }
    }
}

#[test]
fn a_device_that_dies_alone_is_down_in_time_though_there_are_anchors() {
    for (interval, timeout, probes) in [(120, 5, 3), (60, 1, 1), (1, 5, 1)] {
        for fifth in 0..5 {
            let dies = 10.0 + f64::from(interval) * (1.0 + f64::from(fifth) / 5.0);
            let timing = format!("interval: {interval}s\ntimeout: {timeout}s\nprobes: {probes}\n{ANCHORS}");
            let dead = [("c", dies, 1e9)];
            let world =
                World::new(&timing, &["router", "a", "b", "c"], &dead).run(dies + f64::from(interval) + 20.0);
            assert_eq!(world.told(), ["c down"]);
            let taken = world.told[0].0 - world.first_asked_after("c", dies);
            assert!(taken <= f64::from(timeout) + 3.0, "every {interval} s: {taken} s");
        }
    }
}

#[test]
fn anchors_that_are_dead_blame_nobody_while_something_else_answers() {
    let timing = format!("interval: 60s\ntimeout: 2s\nprobes: 1\n{ANCHORS}");
    let dead = [
        ("10.9.0.1", 100.0, 1e9),
        ("10.9.0.2", 100.0, 1e9),
        ("c", 500.0, 1e9),
    ];
    let world = World::new(&timing, &["router", "a", "b", "c"], &dead).run(800.0);
    assert_eq!(world.told(), ["c down"]);
    assert_eq!(world.table.devices().count(), 4, "anchors are not shown");
}

#[test]
fn a_host_without_any_route_has_lost_its_uplink_and_one_device_without_says_nothing() {
    use crate::collectors::devices::probe::{Unsent, UnsentReason};
    let timing = "interval: 10s\ntimeout: 1s\nprobes: 1";
    let mut world = World::new(timing, &["a", "b"], &[]).run(50.0);
    let mut turn = |names: &[&str]| {
        for _ in 0..30 {
            let next = world.table.next().expect("devices");
            let now = world.start.after(next - world.start.instant);
            let mut orders = Vec::new();
            world.table.due(now, &mut orders);
            for order in orders {
                let outcome = if names.contains(&world.name_of(order.id.device).as_str()) {
                    Outcome::Unsent(Unsent {
                        reason: UnsentReason::NoRoute,
                        detail: String::new(),
                    })
                } else {
                    Outcome::Answered(Answer {
                        round_trip: Duration::from_millis(1),
                        hop_limit: None,
                    })
                };
                world.end(&order, outcome, now);
            }
        }
        std::mem::take(&mut world.told)
            .into_iter()
            .map(|(_, what)| what)
            .collect::<Vec<_>>()
    };
    assert_eq!(turn(&["a"]), [""; 0]);
    assert_eq!(turn(&["a", "b"]), [" down"]);
    assert_eq!(turn(&["b"]), [" up"]);
}
