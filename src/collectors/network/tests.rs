//! The collector over readings made up by the test: what interval runs and scrapes make of them.

use std::{collections::VecDeque, time::Instant};

use prometheus_client::{encoding::text::encode, metrics::histogram::Histogram, registry::Registry};

use super::{
    fixture::{interface, link},
    interface::{Kind, Link},
    *,
};
use crate::{
    clock::Clock,
    sample::{Missing, Observed, Value},
};

const RX: &str = "network_receive_bytes_per_second";
const TX: &str = "network_transmit_bytes_per_second";
const TOTAL: &str = "network_total_bytes_per_second";
const UP: &str = "network_interface_up";
const FIRST: Observed = Observed::Missing(Missing::FirstReading);

/// Gives the readings it was made of, one per call, all taken at the same moment.
struct Script {
    readings: VecDeque<Option<Vec<Interface>>>,
    taken: Instant,
}

impl Source for Script {
    fn read(&mut self, _: Facts) -> Result<Snapshot, Error> {
        let reading = self.readings.pop_front().flatten();
        let interfaces = reading.ok_or_else(|| Error::Parse {
            what: "script".to_owned(),
            detail: "nothing to read".to_owned(),
        })?;
        Ok(Snapshot {
            taken: self.taken,
            interfaces,
        })
    }
}

struct Bench {
    collector: Collector,
    now: Now,
}

impl Bench {
    fn new(readings: impl IntoIterator<Item = Option<Vec<Interface>>>) -> Self {
        Self::with(&Config::default(), readings)
    }

    fn with(config: &Config, readings: impl IntoIterator<Item = Option<Vec<Interface>>>) -> Self {
        let now = Clock::System.now();
        let script = Script {
            readings: readings.into_iter().collect(),
            taken: now.instant,
        };
        Self {
            collector: Collector::with_source(config, Box::new(script)),
            now,
        }
    }

    /// The next interval run, `seconds` after the one before.
    fn sample(&mut self, seconds: u64) -> Batch {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.collector.sample(self.now).data
    }

    fn scrape(&self) -> Vec<Family> {
        self.collector.scrape(self.now).data
    }
}

fn observed(batch: &Batch, signal: &str, subject: &str) -> Option<Observed> {
    let found = batch
        .readings
        .iter()
        .find(|reading| (reading.signal.name, reading.subject.as_str()) == (signal, subject));
    found.map(|reading| reading.observed)
}

fn series<'a>(families: &'a [Family], name: &str) -> Vec<(&'a str, &'a Value)> {
    let family = families.iter().find(|family| family.desc.name == name);
    let points = family.map(|family| family.points.as_slice()).unwrap_or_default();
    points
        .iter()
        .map(|point| (point.labels[0].as_str(), &point.value))
        .collect()
}

fn count_and_sum(histogram: &Histogram) -> (f64, f64) {
    let mut registry = Registry::default();
    registry.register("rate", "Help", histogram.clone());
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to memory");
    let number = |start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        line.and_then(|number| number.trim().parse().ok()).expect(start)
    };
    (number("rate_count"), number("rate_sum"))
}

fn eth0() -> Link {
    link(2, "eth0", Kind::Physical)
}

fn fast_eth0() -> Link {
    Link {
        speed: Some(1_000.0),
        ..eth0()
    }
}

fn down(link: Link) -> Link {
    Link {
        up: false,
        operstate: "down".into(),
        ..link
    }
}

fn health(batch: &Batch) -> Option<Health> {
    batch.health.first().and_then(|part| part.health)
}

#[test]
fn rates_are_differences_over_true_time() {
    let mut bench = Bench::new([
        Some(vec![interface(eth0(), 1_000, 500)]),
        Some(vec![interface(eth0(), 4_000, 500)]),
    ]);
    let first = bench.sample(0);
    assert_eq!((first.elapsed, observed(&first, RX, "eth0")), (None, Some(FIRST)));
    assert_eq!(observed(&first, TOTAL, ""), Some(FIRST));
    let second = bench.sample(30);
    assert_eq!(second.elapsed, Some(Duration::from_secs(30)));
    assert_eq!(observed(&second, RX, "eth0"), Some(Observed::Value(100.0)));
    assert_eq!(observed(&second, TX, "eth0"), Some(Observed::Value(0.0)));
    assert_eq!(observed(&second, TOTAL, ""), Some(Observed::Value(100.0)));
    assert_eq!(observed(&second, UP, "eth0"), Some(Observed::Value(1.0)));
}

