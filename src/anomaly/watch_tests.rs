//! What the watch shows and tells, on series made for each promise.

use std::time::{Duration, Instant};

use super::*;
use crate::{
    anomaly::{Standing, metrics::METRICS},
    clock::Now,
    sample::{SubjectKind, Value},
};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// A Monday, at midnight.
const MONDAY: i64 = 1_795_392_000;
const STEP: i64 = 300;

const fn signal(name: &'static str, title: &'static str, subject: SubjectKind) -> Signal {
    Signal {
        name,
        title,
        subject,
        help: "",
    }
}

static DOWN: Signal = signal(
    "network_receive_bytes_per_second",
    "download",
    SubjectKind::Interface,
);
static PACKETS: Signal = signal(
    "network_receive_packets_per_second",
    "received packets",
    SubjectKind::Interface,
);
static UP: Signal = signal(
    "network_transmit_bytes_per_second",
    "upload",
    SubjectKind::Interface,
);
static CPU: Signal = signal("cpu_usage_ratio", "CPU usage", SubjectKind::Host);
static READS: Signal = signal("disk_read_bytes_per_second", "disk reads", SubjectKind::Disk);

/// Every series a run sees: the signal, its subject and its usual size.
const SERIES: [(&Signal, &str, f64); 5] = [
    (&DOWN, "eth0", 2e6),
    (&PACKETS, "eth0", 2e3),
    (&UP, "eth0", 5e5),
    (&CPU, "", 0.2),
    (&READS, "sda", 5e6),
];

/// Numbers that look like noise, between -1 and 1; the same in each run.
fn noise(number: i64) -> f64 {
    let mut bits = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits >> 11) as f64 / (1_u64 << 52) as f64) - 1.0
}

/// A host with its clock.
struct Host {
    watch: Watch,
    epoch: Instant,
    /// Seconds since 1970.
    at: i64,
    /// When a test begins to look.
    since: i64,
}

/// What is told of a run: the subject, and the explanation while it lasts.
type Told = (String, Option<String>);

fn signals() -> Vec<&'static Signal> {
    SERIES.iter().map(|(signal, ..)| *signal).collect()
}

impl Host {
    fn new(config: Config) -> Self {
        Self {
            watch: Watch::new(config, TimeZone::UTC, None, &signals()),
            epoch: Instant::now(),
            at: MONDAY,
            since: MONDAY,
        }
    }

    /// Watched for so many days in which nothing happened.
    fn after(days: i64) -> Self {
        let mut host = Self::new(Config::default());
        host.pass(days * DAY);
        host.since = host.at;
        host
    }

    /// Lets time pass in which nothing happens. Returns what was told.
    fn pass(&mut self, seconds: i64) -> Vec<Told> {
        let end = self.at + seconds;
        let mut told = Vec::new();
        while self.at < end {
            told.extend(self.run(&[]));
        }
        told
    }

    /// One run in which some series are exactly so many times their usual size.
    fn run(&mut self, factors: &[(&Signal, f64)]) -> Vec<Told> {
        self.run_with(factors, &|_| Level::Within)
    }

    fn run_with(&mut self, factors: &[(&Signal, f64)], level: &dyn Fn(&Reading) -> Level) -> Vec<Told> {
        let batch = self.batch(factors);
        let tales = self.watch.judge(&batch, level);
        self.at += STEP;
        tales.into_iter().map(words).collect()
    }

    fn now(&self) -> Now {
        let passed = u64::try_from(self.at - MONDAY).expect("time goes on");
        Now {
            instant: self.epoch + Duration::from_secs(passed),
            wall: jiff::Timestamp::from_second(self.at).expect("a time"),
        }
    }

    fn batch(&self, factors: &[(&Signal, f64)]) -> Batch {
        let reading = |number: i64, (signal, subject, size): (&'static Signal, &str, f64)| {
            let factor = factors.iter().find(|(of, _)| *of == signal).map(|(_, by)| *by);
            let wave = || 1.0 + 0.2 * noise(self.at / STEP * 16 + number);
            Reading {
                signal,
                subject: subject.into(),
                observed: Observed::Value(size * factor.unwrap_or_else(wave)),
            }
        };
        Batch {
            collector: "all",
            scope: Scope::Whole,
            at: self.now(),
            elapsed: Some(Duration::from_secs(STEP.unsigned_abs())),
            readings: (0..)
                .zip(SERIES)
                .map(|(number, one)| reading(number, one))
                .collect(),
            changes: Vec::new(),
            health: Vec::new(),
        }
    }

