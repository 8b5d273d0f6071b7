//! The table as a whole: reloads, timers, lookups and the gateway.

use std::time::Duration;

use super::*;
use crate::{
    clock::Clock,
    collectors::devices::{
        config::Check,
        probe::{Answer, Miss, Outcome, ProbeId, Unsent, UnsentReason, What},
        status::Status,
    },
    sample::{Missing, Observed},
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
    answer(table, &orders, now);
    orders.len()
}

fn answer(table: &mut Table, orders: &[Order], now: Now) {
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
fn devices_are_in_the_order_of_the_configuration() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]), start);
    for order in [
        &["192.0.2.3", "192.0.2.1", "192.0.2.2"][..],
        &["192.0.2.9", "192.0.2.2", "192.0.2.1"],
    ] {
        table.apply(&config(order), start);
        assert_eq!(names(&table), order);
    }
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
    let failure = || Err("no such name".to_owned());
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
            failure(),
            Some(address(3)),
            5,
        ),
        ("again", failure(), Some(address(3)), 10),
        ("and again", failure(), Some(address(3)), 20),
        ("but not ever more seldom", failure(), Some(address(3)), 30),
        ("than this", failure(), Some(address(3)), 30),
        ("an empty answer is no address", Ok(vec![]), None, 300),
        ("the next failure is a first one", failure(), None, 5),
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
fn each_half_of_a_device_is_at_an_address_of_its_version() {
    let start = Clock::System.now();
    let config: Config =
        serde_yaml::from_str("targets: [{address: nas.lan, name: nas, ip: both}]").expect("fine");
    let mut table = Table::new(&config, start);
    assert_eq!(names(&table), ["nas (IPv4)", "nas (IPv6)"]);
    let four = SocketAddr::from(([192, 0, 2, 1], 0));
    let six = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 0));
    let answers = [
        (vec![six, four], [Some(four), Some(six)], ["", ""]),
        (vec![four], [Some(four), None], ["", "it has no IPv6 address"]),
        (vec![six], [None, Some(six)], ["it has no IPv4 address", ""]),
    ];
    let lookups = table.take_lookups(start.instant);
    assert_eq!(lookups.len(), 2);
    for (answer, addresses, errors) in answers {
        for (id, name) in &lookups {
            assert_eq!(name, "nas.lan");
            table.resolved(*id, Ok(answer.clone()), start.instant);
        }
        let found: Vec<_> = table.devices().map(Device::address).collect();
        assert_eq!(found, addresses);
        let place = |device: &Device| match &device.place {
            Place::Named(named) => named.error.clone(),
            Place::Fixed(_) => panic!("it has a name"),
        };
        assert_eq!(table.devices().map(place).collect::<Vec<_>>(), errors);
    }
}

#[test]
fn orders_bear_the_options_in_force() {
    let start = Clock::System.now();
    let with = |ping: &str| -> Config {
        serde_yaml::from_str(&format!("targets: [{{address: 192.0.2.1{ping}}}]")).expect("fine")
    };
    let asked = |table: &mut Table, seconds| {
        let mut orders = Vec::new();
        let now = start.after(Duration::from_secs(seconds));
        table.due(now, &mut orders);
        answer(table, &orders, now);
        orders.pop().expect("due").options
    };
    let mut table = Table::new(&with(""), start);
    assert_eq!(asked(&mut table, 1), None);
    table.apply(&with(", ping: {size: 99}"), start.after(Duration::from_secs(2)));
    assert_eq!(asked(&mut table, 125).map(|options| options.size), Some(99));
    let device = table.devices().next().expect("one");
    assert_eq!(device.account.requests, 2, "still the same device");
    table.apply(&with(""), start.after(Duration::from_secs(126)));
    assert_eq!(asked(&mut table, 245), None);
}

