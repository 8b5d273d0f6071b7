use std::{io, path::PathBuf, time::Duration};

use super::*;
use crate::{
    clock::Now,
    durable::volatile::Volatile,
    history::{Query, Stats},
    sample::{Observed, Reading, Signal, SubjectKind, Value as Number},
};

const RATE: Signal = Signal {
    name: "network_receive_bytes_per_second",
    title: "download",
    subject: SubjectKind::Interface,
    help: "For tests.",
};
const BEGIN: i64 = 1_795_600_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).expect("in range")
}

fn batch(second: i64, value: f64) -> Batch {
    Batch {
        collector: "network",
        scope: Scope::Whole,
        at: Now {
            instant: Instant::now(),
            wall: at(second),
        },
        elapsed: Some(Duration::from_secs(30)),
        readings: vec![Reading {
            signal: &RATE,
            subject: "eth0".into(),
            observed: Observed::Value(value),
        }],
        changes: Vec::new(),
        health: Vec::new(),
    }
}

fn config(records: u32) -> Config {
    Config {
        records,
        ..Config::default()
    }
}

fn open(disk: &Volatile, records: u32) -> Store {
    Store::open(Arc::new(disk.clone()), Path::new("/d"), &config(records))
}

fn path(name: &str) -> PathBuf {
    Path::new("/d/history").join(name)
}

fn times(store: &Store) -> Vec<i64> {
    let records = store
        .reader()
        .records(Stream::Bandwidth, Timestamp::MIN, Timestamp::MAX);
    let records = records.expect("readable");
    records.map(|record| record.at.as_second() - BEGIN).collect()
}

fn stats(store: &Store) -> Stats {
    store.reader().stats().remove(0)
}

/// Values counted in all buckets of a step.
fn counted(store: &Store, step: u64) -> u64 {
    let mut query = Query::new(Stream::Bandwidth, at(-86_400 * 30), at(86_400 * 30));
    query.step = Some(Duration::from_secs(step));
    query.max_points = 10_000;
    let answer = store.reader().query(&query).expect("answered");
    let points = answer.series.iter().flat_map(|series| &series.points);
    points.map(|point| point.count).sum()
}

fn metric(store: &Store, name: &str, stream: &str) -> String {
    let families = store.families();
    let family = families
        .iter()
        .find(|family| family.desc.name == name)
        .expect("described");
    let point = family
        .points
        .iter()
        .find(|point| point.labels[0] == stream)
        .expect("set");
    match point.value {
        Number::Number(number) => number.to_string(),
        Number::Histogram(_) => String::new(),
    }
}

#[test]
fn news_and_unknown_collectors_are_not_recorded() {
    let store = open(&Volatile::default(), 100);
    let mut news = batch(0, 1.0);
    news.scope = Scope::News;
    store.append(&news).expect("passed over");
    let mut other = batch(0, 1.0);
    other.collector = "packets";
    store.append(&other).expect("passed over");
    assert!(times(&store).is_empty());
    store.append(&batch(0, 1.0)).expect("recorded");
    assert_eq!(times(&store), [0]);
}

#[test]
fn the_clean_up_begins_at_a_tenth_or_100_more_and_leaves_the_limit() {
    for (limit, most) in [(100, 200), (2000, 2200)] {
        let disk = Volatile::default();
        let store = open(&disk, limit);
        for second in 0..most {
            store.append(&batch(second, 1.0)).expect("recorded");
        }
        assert_eq!(i64::try_from(stats(&store).records), Ok(most));
        store.append(&batch(most, 1.0)).expect("recorded");
        assert_eq!(stats(&store).records, u64::from(limit));
        let oldest = most - i64::from(limit) + 1;
        assert_eq!(times(&store), (oldest..=most).collect::<Vec<_>>());
        let count = |what: &str| metric(&store, &format!("netkestrel_history_{what}_total"), "bandwidth");
        assert_eq!(count("pruned_records"), oldest.to_string());
        assert_eq!(count("appends"), (most + 1).to_string());
        let reopened = open(&disk, limit);
        assert_eq!(
            (times(&reopened), stats(&reopened)),
            (times(&store), stats(&store))
        );
        assert_eq!(stats(&store).oldest, Some(at(oldest)));
    }
}

#[test]
fn a_stream_never_takes_more_bytes_than_it_may() {
    let store = Store::open(
        Arc::new(Volatile::default()),
        Path::new("/d"),
        &Config {
            records: 1_000_000,
            max_bytes: 40_000,
        },
    );
    for second in 0..2000 {
        store.append(&batch(second * 30, 1.0)).expect("recorded");
        assert!(stats(&store).bytes <= 40_000);
    }
    assert!(stats(&store).records > 150, "{:?}", stats(&store));
}

