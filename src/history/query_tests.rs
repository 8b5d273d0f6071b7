use std::{path::Path, sync::Arc, time::Instant};

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Now,
    durable::volatile::Volatile,
    history::{Config, Store},
    sample::{Batch, Missing, Observed, Reading, Scope, Signal, SubjectKind},
};

const USAGE: Signal = Signal {
    name: "cpu_usage_ratio",
    title: "CPU usage",
    subject: SubjectKind::Host,
    help: "For tests.",
};
const BEGIN: i64 = 1_795_600_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).expect("in range")
}

fn store(runs: impl IntoIterator<Item = (i64, Observed)>) -> Store {
    let store = Store::open(Arc::new(Volatile::default()), Path::new("/d"), &Config::default());
    for (second, observed) in runs {
        let batch = Batch {
            collector: "system",
            scope: Scope::Whole,
            at: Now {
                instant: Instant::now(),
                wall: at(second),
            },
            elapsed: None,
            readings: vec![Reading {
                signal: &USAGE,
                subject: "".into(),
                observed,
            }],
            changes: Vec::new(),
            health: Vec::new(),
        };
        store.append(&batch).expect("recorded");
    }
    store
}

#[test]
fn an_answer_is_as_documented() {
    let store = store([
        (0, Observed::Value(0.5)),
        (20, Observed::Value(0.25)),
        (90, Observed::Missing(Missing::NoSample)),
    ]);
    let mut query = Query::new(Stream::System, at(0), at(120));
    query.step = Some(Duration::from_mins(1));
    let answer = store.reader().query(&query).expect("answered");
    assert_eq!(
        serde_json::to_string(&answer).expect("serializes"),
        "{\"stream\":\"system\",\"from\":\"2026-11-25T10:00:00Z\",\"to\":\"2026-11-25T10:02:00Z\",\"step_seconds\":60,\
         \"series\":[{\"signal\":\"cpu_usage_ratio\",\"subject\":\"\",\"unit\":\"ratio\",\
         \"points\":[[1795600800,0.25,0.375,0.5,2]]}]}"
    );
    query.signals = vec!["other".to_owned()];
    assert_eq!(store.reader().query(&query).expect("answered").series, []);
}

#[test]
fn steps_are_those_that_a_level_gives_and_the_points_allow() {
    let day = 86_400;
    for (span, step, points, expected) in [
        (day, None, 300, 300),
        (day, Some(7), 300, 300),
        (3600, None, 300, 15),
        (3600, Some(60), 300, 60),
        (day, Some(400), 300, 600),
        (7 * day, None, 300, 2100),
        (30 * day, None, 300, 10_800),
        (400 * day, None, 300, 2 * day),
        (0, None, 300, 1),
    ] {
        let mut query = Query::new(Stream::System, at(0), at(span));
        query.step = step.map(Duration::from_secs);
        query.max_points = points;
        let found = query.step_seconds();
        assert_eq!(found, expected, "{span} s, {step:?}");
        assert!(buckets(query.from, query.to, found) <= 300);
    }
}

#[test]
fn rollups_answer_where_the_records_do_not_reach_back() {
    let disk = Volatile::default();
    let config = Config {
        records: 100,
        ..Config::default()
    };
    let store = Store::open(Arc::new(disk), Path::new("/d"), &config);
    let signal = &USAGE;
    for run in 0..720 {
        let batch = Batch {
            collector: "system",
            scope: Scope::Whole,
            at: Now {
                instant: Instant::now(),
                wall: at(run * 10),
            },
            elapsed: None,
            readings: vec![Reading {
                signal,
                subject: "".into(),
                observed: Observed::Value(1.0),
            }],
            changes: Vec::new(),
            health: Vec::new(),
        };
        store.append(&batch).expect("recorded");
    }
    let counted = |from| {
        let answer = store
            .reader()
            .query(&Query::new(Stream::System, at(from), at(7200)));
        let answer = answer.expect("answered");
        let count: u64 = answer.series[0].points.iter().map(|point| point.count).sum();
        (answer.step_seconds, count)
    };
    assert_eq!(counted(0), (Some(300), 720));
    assert_eq!(counted(6900), (Some(2), 30));
}

#[test]
fn a_course_finds_the_stream_of_its_signal() {
    let store = store((0..60).map(|run| (run * 60, Observed::Value(run as f64))));
    let course = store
        .reader()
        .course("cpu_usage_ratio", "", (at(0), at(3599)), 60);
    let course = course.expect("read");
    assert_eq!(course.len(), 60);
    assert_eq!(course[59], (at(3540), 59.0, 59.0, 59.0));
    assert!(
        store
            .reader()
            .course("none", "", (at(0), at(9)), 60)
            .expect("read")
            .is_empty()
    );
}

#[test]
fn reading_goes_on_beside_recording() {
    let store = store([(0, Observed::Value(1.0))]);
    let reader = store.reader();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                let answer = reader.query(&Query::new(Stream::System, at(0), at(86_400)));
                assert_eq!(answer.expect("answered").series.len(), 1);
            }
        });
        let _ = store.families();
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_peak_is_lost_at_any_step(
        runs in proptest::collection::vec((1_i64..400, -1e9_f64..1e9), 1..150),
        step in 1_u64..100_000,
        points in 1_usize..500,
    ) {
        let mut second = 0;
        let values: Vec<_> = runs.iter().map(|(gap, value)| { second += gap; (second, *value) }).collect();
        let store = store(values.iter().map(|(second, value)| (*second, Observed::Value(*value))));
        let mut query = Query::new(Stream::System, at(0), at(second));
        query.step = Some(Duration::from_secs(step));
        query.max_points = points;
        let answer = store.reader().query(&query).expect("answered");
        let found = &answer.series[0].points;
        // Two at least: a stretch may touch two buckets however long they are.
        prop_assert!(found.len() <= points.max(2));
        let raw = values.iter().map(|(_, value)| *value);
        prop_assert_eq!(found.iter().map(|p| p.max).fold(f64::MIN, f64::max).to_bits(), raw.clone().fold(f64::MIN, f64::max).to_bits());
        prop_assert_eq!(found.iter().map(|p| p.min).fold(f64::MAX, f64::min).to_bits(), raw.fold(f64::MAX, f64::min).to_bits());
        prop_assert_eq!(found.iter().map(|p| p.count).sum::<u64>(), values.len() as u64);
    }
}