/// The series of all families but the info metric, without their values.
fn series(table: &Table, now: Now) -> Vec<String> {
    let families = crate::collectors::devices::families::of(table, now).into_iter();
    let lasting = families.filter(|family| family.desc.name != "netkestrel_device_info");
    let named = |family: crate::sample::Family| {
        let name = family.desc.name;
        let points = family.points.into_iter();
        points
            .map(move |point| format!("{name} {:?}", point.labels))
            .collect::<Vec<_>>()
    };
    lasting.flat_map(named).collect()
}

#[test]
fn a_name_that_resolves_late_and_moves_stays_one_device() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["nas.lan"]), start);
    let id = table.take_lookups(start.instant)[0].0;
    let address = |last: u8| SocketAddr::from(([192, 0, 2, last], 0));
    let none: Result<Vec<SocketAddr>, String> = Err("no such name".to_owned());
    let (mut now, mut asked, mut seen) = (start, Vec::new(), Vec::new());
    for (sentence, answer, status, minutes) in [
        (
            "a name nobody knows says nothing about the device",
            &none,
            Status::Unknown,
            2,
        ),
        ("nor does it later", &none, Status::Unknown, 2),
        ("found at last", &Ok(vec![address(1)]), Status::Up, 5),
        ("moved", &Ok(vec![address(2)]), Status::Up, 5),
        (
            "the server of names is gone, the device is not",
            &none,
            Status::Up,
            5,
        ),
        ("moved back", &Ok(vec![address(1)]), Status::Up, 5),
    ] {
        table.resolved(id, answer.clone(), now.instant);
        let end = now.after(Duration::from_mins(minutes));
        let mut to = Vec::new();
        while let Some(next) = table.next().filter(|next| *next < end.instant) {
            now = now.after(next.saturating_duration_since(now.instant));
            let mut orders = Vec::new();
            table.due(now, &mut orders);
            to.extend(orders.iter().map(|order| order.to));
            self::answer(&mut table, &orders, now);
        }
        now = end;
        to.dedup();
        asked.extend(to);
        let device = table.devices().next().expect("is configured");
        assert_eq!(device.machine.status(), status, "{sentence}");
        assert_eq!(device.id, id, "{sentence}: the same device");
        if status == Status::Up {
            seen.push(series(&table, now));
        }
    }
    let path = [address(1), address(2), address(2), address(1)];
    assert_eq!(asked, path, "each stretch asks one address");
    assert!(
        seen.windows(2).all(|pair| pair[0] == pair[1]),
        "no series comes or goes"
    );
    assert_eq!(table.take_news(), [], "nothing of this is an outage");
    let device = table.devices().next().expect("is configured");
    assert_eq!(device.account.failures.iter().sum::<u32>(), 0, "nor a loss");
}

/// Everything that is due until `now` is missed at once.
fn miss_all(table: &mut Table, now: Now) {
    let mut orders = Vec::new();
    table.due(now, &mut orders);
    for order in orders {
        let event = Event {
            id: order.id,
            method: order.method,
            what: What::Ended(Outcome::Missed(Miss::Timeout)),
        };
        table.record(&event, now, &mut Vec::new());
    }
}

#[test]
fn a_device_that_falls_silent_has_its_name_looked_up_unless_that_has_just_been_done() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["nas.lan"]), start);
    let id = table.take_lookups(start.instant)[0].0;
    let found = || Ok(vec![SocketAddr::from(([192, 0, 2, 1], 0))]);
    table.resolved(id, found(), start.instant);
    answer_all(&mut table, start);
    let soon = start.after(Duration::from_mins(1));
    miss_all(&mut table, soon);
    assert!(std::mem::take(&mut table.hastened_lookup), "it may have moved");
    assert_eq!(table.take_lookups(soon.instant).len(), 1);
    miss_all(&mut table, soon.after(Duration::from_secs(1)));
    assert!(
        !table.hastened_lookup,
        "it kept silent before, and is being looked up"
    );
    table.resolved(id, found(), soon.after(Duration::from_secs(2)).instant);
    answer_all(&mut table, soon.after(Duration::from_secs(2)));
    miss_all(&mut table, soon.after(Duration::from_secs(10)));
    assert!(!table.hastened_lookup, "that was done eight seconds ago");
}