    fn shown(&self) -> Vec<&Anomaly> {
        let all = self.watch.anomalies(self.at).map(|(anomaly, _)| anomaly);
        all.filter(|anomaly| anomaly.moment.unix() >= self.since)
            .collect()
    }

    /// The value of a metric of a series, or of the one without labels.
    fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let now = self.now();
        let families = self.watch.overview(now.instant, self.at).families(now.instant);
        let family = families.into_iter().find(|family| family.desc.name == name)?;
        let point = family.points.into_iter().find(|point| *point.labels == *labels)?;
        match point.value {
            Value::Number(value) => Some(value),
            Value::Histogram(_) => None,
        }
    }
}

fn words(tale: Tale) -> Told {
    let why = match tale.standing {
        Standing::Lasting(event) => Some(event.explanation),
        _ => None,
    };
    (tale.subject.to_string(), why)
}
#[test]
fn nothing_is_shown_on_the_first_day() {
    let mut host = Host::new(Config::default());
    host.pass(20 * HOUR);
    assert_eq!(host.run(&[(&DOWN, 30.0), (&UP, 30.0)]), []);
    assert!(host.shown().is_empty());
    assert_eq!(
        host.metric("netkestrel_anomaly_model_ready", &[DOWN.name, "eth0"]),
        Some(0.0)
    );
}

#[test]
fn an_incident_of_one_series_is_shown_in_words_and_never_told() {
    let mut host = Host::after(10);
    for _ in 0..4 {
        assert_eq!(host.run(&[(&CPU, 3.0)]), []);
    }
    let shown = host.shown();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!((shown[0].subject.as_str(), shown[0].told), ("", false));
    let why = &shown[0].explanation;
    assert!(why.starts_with("CPU usage "), "{why}");
    assert!(why.contains("× the usual for 00:00 ("), "{why}");
    assert!(why.ends_with("highest in 10 days"), "{why}");
    assert_eq!(
        host.metric("netkestrel_anomaly_active", &[CPU.name, ""]),
        Some(1.0)
    );
    let total = host.metric("netkestrel_anomalies_total", &[CPU.name, "rise"]);
    assert_eq!(total, Some(1.0));
    host.pass(2 * HOUR);
    assert_eq!(
        host.metric("netkestrel_anomaly_active", &[CPU.name, ""]),
        Some(0.0)
    );
}

#[test]
fn related_series_that_are_new_together_are_one_event_until_an_hour_is_quiet() {
    let mut host = Host::after(10);
    let begun = host.run(&[(&DOWN, 3.0), (&UP, 3.0)]);
    let [(subject, Some(why))] = &begun[..] else {
        panic!("{begun:?}");
    };
    assert_eq!(subject, "eth0");
    assert!(why.starts_with("upload "), "{why}");
    assert!(why.ends_with("; unusual as well: download"), "{why}");
    assert!(host.shown().iter().all(|anomaly| anomaly.told));
    assert_eq!(host.run(&[(&DOWN, 3.0), (&UP, 3.0)]), begun, "it stays the same");
    let rest = host.pass(3 * HOUR);
    let (last, before) = rest.split_last().expect("it ends");
    assert_eq!(*last, ("eth0".to_owned(), None));
    assert!(before.iter().all(|told| *told == begun[0]));
    assert!((11..=12).contains(&before.len()), "{}", before.len());
}

#[test]
fn the_disks_of_a_host_belong_to_it() {
    let mut host = Host::after(10);
    let told = host.run(&[(&CPU, 4.0), (&READS, 9.0)]);
    let [(subject, Some(why))] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(subject, "");
    assert!(why.starts_with("disk reads of sda "), "{why}");
    assert!(why.ends_with("; unusual as well: CPU usage"), "{why}");
}

#[test]
fn bytes_and_packets_of_one_direction_say_the_same() {
    let mut host = Host::after(10);
    assert_eq!(host.run(&[(&DOWN, 3.0), (&PACKETS, 3.0)]), []);
    assert_eq!(host.shown().len(), 2);
}

#[test]
fn a_level_that_speaks_for_it_makes_it_told_once_unless_its_rule_fires_already() {
    for (level, expected) in [(Level::Beyond, 1), (Level::Fires, 0)] {
        let mut host = Host::after(10);
        let busy = |reading: &Reading| {
            if *reading.signal == CPU {
                level
            } else {
                Level::Within
            }
        };
        let told = host.run_with(&[(&CPU, 4.0)], &busy);
        assert_eq!(told.len(), expected, "{level:?}: {told:?}");
        if let Some((_, Some(why))) = told.first() {
            assert!(why.ends_with("; beyond the level of a rule as well"), "{why}");
        }
        // It lasts for as long as the level is passed.
        for _ in 0..30 {
            host.run_with(&[(&CPU, 4.0)], &busy);
        }
        let lasts: Vec<bool> = host.watch.anomalies(host.at).map(|(_, lasts)| lasts).collect();
        assert_eq!(lasts.first(), Some(&true), "{level:?}");
        assert_eq!(
            host.metric("netkestrel_anomaly_active", &[CPU.name, ""]),
            Some(1.0)
        );
    }
}

