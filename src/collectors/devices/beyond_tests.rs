//! A host at 192.168.1.0/24 behind the gateway 192.168.1.1, and devices here and beyond.

use super::*;
use crate::{
    clock::Clock,
    collectors::devices::{
        config::Config,
        probe::{Answer, Event, Miss, Order, Outcome, What},
        status::Status,
    },
};

struct Bench {
    table: Table,
    start: Now,
    now: Now,
    /// Addresses that keep silent.
    dead: Vec<&'static str>,
}

impl Bench {
    fn new(targets: &str) -> Self {
        let start = Clock::System.now();
        Self {
            table: Table::new(&config(targets), start),
            start,
            now: start,
            dead: Vec::new(),
        }
    }

    fn with_routes(targets: &str) -> Self {
        let mut bench = Self::new(targets);
        bench.table.set_routes(routes("192.168.1.1"), bench.start);
        bench
    }

    fn reload(&mut self, targets: &str) {
        self.table.apply(&config(targets), self.now);
    }

    /// Time passes until so many seconds after the start, in steps of a tenth.
    fn pass(&mut self, until: u64) {
        let end = self.start.instant + Duration::from_secs(until);
        while self.now.instant < end {
            self.now = self.now.after(Duration::from_millis(100));
            let mut orders = Vec::new();
            self.table.due(self.now, &mut orders);
            for order in orders {
                let outcome = self.outcome(&order);
                let event = Event {
                    id: order.id,
                    method: order.method,
                    what: What::Ended(outcome),
                };
                self.table.record(&event, self.now, &mut Vec::new());
            }
        }
    }

    fn outcome(&self, order: &Order) -> Outcome {
        if self.dead.contains(&order.to.ip().to_string().as_str()) {
            return Outcome::Missed(Miss::Timeout);
        }
        Outcome::Answered(Answer {
            round_trip: Duration::from_millis(1),
            hop_limit: None,
        })
    }

    /// Devices with their parents, in order.
    fn drawn(&self) -> Vec<String> {
        let device = |device: &Device| {
            let parents = self.table.parents_of(device).join(",");
            format!("{} < {parents}", device.spec.name)
                .trim_end_matches(" < ")
                .to_owned()
        };
        self.table.devices().map(device).collect()
    }

    fn statuses(&self) -> Vec<Status> {
        self.table
            .devices()
            .map(|device| device.machine.status())
            .collect()
    }
}

fn config(targets: &str) -> Config {
    let text = format!("interval: 10s\ntimeout: 1s\nprobes: 1\ntargets: {targets}");
    serde_yaml::from_str(&text).expect(targets)
}

fn routes(gateway: &str) -> Routes {
    let gateway = SocketAddr::new(gateway.parse().expect("an address"), 0);
    Routes::of(gateway, &[("192.168.1.0", 24)])
}

#[test]
fn what_is_beyond_is_reached_through_the_gateway_unless_it_says_otherwise() {
    let nas = "{name: nas, address: 192.168.1.5}";
    let web = "{name: web, address: 198.51.100.1}";
    let router = "{name: router, address: 192.168.1.1}";
    for (why, targets, expected) in [
        ("all are near", vec![nas], vec!["nas"]),
        (
            "one is not",
            vec![nas, web],
            vec!["nas", "web < gateway", "gateway"],
        ),
        (
            "none is written",
            vec![nas, "{name: web, address: 198.51.100.1, parents: []}"],
            vec!["nas", "web"],
        ),
        (
            "another is written",
            vec![nas, "{name: web, address: 198.51.100.1, parents: [nas]}"],
            vec!["nas", "web < nas"],
        ),
        (
            "the gateway is listed, under whatever name",
            vec![web, router],
            vec!["web < router", "router"],
        ),
        (
            "what the gateway is reached through is not behind it",
            vec![web, "{name: router, address: 192.168.1.1, parents: [web]}"],
            vec!["web", "router < web"],
        ),
        (
            "its name is taken",
            vec![web, "{name: gateway, address: 192.168.1.9}"],
            vec!["web", "gateway"],
        ),
        (
            "another kind of address",
            vec!["{name: web, address: '2001:db8::1'}"],
            vec!["web"],
        ),
    ] {
        let bench = Bench::with_routes(&format!("[{}]", targets.join(", ")));
        assert_eq!(bench.drawn(), expected, "{why}");
    }
    assert_eq!(
        Bench::new(&format!("[{web}]")).drawn(),
        ["web"],
        "no gateway is known"
    );
}

#[test]
fn a_gateway_that_dies_is_the_one_outage() {
    let mut bench = Bench::with_routes(
        "[{name: nas, address: 192.168.1.5}, {name: web, address: 198.51.100.1}, {name: mx, address: 198.51.100.2}]",
    );
    bench.pass(15);
    assert_eq!(bench.statuses(), [Status::Up; 4]);
    assert_eq!(bench.table.behind("gateway"), 2);
    bench.table.take_news();
    bench.dead = vec!["192.168.1.1", "198.51.100.1", "198.51.100.2"];
    bench.pass(40);
    let expected = [Status::Up, Status::Unreachable, Status::Unreachable, Status::Down];
    assert_eq!(bench.statuses(), expected);
    let told = bench.table.take_news();
    let told: Vec<&str> = told.iter().map(|news| news.subject.as_str()).collect();
    assert_eq!(told, ["gateway"], "the rest is behind it");
    bench.dead = vec!["198.51.100.2"];
    bench.pass(90);
    let expected = [Status::Up, Status::Up, Status::Down, Status::Up];
    assert_eq!(bench.statuses(), expected, "one is dead by itself");
}

#[test]
fn a_name_is_behind_the_gateway_once_it_leads_there() {
    let mut bench = Bench::with_routes("[{name: web, address: web.test}]");
    let found = |ip: &str| Ok(vec![SocketAddr::new(ip.parse().expect("an address"), 0)]);
    let id = bench.table.take_lookups(bench.start.instant)[0].0;
    bench.table.resolved(id, found("192.168.1.7"), bench.now.instant);
    bench.pass(5);
    assert_eq!(bench.drawn(), ["web"]);
    bench.table.resolved(id, found("198.51.100.1"), bench.now.instant);
    bench.pass(10);
    assert_eq!(bench.drawn(), ["web < gateway", "gateway"]);
    bench.table.resolved(id, found("192.168.1.7"), bench.now.instant);
    bench.pass(15);
    assert_eq!(bench.drawn(), ["web"]);
}

#[test]
fn a_gateway_that_is_watched_for_others_stays_as_long_as_it_is_needed() {
    let web = "{name: web, address: 198.51.100.1}";
    let mut bench = Bench::with_routes(&format!("[{web}]"));
    bench.pass(25);
    let asked = |bench: &Bench| {
        let gateway = bench.table.devices().find(|device| device.spec.name == GATEWAY);
        gateway.map(|gateway| gateway.account.requests)
    };
    let before = asked(&bench).expect("is watched");
    assert!(before > 0);
    bench.reload(&format!("[{web}, {{name: mx, address: 198.51.100.2}}]"));
    assert_eq!(bench.drawn(), ["web < gateway", "mx < gateway", "gateway"]);
    assert_eq!(asked(&bench), Some(before), "its counters go on");
    bench.table.set_routes(Routes::default(), bench.now);
    assert_eq!(asked(&bench), Some(before), "one that vanished is what it was");
    bench.table.set_routes(routes("192.168.1.2"), bench.now);
    assert_eq!(asked(&bench), Some(0), "another one is another device");
    bench.reload("[{name: nas, address: 192.168.1.5}]");
    assert_eq!(bench.drawn(), ["nas"]);
}