fn paused(addresses: &[&str]) -> Config {
    let mut config = config(addresses);
    config.targets.iter_mut().for_each(|target| target.paused = true);
    config
}

/// What was told since the last call, and when it became so, in seconds from `start`.
fn told(table: &mut Table, start: Now, now: Now) -> Vec<(Observed, u64, String)> {
    let news = table.take_news().into_iter().map(|reading| reading.observed);
    let changes = table.take_changes().into_iter().map(|change| {
        let passed = now.instant - start.instant;
        (
            passed.saturating_sub(change.lasting).as_secs(),
            change.why.to_string(),
        )
    });
    let told = news.zip(changes.collect::<Vec<_>>());
    told.map(|(observed, (since, why))| (observed, since, why))
        .collect()
}

#[test]
fn a_paused_device_is_left_alone_and_asked_at_once_when_it_goes_on() {
    let start = Clock::System.now();
    let at = |seconds| start.after(Duration::from_secs(seconds));
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    answer_all(&mut table, at(0));
    let mut orders = Vec::new();
    table.due(at(60), &mut orders);
    table.apply(&paused(&["192.0.2.1"]), at(61));
    let status = |table: &Table| table.devices().next().map(|device| device.machine.shown());
    assert_eq!(status(&table), Some(Status::Paused));
    assert_eq!(
        told(&mut table, start, at(61)),
        [(
            Observed::Missing(Missing::Paused),
            61,
            "paused in the configuration".to_owned()
        )]
    );
    answer(&mut table, &orders, at(62));
    assert_eq!(
        status(&table),
        Some(Status::Paused),
        "what was under way says nothing"
    );
    let mut asked = 0;
    for minute in 2..60 {
        asked += answer_all(&mut table, at(minute * 60));
        table.age(at(minute * 60));
    }
    assert_eq!((asked, status(&table)), (0, Some(Status::Paused)));
    let readings = readings::take(&mut table);
    assert!(
        readings
            .iter()
            .filter(|reading| reading.subject == "192.0.2.1")
            .all(|reading| reading.observed == Observed::Missing(Missing::Paused)),
        "{readings:?}"
    );

    table.apply(&config(&["192.0.2.1"]), at(3_600));
    assert_eq!(status(&table), Some(Status::Unknown));
    let news = told(&mut table, start, at(3_600));
    assert_eq!(
        news,
        [(
            Observed::Missing(Missing::NoSample),
            3_600,
            "not probed yet".to_owned()
        )]
    );
    assert_eq!(answer_all(&mut table, at(3_600)), 1, "asked at once");
    assert_eq!(status(&table), Some(Status::Up));
    let device = table.devices().next().expect("is configured");
    assert_eq!(device.account.requests, 2, "its counters go on");
    let (observed, up) = device.machine.uptime(at(3_600));
    assert_eq!(
        (observed.as_secs(), up.as_secs()),
        (61, 61),
        "the pause counts for nothing"
    );
}

#[test]
fn a_host_without_a_route_has_no_uplink_whatever_is_paused() {
    let start = Clock::System.now();
    let mut config = config(&["192.0.2.1", "192.0.2.2"]);
    config.targets[1].paused = true;
    let mut table = Table::new(&config, start);
    let (mut orders, mut now) = (Vec::new(), start);
    while now.instant < start.instant + Duration::from_secs(200) {
        table.due(now, &mut orders);
        for order in orders.drain(..) {
            let unsent = Unsent {
                reason: UnsentReason::NoRoute,
                detail: String::new(),
            };
            let event = Event {
                id: order.id,
                method: order.method,
                what: What::Ended(Outcome::Unsent(unsent)),
            };
            table.record(&event, now, &mut Vec::new());
        }
        now = now.after(Duration::from_secs(1));
    }
    assert!(table.uplink.is_gone());
    let statuses: Vec<_> = table.devices().map(|device| device.machine.shown()).collect();
    assert_eq!(statuses, [Status::Unknown, Status::Paused]);
}