#[test]
fn a_reading_taken_late_counts_from_when_it_was_taken() {
    let mut bench = Bench::new([
        Some(vec![interface(eth0(), 0, 0)]),
        Some(vec![interface(eth0(), 3_000, 0)]),
    ]);
    bench.sample(0);
    let late = bench.now.instant + Duration::from_secs(3);
    bench.collector.source = Mutex::new(Box::new(Script {
        readings: [Some(vec![interface(eth0(), 3_000, 0)])].into(),
        taken: late,
    }));
    let batch = bench.sample(1);
    assert_eq!(batch.elapsed, Some(Duration::from_secs(3)));
    assert_eq!(observed(&batch, RX, "eth0"), Some(Observed::Value(1_000.0)));
}

#[test]
fn an_interface_created_anew_starts_anew() {
    let again = || link(7, "eth0", Kind::Physical);
    let mut bench = Bench::new([
        Some(vec![interface(eth0(), 1_000_000, 0)]),
        Some(vec![interface(again(), 2_000_000, 0)]),
        Some(vec![interface(again(), 2_000_500, 0)]),
    ]);
    bench.sample(0);
    assert_eq!(observed(&bench.sample(1), RX, "eth0"), Some(FIRST));
    assert_eq!(
        observed(&bench.sample(1), RX, "eth0"),
        Some(Observed::Value(500.0))
    );
}

#[test]
fn a_counter_that_goes_down_is_a_reset_and_no_total() {
    let eth1 = || link(3, "eth1", Kind::Physical);
    let mut bench = Bench::new([
        Some(vec![interface(eth0(), 1_000, 0), interface(eth1(), 0, 0)]),
        Some(vec![interface(eth0(), 10, 0), interface(eth1(), 70, 0)]),
        Some(vec![interface(eth0(), 20, 0), interface(eth1(), 70, 0)]),
    ]);
    bench.sample(0);
    let reset = bench.sample(1);
    let missing = Some(Observed::Missing(Missing::CounterReset));
    for (signal, subject, expected) in [
        (RX, "eth0", missing),
        (TX, "eth0", missing),
        (TOTAL, "", missing),
        (RX, "eth1", Some(Observed::Value(70.0))),
        (UP, "eth0", Some(Observed::Value(1.0))),
    ] {
        assert_eq!(observed(&reset, signal, subject), expected, "{signal} {subject}");
    }
    assert_eq!(
        observed(&bench.sample(1), RX, "eth0"),
        Some(Observed::Value(10.0))
    );
}

#[test]
fn a_failed_read_is_no_zero_and_the_next_rate_spans_both_intervals() {
    let mut bench = Bench::new([
        Some(vec![interface(fast_eth0(), 0, 0)]),
        None,
        Some(vec![interface(fast_eth0(), 600, 0)]),
    ]);
    bench.sample(0);
    bench.now = bench.now.after(Duration::from_secs(30));
    let failed = bench.collector.sample(bench.now);
    assert_eq!(failed.failures.len(), 1);
    assert_eq!(health(&failed.data), None);
    let missing = Some(Observed::Missing(Missing::ReadFailed));
    for (signal, subject) in [
        (RX, "eth0"),
        (UP, "eth0"),
        (TOTAL, ""),
        ("network_utilisation_ratio", "eth0"),
    ] {
        assert_eq!(observed(&failed.data, signal, subject), missing, "{signal}");
    }
    let next = bench.sample(30);
    assert_eq!(next.elapsed, Some(Duration::from_mins(1)));
    assert_eq!(observed(&next, RX, "eth0"), Some(Observed::Value(10.0)));
}

#[test]
fn a_failed_scrape_shows_nothing_and_says_so() {
    let bench = Bench::new([None]);
    let outcome = bench.collector.scrape(bench.now);
    assert!(outcome.data.is_empty());
    assert_eq!(outcome.failures.len(), 1);
}

#[test]
fn an_implausible_rate_is_kept_flagged_and_counted() {
    let reading = |bytes| Some(vec![interface(fast_eth0(), bytes, 0)]);
    let mut bench = Bench::new([reading(0), reading(0), reading(5_000), reading(5_000)]);
    bench.sample(0);
    let count = |families: &[Family]| match series(families, "netkestrel_network_implausible_rates_total")[..]
    {
        [("eth0", Value::Number(count))] => *count,
        ref other => panic!("{other:?}"),
    };
    assert!(count(&bench.scrape()) < 0.5, "zero before the first");
    let batch = bench.sample(1);
    assert_eq!(observed(&batch, RX, "eth0"), Some(Observed::Implausible(5_000.0)));
    assert_eq!(observed(&batch, TX, "eth0"), Some(Observed::Value(0.0)));
    assert_eq!(observed(&batch, TOTAL, ""), Some(Observed::Implausible(5_000.0)));
    let utilisation = observed(&batch, "network_utilisation_ratio", "eth0");
    assert_eq!(utilisation, Some(Observed::Implausible(5.0)));
    assert!((count(&bench.scrape()) - 1.0).abs() < 1e-9);
}

