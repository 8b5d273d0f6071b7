//! The history and `kill -9`: a child appends records and names each that was acknowledged, until it is killed at a
//! random moment. Whatever it named is there afterwards, and its roll-ups agree.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use netkestrel::{
    clock::Now,
    durable::Os,
    history::{Config, Query, Store, Stream},
    sample::{Batch, Observed, Reading, Scope, Signal, SubjectKind},
};

const FOLDER: &str = "NETKESTREL_TEST_HISTORY_FOLDER";
const FIRST: &str = "NETKESTREL_TEST_HISTORY_FIRST";
const ROUNDS: u64 = 200;
const BEGIN: i64 = 1_795_600_800;
/// Few, so that clean-ups are in the way of the kill, too.
const KEPT: usize = 150;

const RATE: Signal = Signal {
    name: "network_receive_bytes_per_second",
    title: "download",
    subject: SubjectKind::Interface,
    help: "For tests.",
};

#[test]
fn no_acknowledged_record_is_lost_to_a_kill() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        append_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut last = 0;
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(one_life(folder.path(), last + 1, round));
        // A record that was written but not acknowledged may be there or not.
        let found = recorded(folder.path());
        assert!(found.len() >= acknowledged.len().min(KEPT), "round {round}");
        let oldest = found.first().copied().unwrap_or(0);
        let expected = acknowledged.iter().filter(|number| **number >= oldest);
        let missing: Vec<_> = expected.filter(|number| !found.contains(number)).collect();
        assert!(missing.is_empty(), "round {round} lost {missing:?}");
        last = found.last().copied().unwrap_or(0).max(last);
    }
    assert!(
        acknowledged.len() > 800,
        "only {} were written",
        acknowledged.len()
    );
}

/// Starts a child, kills it after some of its records, and gives the numbers it acknowledged.
fn one_life(folder: &Path, first: i64, round: u64) -> Vec<i64> {
    let noise = round.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut child = Command::new(std::env::current_exe().expect("a test is a program"))
        .args([
            "--exact",
            "no_acknowledged_record_is_lost_to_a_kill",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts itself");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let number = |line: std::io::Result<String>| -> Option<i64> {
        line.ok()?.strip_prefix("acknowledged ")?.parse().ok()
    };
    let mut acknowledged = Vec::new();
    // So many records, and then some hundred microseconds of work that does not line up with them.
    let (records, pause) = (noise >> 61, Duration::from_micros(noise >> 20 & 1023));
    while acknowledged.len() <= usize::try_from(records).expect("3 bits") {
        let line = lines.next().expect("the child goes on until it is killed");
        acknowledged.extend(number(line));
    }
    let until = Instant::now() + pause;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    acknowledged.extend(lines.filter_map(number));
    acknowledged
}

fn recorded(folder: &Path) -> Vec<i64> {
    let store = Store::open(Arc::new(Os), folder, &config());
    let reader = store.reader();
    let records = reader.records(Stream::Bandwidth, Timestamp::MIN, Timestamp::MAX);
    let numbers: Vec<i64> = records
        .expect("readable")
        .map(|record| (record.at.as_second() - BEGIN) / 30)
        .collect();
    assert_eq!(reader.stats().first().map(|stats| stats.corrupt), Some(0));
    let counted = [300, 86_400].map(|step| {
        let mut query = Query::new(Stream::Bandwidth, time(0), time(1_000_000));
        query.step = Some(Duration::from_secs(step));
        query.max_points = 10_000;
        let answer = reader.query(&query).expect("answered");
        let points = answer.series.iter().flat_map(|series| &series.points);
        points.map(|point| point.count).sum::<u64>()
    });
    assert_eq!(counted[0], counted[1], "the roll-ups agree");
    numbers
}

fn append_until_killed(folder: &Path) -> ! {
    let store = Store::open(Arc::new(Os), folder, &config());
    let first: i64 = std::env::var(FIRST).expect("set").parse().expect("a number");
    for number in first.. {
        store.append(&batch(number)).expect("recorded");
        let line = format!("\nacknowledged {number}\n");
        std::io::stdout()
            .write_all(line.as_bytes())
            .expect("someone reads");
    }
    unreachable!("there are enough numbers")
}

fn config() -> Config {
    Config {
        records: u32::try_from(KEPT).expect("small"),
        ..Config::default()
    }
}

fn time(number: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + number * 30).expect("in range")
}

fn batch(number: i64) -> Batch {
    let reading = |subject: u32| Reading {
        signal: &RATE,
        subject: format!("eth{subject}").into(),
        observed: Observed::Value(1.0),
    };
    Batch {
        collector: "network",
        scope: Scope::Whole,
        at: Now {
            instant: Instant::now(),
            wall: time(number),
        },
        elapsed: None,
        // The counts of the roll-ups are compared, so one series only grows with the records.
        readings: (0..20).map(reading).collect(),
        changes: Vec::new(),
        health: Vec::new(),
    }
}