#[test]
fn a_restart_neither_doubles_nor_loses_a_bucket() {
    for stop in [1, 9, 10, 11, 119, 120, 121, 131, 500, 2900] {
        let disk = Volatile::default();
        let store = open(&disk, 10_000);
        for run in 0..stop {
            store.append(&batch(run * 30, 1.0)).expect("recorded");
        }
        drop(store);
        for _ in 0..3 {
            let store = open(&disk, 10_000);
            for step in [1, 300, 3600, 86_400] {
                assert_eq!(
                    counted(&store, step),
                    u64::try_from(stop).expect("positive"),
                    "{stop} runs, step {step}"
                );
            }
        }
        let reader = Reader::open(
            Arc::new(disk.clone()),
            Path::new("/d"),
            &config(100),
            &Stream::ALL,
        )
        .expect("readable");
        let mut query = Query::new(Stream::Bandwidth, at(-86_400), at(86_400 * 2));
        query.step = Some(Duration::from_hours(1));
        let answer = reader.query(&query).expect("answered");
        let count: u64 = answer.series[0].points.iter().map(|point| point.count).sum();
        assert_eq!(count, u64::try_from(stop).expect("positive"), "a reader alone");
    }
}

#[test]
fn lost_rollups_are_made_again_from_the_records() {
    let disk = Volatile::default();
    let store = open(&disk, 10_000);
    for run in 0..400 {
        store.append(&batch(run * 30, 1.0)).expect("recorded");
    }
    for level in ["5m", "1h", "1d"] {
        disk.put(path(&format!("bandwidth.{level}.jsonl")), b"");
    }
    let store = open(&disk, 10_000);
    for step in [300, 3600, 86_400] {
        assert_eq!(counted(&store, step), 400, "step {step}");
    }
}

#[test]
fn a_clock_set_back_loses_nothing_and_the_future_is_not_shown() {
    let disk = Volatile::default();
    let store = open(&disk, 10_000);
    let jumps = (0..20).chain(86_400..86_420).chain(20..400);
    for second in jumps {
        store.append(&batch(second, 1.0)).expect("recorded");
    }
    for store in [store, open(&disk, 10_000)] {
        for step in [1, 300, 3600, 86_400] {
            assert_eq!(counted(&store, step), 420, "step {step}");
        }
        let mut query = Query::new(Stream::Bandwidth, at(0), at(399));
        query.step = Some(Duration::from_mins(5));
        let answer = store.reader().query(&query).expect("answered");
        let counts: Vec<_> = answer.series[0].points.iter().map(|point| point.count).collect();
        assert_eq!(counts, [300, 100]);
        let now = store
            .reader()
            .records(Stream::Bandwidth, at(0), at(400))
            .expect("readable");
        assert_eq!(now.count(), 400);
    }
}

#[test]
fn a_full_disk_costs_what_came_meanwhile_and_recording_resumes() {
    let disk = Volatile::default();
    let store = open(&disk, 100);
    store.append(&batch(0, 1.0)).expect("recorded");
    for refusal in [
        None,
        Some(io::ErrorKind::ReadOnlyFilesystem),
        Some(io::ErrorKind::PermissionDenied),
    ] {
        disk.limit(refusal.is_none().then_some(10));
        disk.refuse(refusal);
        let error = store.append(&batch(1, 1.0)).expect_err("cannot be written");
        assert!(
            matches!(
                error,
                Error::Write {
                    stream: Stream::Bandwidth,
                    ..
                }
            ),
            "{error}"
        );
        disk.limit(None);
        disk.refuse(None);
    }
    assert_eq!(
        metric(&store, "netkestrel_history_write_failures_total", "bandwidth"),
        "3"
    );
    assert_eq!(
        metric(&store, "netkestrel_history_write_failures_total", "system"),
        "0"
    );
    store.append(&batch(2, 1.0)).expect("recorded");
    assert_eq!(times(&store), [0, 2]);
    assert_eq!(times(&open(&disk, 100)), [0, 2]);
}

#[test]
fn a_newer_file_is_left_alone_and_the_other_streams_go_on() {
    let disk = Volatile::default();
    let newer = b"{\"netkestrel\":\"history/bandwidth\",\"version\":9}\n{\"new\":1}\n";
    disk.put(path("bandwidth.jsonl"), newer);
    let store = open(&disk, 100);
    let error = store.append(&batch(0, 1.0)).expect_err("of a newer version");
    assert!(
        matches!(
            &error,
            Error::Write {
                source: durable::Error::Newer { .. },
                ..
            }
        ),
        "{error}"
    );
    let mut system = batch(0, 1.0);
    system.collector = "system";
    store.append(&system).expect("recorded");
    assert_eq!(disk.content(path("bandwidth.jsonl")), newer);
    assert!(Reader::open(Arc::new(disk), Path::new("/d"), &config(100), &Stream::ALL).is_err());
}