#[test]
fn a_maintenance_window_covers_what_happens_in_it_and_nothing_else() {
    let start = Clock::System.now();
    let at = |seconds| start.after(Duration::from_secs(seconds));
    let window = |names: &[&str]| names.iter().map(SmolStr::new).collect::<HashSet<_>>();
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    answer_all(&mut table, at(0));
    table.set_maintenance(window(&["192.0.2.1"]), at(10));
    let covered = "in a maintenance window".to_owned();
    assert_eq!(
        told(&mut table, start, at(10)),
        [(Observed::Excused(1.0), 10, covered.clone())]
    );
    for second in [60, 61, 62] {
        miss_all(&mut table, at(second));
    }
    let shown = |table: &Table| {
        let device = table.devices().next().expect("is configured");
        (device.machine.shown(), device.machine.status())
    };
    assert_eq!(shown(&table), (Status::Maintenance, Status::Down));
    assert_eq!(
        told(&mut table, start, at(62)),
        [(Observed::Excused(0.0), 10, covered)]
    );
    let families = crate::collectors::devices::families::of(&table, at(62));
    let up = families
        .iter()
        .find(|family| family.desc.name == "netkestrel_device_up");
    assert_eq!(up.map(|family| family.points.len()), Some(0), "it is not judged");

    table.set_maintenance(window(&["another"]), at(70));
    assert_eq!(shown(&table), (Status::Down, Status::Down));
    assert_eq!(
        told(&mut table, start, at(70)),
        [(Observed::Value(0.0), 70, "no answer in time".to_owned())],
        "the outage begins with the end of the window"
    );
    let device = table.devices().next().expect("is configured");
    let (observed, up) = device.machine.uptime(at(90));
    assert_eq!((observed.as_secs(), up.as_secs()), (30, 10));
}

#[test]
fn a_device_that_is_new_in_a_maintenance_window_is_covered() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    let names = ["192.0.2.1", "192.0.2.2"].map(SmolStr::new);
    table.set_maintenance(names.into(), start);
    table.apply(&config(&["192.0.2.1", "192.0.2.2"]), start);
    let shown: Vec<_> = table.devices().map(|device| device.machine.shown()).collect();
    assert_eq!(shown, [Status::Maintenance; 2]);
}

