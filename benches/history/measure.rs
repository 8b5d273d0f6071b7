//! Appends and queries on files of this machine, with records as a host with some interfaces makes them.

use std::{path::Path, sync::Arc, time::Duration, time::Instant};

use jiff::Timestamp;
use netkestrel::{
    clock::Now,
    durable::Os,
    history::{Config, Query, Store, Stream},
    sample::{Batch, Observed, Reading, Scope, Signal, SubjectKind},
};
use rustix::time::{ClockId, clock_gettime};

use crate::report::{Bars, Spread, row, table};

const BEGIN: i64 = 1_795_600_800;
const SLICES: usize = 9;

macro_rules! rate {
    ($name:literal) => {
        Signal {
            name: concat!("network_", $name, "_per_second"),
            title: "rate",
            subject: SubjectKind::Interface,
            help: "For the benchmark.",
        }
    };
}

static SIGNALS: [Signal; 4] = [
    rate!("receive_bytes"),
    rate!("transmit_bytes"),
    rate!("receive_packets"),
    rate!("transmit_packets"),
];

/// CPU time of an append; the fsync is waited for, not counted.
pub(crate) fn append(bars: &mut Bars) {
    table(
        "Append",
        &[
            "records kept",
            "µs CPU each, min / median / max",
            "µs elapsed, median",
        ],
    );
    for records in [100_u32, 10_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path(), records);
        let mut number = 0;
        fill(&store, &mut number, i64::from(records));
        // A slice holds at least one clean-up.
        let slice = i64::from(records / 10 + 1).max(1000);
        let (mut cpu, mut elapsed) = (Vec::new(), Vec::new());
        for _ in 0..SLICES {
            let (began, spent) = (Instant::now(), cpu_seconds());
            fill(&store, &mut number, slice);
            cpu.push((cpu_seconds() - spent) * 1e6 / slice as f64);
            elapsed.push(began.elapsed().as_secs_f64() * 1e6 / slice as f64);
        }
        let (cpu, elapsed) = (Spread::of(&cpu), Spread::of(&elapsed));
        row(&[
            records.to_string(),
            format!("{cpu:.1}"),
            format!("{:.0}", elapsed.median),
        ]);
        bars.at_most(format!("append at {records} records, µs CPU"), cpu.median, 50.0);
    }
}

/// Time of the query that a page makes for a day.
pub(crate) fn query(bars: &mut Bars) {
    table(
        "24 h query over 10,000 records",
        &["max_points", "step, s", "ms, min / median / max"],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 10_000);
    let mut number = 0;
    fill(&store, &mut number, 10_000);
    for points in [300, 1000] {
        let to = time(number);
        let mut query = Query::new(Stream::Bandwidth, to - Duration::from_hours(24), to);
        query.max_points = points;
        let (mut times, mut step, mut given) = (Vec::new(), 0, 0);
        for _ in 0..50 {
            let began = Instant::now();
            let answer = store.reader().query(&query).expect("answered");
            times.push(began.elapsed().as_secs_f64() * 1e3);
            given = answer.series.first().map_or(0, |series| series.points.len());
            step = answer.step_seconds.unwrap_or(0);
        }
        let times = Spread::of(&times);
        row(&[points.to_string(), step.to_string(), format!("{times:.2}")]);
        if points == 300 {
            bars.at_least("points of the 24 h query", given as f64, 288.0);
            bars.at_most("24 h query of 10,000 records, ms", times.median, 10.0);
        }
    }
}

fn open(folder: &Path, records: u32) -> Store {
    let config = Config {
        records,
        ..Config::default()
    };
    Store::open(Arc::new(Os), folder, &config)
}

fn fill(store: &Store, number: &mut i64, count: i64) {
    for _ in 0..count {
        *number += 1;
        store.append(&batch(*number)).expect("recorded");
    }
}

fn time(number: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + number * 30).expect("in range")
}

fn batch(number: i64) -> Batch {
    let readings = SIGNALS.iter().flat_map(|signal| {
        ["eth0", "eth1", "wlan0", "docker0"].map(|subject| Reading {
            signal,
            subject: subject.into(),
            observed: Observed::Value(number as f64 * 1.5),
        })
    });
    Batch {
        collector: "network",
        scope: Scope::Whole,
        at: Now {
            instant: Instant::now(),
            wall: time(number),
        },
        elapsed: Some(Duration::from_secs(30)),
        readings: readings.collect(),
        changes: Vec::new(),
        health: Vec::new(),
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