#[test]
fn neither_a_pause_nor_a_reset_is_an_anomaly() {
    let mut host = Host::after(10);
    host.at += 2 * DAY;
    let mut reset = host.batch(&[]);
    for reading in &mut reset.readings {
        reading.observed = Observed::Missing(Missing::CounterReset);
    }
    assert_eq!(host.watch.judge(&reset, &|_| Level::Within), []);
    host.at += STEP;
    let mut odd = host.batch(&[]);
    for reading in &mut odd.readings {
        reading.observed = Observed::Implausible(1e12);
    }
    assert_eq!(host.watch.judge(&odd, &|_| Level::Within), []);
    host.at += STEP;
    host.pass(DAY);
    assert!(host.shown().is_empty(), "{:?}", host.shown());
}

#[test]
fn a_restart_in_the_middle_of_an_event_changes_nothing() {
    let mut host = Host::after(9);
    let incident = [(&DOWN, 3.0), (&UP, 3.0)];
    assert_eq!(host.run(&incident).len(), 1);
    let json = serde_json::to_string(&host.watch.saved()).expect("JSON");
    let saved: Saved = serde_json::from_str(&json).expect("what was written");
    assert_eq!(saved.until(), Some(host.at - STEP));
    let event = host.watch.told[0].event.clone();
    let mut again = Host {
        watch: Watch::new(Config::default(), TimeZone::UTC, Some(saved), &signals()),
        epoch: host.epoch,
        at: host.at,
        since: host.since,
    };
    again.watch.resume(vec![("eth0".into(), &DOWN, event)]);
    for number in 0..600 {
        let factors: &[(&Signal, f64)] = if number == 450 { &incident } else { &[] };
        assert_eq!(host.run(factors), again.run(factors));
        for (one, other) in host.watch.series.values().zip(again.watch.series.values()) {
            let verdict = |series: &Series| series.seen.map(|seen| seen.verdict);
            assert_eq!(verdict(one), verdict(other), "{} runs later", number + 1);
        }
    }
    assert_eq!(host.shown(), again.shown());
}

#[test]
fn what_people_no_longer_hear_of_is_not_told_on_and_what_is_forgotten_ends() {
    let mut host = Host::after(9);
    assert_eq!(host.run(&[(&DOWN, 3.0), (&UP, 3.0)]).len(), 1);
    let event = host.watch.told[0].event.clone();
    host.watch.resume(Vec::new());
    assert_eq!(host.run(&[]), []);
    host.watch.resume(vec![("".into(), &CPU, event)]);
    assert_eq!(host.run(&[]), [(String::new(), None)]);
    assert_eq!(host.run(&[]), []);
}

#[test]
fn what_is_only_not_seen_is_not_gone() {
    for (observed, expected) in [
        (Some(Observed::Missing(Missing::ReadFailed)), "over"),
        (None, "gone"),
    ] {
        let mut host = Host::after(9);
        assert_eq!(host.run(&[(&DOWN, 3.0), (&UP, 3.0)]).len(), 1);
        let mut last = None;
        for _ in 0..15 {
            let mut batch = host.batch(&[]);
            batch
                .readings
                .retain(|reading| observed.is_some() || *reading.signal != UP);
            for reading in batch.readings.iter_mut().filter(|reading| *reading.signal == UP) {
                reading.observed = observed.unwrap_or(reading.observed);
            }
            let tales = host.watch.judge(&batch, &|_| Level::Within);
            last = tales.into_iter().next().map(|tale| tale.standing).or(last);
            host.at += STEP;
        }
        let end = match last {
            Some(Standing::Over { .. }) => "over",
            Some(Standing::Gone) => "gone",
            _ => "something else",
        };
        assert_eq!(end, expected);
    }
}