#[test]
fn the_gateway_is_watched_only_without_targets() {
    let start = Clock::System.now();
    let gateway = |last: u8| Some(SocketAddr::from(([192, 168, 0, last], 0)));
    let mut table = Table::new(&config(&[]), start);
    assert!(table.wants_routes());
    table.set_gateway(None, start);
    assert_eq!(names(&table), [""; 0], "none found, nothing watched");
    table.set_gateway(gateway(1), start);
    let device = table.devices().next().expect("the gateway").id;
    let old = ProbeId { device, number: 0 };
    assert_eq!(answer_all(&mut table, start), 1);
    table.set_gateway(gateway(2), start);
    let mut orders = Vec::new();
    table.due(start.after(Duration::from_secs(3)), &mut orders);
    let facts = |table: &Table| {
        let device = table.devices().next().expect("the gateway");
        (device.address(), device.account.requests, device.machine.status())
    };
    assert_eq!(
        facts(&table),
        (gateway(2), 0, Status::Unknown),
        "another address is another device"
    );
    assert_eq!(
        orders.iter().map(|order| order.to).collect::<Vec<_>>(),
        [SocketAddr::from(([192, 168, 0, 2], 0))],
        "asked at once, and the old one no more"
    );
    let late = Event {
        what: What::LateReply,
        id: old,
        method: orders[0].method,
    };
    table.record(&late, start, &mut Vec::new());
    assert_eq!(
        table.devices().next().map(|device| device.account.late_replies),
        Some(0),
        "news about the old one is none about the new one"
    );
    table.set_gateway(gateway(2), start.after(Duration::from_mins(1)));
    let asked = table.devices().next().map(|device| device.id);
    assert_eq!(
        asked,
        orders.first().map(|order| order.id.device),
        "the same stays"
    );
    table.set_gateway(None, start);
    assert_eq!(names(&table), ["gateway"], "one that vanished stays watched");
    table.apply(&config(&[]), start);
    assert_eq!(
        table
            .devices()
            .map(|device| device.account.requests)
            .collect::<Vec<_>>(),
        [0]
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

#[test]
fn time_in_which_nothing_is_watched_counts_as_nothing() {
    let start = Clock::System.now();
    let on = config(&["192.0.2.1"]);
    let mut table = Table::new(&on, start);
    let mut orders = Vec::new();
    table.due(start, &mut orders);
    answer(&mut table, &orders, start);
    let seconds = |table: &Table, now| {
        let (observed, up) = table.devices().next().expect("one").machine.uptime(now);
        (observed.as_secs(), up.as_secs())
    };
    let at = |seconds| start.after(Duration::from_secs(seconds));
    table.apply(
        &Config {
            enabled: false,
            ..on.clone()
        },
        at(10),
    );
    answer(&mut table, &orders, at(11));
    let status = |table: &Table| table.devices().next().expect("one").machine.status();
    assert_eq!(
        status(&table),
        Status::Unknown,
        "news of earlier probes change nothing"
    );
    let day = 24 * 60 * 60;
    assert_eq!(seconds(&table, at(day)), (10, 10));
    table.apply(&on, at(day));
    assert_eq!(seconds(&table, at(day)), (10, 10), "on again");
    assert_eq!(answer_all(&mut table, at(day)), 1, "asked at once");
    assert_eq!(status(&table), Status::Up);
    assert_eq!(seconds(&table, at(day + 5)), (15, 15));
}

/// A device that answers until `dies` and then no more: seconds from its first missed probe until it is down.
fn seconds_until_down(config: &Config, dies: Duration) -> f64 {
    let start = Clock::System.now();
    let mut table = Table::new(config, start);
    let mut ends: Vec<(Instant, Order)> = Vec::new();
    let mut first_missed = None;
    loop {
        let expiry = ends.iter().map(|(end, _)| *end).min();
        let next = table.next().into_iter().chain(expiry).min().expect("one device");
        let now = start.after(next - start.instant);
        let mut orders = Vec::new();
        for (_, order) in ends.extract_if(.., |(end, _)| *end <= next) {
            let what = What::Ended(Outcome::Missed(Miss::Timeout));
            let event = Event {
                id: order.id,
                method: order.method,
                what,
            };
            table.record(&event, now, &mut orders);
        }
        table.due(now, &mut orders);
        if next < start.instant + dies {
            answer(&mut table, &orders, now);
        } else if !orders.is_empty() {
            first_missed.get_or_insert(next);
            ends.extend(orders.into_iter().map(|order| (next + order.timeout, order)));
        }
        if table
            .devices()
            .all(|device| device.machine.status() == Status::Down)
        {
            return (next - first_missed.expect("it was missed before")).as_secs_f64();
        }
    }
}

#[test]
fn a_dead_device_is_down_within_the_timeout_and_three_seconds() {
    for (interval, timeout, probes) in [
        (120.0, 5.0, 3),
        (12.0, 0.5, 3),
        (1.0, 5.0, 1),
        (60.0, 5.0, 1),
        (4.0, 0.3, 1),
    ] {
        for check in [Check::Icmp, Check::Tcp, Check::IcmpThenTcp] {
            for dies in [0.5, 1.5, 2.5, 50.0] {
                let mut config = Config {
                    interval: HumanDuration(Duration::from_secs_f64(interval)),
                    timeout: HumanDuration(Duration::from_secs_f64(timeout)),
                    probes,
                    ..config(&["192.0.2.1"])
                };
                config.targets[0].check = check;
                config.targets[0].port = Some(22);
                let taken = seconds_until_down(&config, Duration::from_secs_f64(dies));
                assert!(
                    taken <= timeout + 3.0,
                    "{check:?} every {interval} s, timeout {timeout} s, {probes} probes, dies after {dies} s: {taken} s"
                );
            }
        }
    }
}

/// Lets the probe that is due next end like this; what is told about it, by name and value.
fn news_of(table: &mut Table, start: Now, outcome: &Outcome) -> Vec<(String, Option<f64>)> {
    let (mut orders, mut now) = (Vec::new(), start);
    while orders.is_empty() {
        let next = table.next().expect("one device");
        now = start.after(next - start.instant);
        table.due(now, &mut orders);
    }
    for order in orders {
        let event = Event {
            id: order.id,
            method: order.method,
            what: What::Ended(outcome.clone()),
        };
        table.record(&event, now, &mut Vec::new());
    }
    let news = table.take_news().into_iter();
    news.map(|news| (news.subject.to_string(), news.observed.value()))
        .collect()
}

#[test]
fn changes_are_told_once_when_they_are_certain() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    let told = |value| vec![("192.0.2.1".to_owned(), Some(value))];
    let miss = Outcome::Missed(Miss::Timeout);
    let answer = Outcome::Answered(Answer {
        round_trip: Duration::from_millis(2),
        hop_limit: None,
    });
    for (sentence, outcome, expected) in [
        ("to be up at first is no news", &answer, vec![]),
        ("one miss is a suspicion", &miss, vec![]),
        ("as is a second", &miss, vec![]),
        ("a third confirms it", &miss, told(0.0)),
        ("once", &miss, vec![]),
        ("it is back with one answer", &answer, told(1.0)),
        ("once", &answer, vec![]),
    ] {
        assert_eq!(news_of(&mut table, start, outcome), expected, "{sentence}");
    }
}

#[test]
fn a_device_that_is_down_from_the_start_is_told_when_confirmed() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    let miss = Outcome::Missed(Miss::Timeout);
    let told: Vec<usize> = (0..5).map(|_| news_of(&mut table, start, &miss).len()).collect();
    assert_eq!(told, [0, 0, 1, 0, 0]);
}

