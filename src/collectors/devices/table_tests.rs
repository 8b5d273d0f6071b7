//! The table as a whole: reloads, timers, lookups and the gateway.

use super::*;
use crate::{
    clock::Clock,
    collectors::devices::{
        probe::{Answer, Outcome, What},
        state::Status,
    },
    units::HumanDuration,
};

fn config(addresses: &[&str]) -> Config {
    Config {
        targets: addresses.iter().map(|address| Target::new(*address)).collect(),
        interval: HumanDuration::secs(60),
        probes: 1,
        ..Config::default()
    }
}

fn names(table: &Table) -> Vec<String> {
    table
        .devices()
        .map(|device| device.spec.name.to_string())
        .collect()
}

/// Everything that is due until `now` is answered at once.
fn answer_all(table: &mut Table, now: Now) -> usize {
    let mut orders = Vec::new();
    table.due(now, &mut orders);
    let count = orders.len();
    for order in orders {
        let answer = Answer {
            round_trip: Duration::from_millis(2),
            hop_limit: Some(63),
        };
        let what = What::Ended(Outcome::Answered(answer));
        table.record(
            &Event {
                id: order.id,
                method: order.method,
                what,
            },
            now,
            &mut Vec::new(),
        );
    }
    count
}

#[test]
fn every_device_is_asked_soon_and_then_once_an_interval() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]), start);
    assert_eq!(
        answer_all(&mut table, start.after(Duration::from_secs(1))),
        3,
        "soon after the start"
    );
    let mut asked = 0;
    while let Some(next) = table
        .next()
        .filter(|next| *next < start.instant + Duration::from_mins(10))
    {
        asked += answer_all(&mut table, start.after(next - start.instant));
    }
    assert!(
        (29..=31).contains(&asked),
        "ten intervals of three devices, asked {asked}"
    );
    assert!(
        table
            .devices()
            .all(|device| device.machine.status() == Status::Up)
    );
}

#[test]
fn a_reload_keeps_what_stays_and_drops_the_rest() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1", "192.0.2.2"]), start);
    let later = start.after(Duration::from_secs(1));
    answer_all(&mut table, later);
    let mut changed = config(&["192.0.2.2", "192.0.2.3"]);
    changed.targets[0].group = "core".to_owned();
    table.apply(&changed, later);
    let counts: Vec<_> = table
        .devices()
        .map(|d| (d.spec.name.to_string(), d.account.requests))
        .collect();
    assert_eq!(counts, [("192.0.2.2".to_owned(), 1), ("192.0.2.3".to_owned(), 0)]);
    assert_eq!(
        table.devices().next().map(|device| device.spec.group.to_string()),
        Some("core".to_owned())
    );
    let mut moved = config(&["192.0.2.9"]);
    moved.targets[0].name = "192.0.2.2".to_owned();
    table.apply(&moved, later);
    assert_eq!(
        table.devices().next().map(|device| device.account.requests),
        Some(0),
        "another address"
    );
}

#[test]
fn a_disabled_collector_asks_nothing() {
    let start = Clock::System.now();
    let off = Config {
        enabled: false,
        ..config(&["192.0.2.1", "nas.invalid"])
    };
    let mut table = Table::new(&off, start);
    let later = start.after(Duration::from_secs(5));
    assert_eq!(answer_all(&mut table, later), 0);
    assert_eq!(table.take_lookups(later.instant), []);
    table.apply(&Config { enabled: true, ..off }, later);
    assert_eq!(answer_all(&mut table, later.after(Duration::from_mins(2))), 1);
    assert_eq!(table.take_lookups(later.instant).len(), 1);
}

#[test]
fn names_are_looked_up_again_and_keep_their_last_address() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["nas.invalid"]), start);
    let lookups = table.take_lookups(start.instant);
    assert_eq!(lookups.len(), 1);
    let id = lookups[0].0;
    assert_eq!(table.take_lookups(start.instant), [], "given out once");
    let address = |last: u8| SocketAddr::from(([192, 0, 2, last], 0));
    let known = |table: &Table| table.devices().next().and_then(Device::address);
    let rows = [
        ("found", Ok(vec![address(1), address(2)]), Some(address(1)), 300),
        (
            "turned round: the known one stays",
            Ok(vec![address(2), address(1)]),
            Some(address(1)),
            300,
        ),
        ("moved", Ok(vec![address(3)]), Some(address(3)), 300),
        (
            "a failure changes nothing but the time",
            Err("no such name".to_owned()),
            Some(address(3)),
            30,
        ),
        ("an empty answer is no address", Ok(vec![]), None, 300),
    ];
    for (why, result, expected, again) in rows {
        table.resolved(id, result, start.instant);
        assert_eq!(known(&table), expected, "{why}");
        assert_eq!(
            table.next_lookup(),
            Some(start.instant + Duration::from_secs(again)),
            "{why}"
        );
    }
}

#[test]
fn the_gateway_is_watched_only_without_targets() {
    let start = Clock::System.now();
    let gateway = |last: u8| Some(SocketAddr::from(([192, 168, 0, last], 0)));
    let mut table = Table::new(&config(&[]), start);
    assert!(table.wants_gateway());
    table.set_gateway(None, start);
    assert_eq!(names(&table), [""; 0], "none found, nothing watched");
    table.set_gateway(gateway(1), start);
    assert_eq!(answer_all(&mut table, start), 1);
    table.set_gateway(gateway(2), start);
    let device = table.devices().next().expect("the gateway");
    assert_eq!(
        (device.address(), device.account.requests),
        (gateway(2), 1),
        "it moved and goes on"
    );
    table.set_gateway(None, start);
    assert_eq!(names(&table), ["gateway"], "one that vanished stays watched");
    table.apply(&config(&[]), start);
    assert_eq!(
        table
            .devices()
            .map(|device| device.account.requests)
            .collect::<Vec<_>>(),
        [1]
    );
    table.apply(&config(&["192.0.2.1"]), start);
    assert_eq!(names(&table), ["192.0.2.1"], "targets take its place");
    table.set_gateway(gateway(1), start);
    assert_eq!(names(&table), ["192.0.2.1"]);
}

#[test]
fn news_about_a_device_that_is_gone_is_ignored() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    let mut orders = Vec::new();
    table.due(start, &mut orders);
    let order = orders.pop().expect("asked at once");
    table.apply(&config(&["192.0.2.2"]), start);
    let event = Event {
        id: order.id,
        method: order.method,
        what: What::LateReply,
    };
    table.record(&event, start, &mut orders);
    assert_eq!(
        (
            orders.len(),
            table.devices().next().map(|device| device.account.late_replies)
        ),
        (0, Some(0))
    );
}