#[test]
fn there_are_no_more_series_than_may_be_and_those_long_gone_make_room() {
    let config = Config {
        max_series: 2,
        ..Config::default()
    };
    let mut host = Host::new(config);
    host.pass(HOUR);
    assert_eq!(host.metric("netkestrel_anomaly_series", &[]), Some(2.0));
    assert_eq!(host.metric("netkestrel_anomaly_series_left_out", &[]), Some(3.0));
    assert_eq!(host.metric("netkestrel_anomaly_score", &[CPU.name, ""]), None);
    // A day later the first two are no longer there.
    host.at += DAY;
    for _ in 0..2 {
        let mut batch = host.batch(&[]);
        batch.readings.drain(..3);
        assert_eq!(host.watch.judge(&batch, &|_| Level::Within), []);
        host.at += STEP;
    }
    assert_eq!(host.metric("netkestrel_anomaly_series", &[]), Some(2.0));
    assert_eq!(host.metric("netkestrel_anomaly_series_left_out", &[]), Some(0.0));
    assert_eq!(
        host.metric("netkestrel_anomaly_score", &[CPU.name, ""]),
        Some(0.0)
    );
}

#[test]
fn what_people_called_normal_is_not_shown_at_that_hour() {
    for is_normal in [false, true] {
        let mut host = Host::after(10);
        let incident = [(&DOWN, 3.0), (&UP, 3.0)];
        assert_eq!(host.run(&incident).len(), 1);
        if is_normal {
            assert_eq!(host.watch.accept("eth0"), 2);
            assert_eq!(host.watch.accept("eth1"), 0);
        }
        let shown = host.shown().len();
        host.pass(DAY - STEP);
        // A little more than last time.
        let higher = [(&DOWN, 3.4), (&UP, 3.4)];
        assert_eq!(host.run(&higher).is_empty(), is_normal);
        assert_eq!(host.shown().len() == shown, is_normal);
        if is_normal {
            host.pass(12 * HOUR - STEP);
            assert_eq!(host.run(&[(&DOWN, 9.0), (&UP, 9.0)]).len(), 1, "at another hour");
        }
    }
}

#[test]
fn a_recorded_past_is_learnt_once_and_is_old_news() {
    let mut live = Host::new(Config::default());
    let mut told = Host {
        watch: Watch::new(Config::default(), TimeZone::UTC, None, &signals()),
        epoch: live.epoch,
        at: live.at,
        since: live.since,
    };
    for _ in 0..2000 {
        told.watch.learn(&told.batch(&[]));
        told.watch.learn(&told.batch(&[]));
        told.at += STEP;
        live.run(&[]);
    }
    let incident = [(&DOWN, 3.0), (&UP, 3.0)];
    assert_eq!(told.run(&incident), live.run(&incident));
    assert_eq!(told.shown(), live.shown());
}

#[test]
fn news_between_runs_are_not_judged() {
    let mut host = Host::after(10);
    let mut batch = host.batch(&[(&DOWN, 9.0), (&UP, 9.0)]);
    batch.scope = Scope::News;
    assert_eq!(host.watch.judge(&batch, &|_| Level::Within), []);
    assert!(host.shown().is_empty());
}

#[test]
fn a_signal_that_is_no_longer_watched_ends_its_event_and_a_watch_that_is_off_is_silent() {
    let mut host = Host::after(10);
    let incident = [(&DOWN, 3.0), (&UP, 3.0)];
    assert_eq!(host.run(&incident).len(), 1);
    let fewer = Config {
        signals: vec![CPU.name.to_owned()],
        ..Config::default()
    };
    host.watch.apply(fewer, TimeZone::UTC);
    let batch = host.batch(&incident);
    let tales = host.watch.judge(&batch, &|_| Level::Within);
    assert_eq!(tales.len(), 1);
    assert_eq!(tales[0].standing, Standing::Unwatched);
    let off = Config {
        enabled: false,
        ..Config::default()
    };
    host.watch.apply(off, TimeZone::UTC);
    assert_eq!(host.run(&[(&CPU, 9.0)]), []);
    assert_eq!(
        host.metric("netkestrel_anomaly_series", &[]),
        Some(1.0),
        "it is kept"
    );
}

#[test]
fn a_value_that_no_longer_stands_for_the_present_is_not_exposed() {
    let mut host = Host::after(1);
    let labels = [CPU.name, ""];
    let seen = |host: &Host| {
        METRICS
            .iter()
            .filter(|desc| desc.labels.contains(&"subject"))
            .map(|desc| host.metric(desc.name, &labels).is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&host), [true; 8]);
    let without_bands = Config {
        bands: false,
        ..Config::default()
    };
    host.watch.apply(without_bands, TimeZone::UTC);
    assert_eq!(seen(&host), [true, true, true, true, false, false, false, false]);
    host.watch.apply(Config::default(), TimeZone::UTC);
    // The last run was a step ago.
    host.at += 2 * STEP;
    assert_eq!(seen(&host), [true; 8]);
    host.at += 1;
    assert_eq!(seen(&host), [false; 8]);
}