#[test]
fn an_outage_is_told_from_its_first_miss() {
    let start = Clock::System.now();
    let mut table = Table::new(&config(&["192.0.2.1"]), start);
    let miss = Outcome::Missed(Miss::Timeout);
    let answer = Outcome::Answered(Answer {
        round_trip: Duration::from_millis(2),
        hop_limit: None,
    });
    let mut now = start;
    let mut lasting = |table: &mut Table, outcome: &Outcome, seconds| {
        now = now.after(Duration::from_secs(seconds));
        let (device, mut orders) = (table.devices().next().expect("one").id, Vec::new());
        let number = u64::MAX / 2 + now.instant.duration_since(start.instant).as_secs();
        let event = Event {
            id: ProbeId { device, number },
            method: crate::collectors::devices::probe::Method::Echo,
            what: What::Ended(outcome.clone()),
        };
        table.record(&event, now, &mut orders);
        let changes = table.take_changes().into_iter();
        let changes: Vec<_> = changes.map(|change| change.lasting.as_secs()).collect();
        (changes, now)
    };
    for (outcome, seconds, expected) in [
        (&answer, 1, vec![]),
        (&miss, 10, vec![]),
        (&answer, 5, vec![]),
        (&miss, 10, vec![]),
        (&miss, 2, vec![]),
        (&miss, 1, vec![3]),
        (&miss, 1, vec![]),
    ] {
        assert_eq!(lasting(&mut table, outcome, seconds).0, expected);
    }
    // The next run tells it again, as news may be lost.
    let (_, now) = lasting(&mut table, &miss, 10);
    let told = |table: &mut Table| -> Vec<_> {
        let changes = readings::take_changes(table, now).into_iter();
        changes
            .map(|change| (change.lasting.as_secs(), change.why))
            .collect()
    };
    assert_eq!(told(&mut table), [(14, "no answer in time".into())]);
    assert_eq!(told(&mut table), []);
}