#[test]
fn damaged_lines_are_counted_and_kept_aside_when_the_file_is_rewritten() {
    let disk = Volatile::default();
    let store = open(&disk, 100);
    for second in 0..5 {
        store.append(&batch(second, 1.0)).expect("recorded");
    }
    drop(store);
    let mut content = disk.content(path("bandwidth.jsonl"));
    content.extend_from_slice(b"\0\0\0\xff\n{\"t\":\"2026-11-25T11:0\n");
    disk.put(path("bandwidth.jsonl"), &content);
    let store = open(&disk, 100);
    assert_eq!((stats(&store).records, stats(&store).corrupt), (5, 2));
    for second in 5..300 {
        store.append(&batch(second, 1.0)).expect("recorded");
    }
    assert_eq!(
        disk.content(path("bandwidth.jsonl.damaged")),
        b"\0\0\0\xff\n{\"t\":\"2026-11-25T11:0\n"
    );
    assert_eq!(
        metric(&store, "netkestrel_history_corrupt_records_total", "bandwidth"),
        "2"
    );
    assert_eq!(stats(&open(&disk, 100)).corrupt, 0, "they are elsewhere now");
}

#[test]
fn a_file_that_is_none_of_ours_is_set_aside_whole() {
    let disk = Volatile::default();
    disk.put(path("bandwidth.jsonl"), b"[1,2,3]\n[4]\n");
    let store = open(&disk, 100);
    store.append(&batch(0, 1.0)).expect("recorded");
    assert_eq!(disk.content(path("bandwidth.jsonl.damaged.1")), b"[1,2,3]\n[4]\n");
    assert_eq!(times(&store), [0]);
}

#[test]
fn transitions_come_back_newest_last() {
    let store = open(&Volatile::default(), 100);
    for second in 0..5 {
        let transition = serde_json::json!({"rule": "cpu", "t": "not this", "n": second});
        store
            .append_transition(at(second), &transition)
            .expect("recorded");
    }
    let mut query = Query::new(Stream::Alerts, at(0), at(3));
    query.max_points = 2;
    let answer = store.reader().query(&query).expect("answered");
    let transitions = answer.transitions.expect("of alerts");
    let numbers: Vec<_> = transitions
        .iter()
        .map(|transition| transition["n"].as_i64())
        .collect();
    assert_eq!(numbers, [Some(2), Some(3)]);
    assert_eq!(transitions[0]["t"], "2026-11-25T10:00:02.000Z");
    assert_eq!(transitions[0]["rule"], "cpu");
}

#[test]
fn an_import_goes_where_its_times_belong_and_a_second_one_adds_nothing() {
    let disk = Volatile::default();
    let store = open(&disk, 150);
    for run in 0..20 {
        store.append(&batch(run * 30, 1.0)).expect("recorded");
    }
    let old: Vec<Record> = (1..=300)
        .map(|run| Record::decode(encode(&batch(-run * 300, 2.0)).trim_ascii()).expect("decodes"))
        .collect();
    assert_eq!(store.import(Stream::Bandwidth, &old[..50]).expect("imported"), 50);
    assert_eq!(
        store.import(Stream::Bandwidth, &old[..50]).expect("nothing new"),
        0
    );
    assert_eq!(times(&store)[..2], [-15_000, -14_700]);
    assert_eq!(store.import(Stream::Bandwidth, &old).expect("imported"), 250);
    assert_eq!(stats(&store).records, 150, "the newest are kept");
    for store in [store, open(&disk, 150)] {
        assert_eq!(counted(&store, 300), 320);
        assert_eq!(counted(&store, 86_400), 320);
        assert_eq!(times(&store).last(), Some(&570));
    }
    let store = open(&disk, 150);
    store.append(&batch(600, 1.0)).expect("recorded");
    assert_eq!(counted(&store, 3600), 321);
}

/// Loses power at 200 moments, among them in the middle of clean-ups and of writing roll-ups.
#[test]
fn no_crash_loses_what_was_acknowledged() {
    for seed in 0_u64..200 {
        let disk = Volatile::default();
        let (mut second, mut acknowledged) = (0, Vec::new());
        for life in 0..3_u64 {
            let store = open(&disk, 100);
            // The disk fills, or a sync does not come to an end, at a moment that differs with the seed: that is where
            // the power goes.
            let noise = (seed * 3 + life).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let moment = usize::try_from(noise >> 48).expect("16 bits");
            if noise & 64 == 0 {
                disk.limit(Some(moment));
            } else {
                disk.die_at_sync(moment % 400);
            }
            for _ in 0..400 {
                second += 30;
                if store.append(&batch(second, 1.0)).is_err() {
                    break;
                }
                acknowledged.push(second);
            }
            disk.crash_keeping(usize::try_from(noise & 63).expect("6 bits"), noise);
            disk.limit(None);
            disk.refuse(None);
            // A process that is gone tidies nothing up.
            std::mem::forget(store);
        }
        let store = open(&disk, 100);
        let kept = times(&store);
        assert!(kept.len() >= acknowledged.len().min(100), "seed {seed}");
        let expected = acknowledged.iter().rev().take(100).rev();
        let missing: Vec<_> = expected.filter(|second| !kept.contains(second)).collect();
        assert!(missing.is_empty(), "seed {seed} lost {missing:?}");
        assert_eq!(stats(&store).corrupt, 0, "seed {seed}");
        assert_eq!(counted(&store, 300), counted(&store, 86_400), "seed {seed}");
        assert!(counted(&store, 300) >= acknowledged.len() as u64, "seed {seed}");
    }
}