#[test]
fn utilisation_needs_a_known_speed() {
    let mut bench = Bench::new([
        Some(vec![interface(eth0(), 0, 0)]),
        Some(vec![interface(fast_eth0(), 200, 400)]),
    ]);
    assert_eq!(
        observed(&bench.sample(0), "network_utilisation_ratio", "eth0"),
        None
    );
    let batch = bench.sample(1);
    let utilisation = observed(&batch, "network_utilisation_ratio", "eth0");
    assert_eq!(utilisation, Some(Observed::Value(0.4)));
}

#[test]
fn rates_fill_histograms_that_vanish_with_their_interface() {
    let with = |bytes| {
        Some(vec![
            interface(eth0(), bytes, 0),
            interface(link(1, "lo", Kind::Loopback), 0, 0),
        ])
    };
    let without = || Some(vec![interface(link(1, "lo", Kind::Loopback), 0, 0)]);
    let mut bench = Bench::new([with(0), with(0), with(50), with(50), without()]);
    let name = "netkestrel_network_receive_bytes_per_second";
    assert!(
        series(&bench.scrape(), name).is_empty(),
        "nothing was sampled yet"
    );
    bench.sample(0);
    bench.sample(1);
    let families = bench.scrape();
    let counts: Vec<_> = series(&families, name)
        .into_iter()
        .map(|(interface, value)| match value {
            Value::Histogram(histogram) => (interface, count_and_sum(histogram)),
            Value::Number(_) => panic!("a histogram is wanted"),
        })
        .collect();
    assert_eq!(counts, [("eth0", (1.0, 50.0)), ("lo", (1.0, 0.0))]);
    let names = |families: &[Family]| {
        series(families, name)
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&bench.scrape()), ["lo"]);
}

#[test]
fn histograms_can_be_left_out() {
    let config = Config {
        histograms: false,
        ..Config::default()
    };
    let reading = || Some(vec![interface(fast_eth0(), 0, 0)]);
    let mut bench = Bench::with(&config, [reading(), reading()]);
    bench.sample(0);
    let families = bench.scrape();
    assert!(series(&families, "netkestrel_network_receive_bytes_per_second").is_empty());
    assert_eq!(
        series(&families, "netkestrel_network_receive_bytes_total").len(),
        1
    );
    assert_eq!(
        series(&families, "netkestrel_network_implausible_rates_total").len(),
        1
    );
}

#[test]
fn vanished_interfaces_leave_no_reading() {
    let mut bench = Bench::new([
        Some(vec![
            interface(eth0(), 0, 0),
            interface(link(3, "eth1", Kind::Physical), 0, 0),
        ]),
        Some(vec![interface(eth0(), 10, 0)]),
    ]);
    bench.sample(0);
    let batch = bench.sample(1);
    assert_eq!(observed(&batch, RX, "eth1"), None);
    assert_eq!(observed(&batch, TOTAL, ""), Some(Observed::Value(10.0)));
}

#[test]
fn what_is_left_out_is_left_out_everywhere() {
    let reading = |bytes| {
        Some(vec![
            interface(eth0(), bytes, 0),
            interface(link(3, "eth1", Kind::Physical), bytes, 0),
        ])
    };
    let config = Config {
        exclude: vec!["eth1".to_owned()],
        ..Config::default()
    };
    let mut bench = Bench::with(&config, [reading(0), reading(10), reading(10), reading(20)]);
    bench.sample(0);
    let batch = bench.sample(1);
    assert_eq!(observed(&batch, RX, "eth1"), None);
    assert_eq!(observed(&batch, TOTAL, ""), Some(Observed::Value(10.0)));
    let families = bench.scrape();
    assert!(
        families
            .iter()
            .flat_map(|family| &family.points)
            .all(|point| point.labels[0] != "eth1")
    );
    bench.collector.apply(&Config::default(), HealthLimits::default());
    let batch = bench.sample(1);
    assert_eq!(
        observed(&batch, RX, "eth1"),
        Some(Observed::Value(10.0)),
        "known all along"
    );
}

#[test]
fn an_exposition_has_what_the_system_told_and_nothing_else() {
    let mut mute = interface(eth0(), 1, 2);
    mute.counters.receive.drops = None;
    Arc::make_mut(&mut mute.link).mtu = None;
    let bench = Bench::new([Some(vec![mute])]);
    let families = bench.scrape();
    for (name, expected) in [
        ("netkestrel_network_receive_bytes_total", Some(1.0)),
        ("netkestrel_network_transmit_bytes_total", Some(2.0)),
        ("netkestrel_network_receive_drop_total", None),
        ("netkestrel_network_transmit_drop_total", Some(0.0)),
        ("netkestrel_network_mtu_bytes", None),
        ("netkestrel_network_speed_bytes", None),
        ("netkestrel_network_up", Some(1.0)),
        ("netkestrel_network_info", Some(1.0)),
    ] {
        let found = series(&families, name).first().map(|(_, value)| match value {
            Value::Number(number) => *number,
            Value::Histogram(_) => panic!("{name} is a number"),
        });
        assert_eq!(found, expected, "{name}");
    }
    let described: Vec<_> = families.iter().map(|family| family.desc).collect();
    assert!(described.iter().all(|desc| METRICS.contains(desc)));
}

/// What is tried, the readings of its runs, and the health after the last.
type HealthCase = (&'static str, Vec<Vec<Interface>>, Option<Health>);

#[test]
fn health_warns_of_a_lost_link_only() {
    let off = Link {
        wanted: interface::Wanted::Down,
        ..down(eth0())
    };
    let tunnel = || interface(link(9, "docker0", Kind::Virtual), 0, 0);
    let cases: Vec<HealthCase> = vec![
        ("up", vec![vec![interface(eth0(), 0, 0)]], Some(Health::Ok)),
        (
            "never up",
            vec![vec![interface(down(eth0()), 0, 0)]],
            Some(Health::Ok),
        ),
        (
            "lost",
            vec![vec![interface(eth0(), 0, 0)], vec![interface(down(eth0()), 0, 0)]],
            Some(Health::Warning),
        ),
        (
            "back",
            vec![
                vec![interface(eth0(), 0, 0)],
                vec![interface(down(eth0()), 0, 0)],
                vec![interface(eth0(), 0, 0)],
            ],
            Some(Health::Ok),
        ),
        (
            "switched off",
            vec![vec![interface(eth0(), 0, 0)], vec![interface(off, 0, 0)]],
            Some(Health::Ok),
        ),
        (
            "software lost beside hardware",
            vec![
                vec![interface(eth0(), 0, 0), tunnel()],
                vec![
                    interface(eth0(), 0, 0),
                    interface(down(link(9, "docker0", Kind::Virtual)), 0, 0),
                ],
            ],
            Some(Health::Ok),
        ),
        ("no interface", vec![vec![]], None),
    ];
    for (case, readings, expected) in cases {
        let runs = readings.len();
        let mut bench = Bench::new(readings.into_iter().map(Some));
        let last = (0..runs).map(|_| bench.sample(1)).last().expect("a run");
        assert_eq!(health(&last), expected, "{case}");
    }
}

#[test]
fn a_link_is_told_only_of_hardware_that_had_one() {
    let mut off = down(eth0());
    off.wanted = interface::Wanted::Down;
    let tunnel = interface(link(9, "docker0", Kind::Virtual), 0, 0);
    let runs = [
        ("never up", Some(down(eth0())), None),
        ("up", Some(eth0()), Some(Observed::Value(1.0))),
        ("lost", Some(down(eth0())), Some(Observed::Value(0.0))),
        ("not read", None, Some(Observed::Missing(Missing::ReadFailed))),
        ("back", Some(eth0()), Some(Observed::Value(1.0))),
        ("switched off", Some(off), None),
    ];
    let read = |link: &Option<Link>| Some(vec![interface(link.clone()?, 0, 0), tunnel.clone()]);
    let mut bench = Bench::new(runs.iter().map(|(_, link, _)| read(link)).collect::<Vec<_>>());
    for (sentence, _, expected) in runs {
        let batch = bench.sample(1);
        let told = ["eth0", "docker0"].map(|name| observed(&batch, "network_link_up", name));
        assert_eq!(told, [expected, None], "{sentence}");
    }
}

#[test]
fn every_reading_is_of_a_declared_signal() {
    let mut bench = Bench::new([Some(vec![interface(fast_eth0(), 0, 0)])]);
    let batch = bench.sample(0);
    assert_eq!(batch.readings.len(), SIGNALS.len());
    assert!(
        batch
            .readings
            .iter()
            .all(|reading| SIGNALS.contains(&reading.signal))
    );
}
