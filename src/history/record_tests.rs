use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::sample::SubjectKind;

const USAGE: Signal = Signal {
    name: "test_usage_ratio",
    title: "test usage",
    subject: SubjectKind::Interface,
    help: "For tests.",
};

fn record(readings: Vec<Seen>) -> Record {
    Record {
        at: "2026-11-25T11:00:00.123Z".parse().expect("a time"),
        elapsed: Some(Duration::from_secs(30)),
        readings,
    }
}

fn seen(signal: &str, subject: &str, observed: Observed) -> Seen {
    Seen {
        signal: signal.into(),
        subject: subject.into(),
        observed,
    }
}

#[test]
fn a_line_is_as_documented() {
    let record = record(vec![
        seen(
            "network_receive_bytes_per_second",
            "eth0",
            Observed::Value(1250.5),
        ),
        seen("cpu_usage_ratio", "", Observed::Implausible(9e12)),
        seen("device_up", "nas", Observed::Excused(0.0)),
        seen(
            "network_receive_bytes_per_second",
            "eth1",
            Observed::Missing(Missing::FirstReading),
        ),
    ]);
    let line = String::from_utf8(record.encode()).expect("text");
    assert_eq!(
        line,
        "{\"t\":\"2026-11-25T11:00:00.123Z\",\"e\":30.0,\"r\":{\"cpu_usage_ratio\":{\"\":{\"implausible\":9000000000000.0}},\
         \"device_up\":{\"nas\":{\"excused\":0.0}},\"network_receive_bytes_per_second\":{\"eth0\":1250.5,\"eth1\":\"first_reading\"}}}\n"
    );
    assert_eq!(time_of(line.as_bytes()), Some(record.at));
}

#[test]
fn every_reason_survives_and_unknown_forms_are_damage() {
    use Missing::{
        CounterReset, FirstReading, LocalNetwork, NameResolution, NoPermission, NoSample, ParentDown, Paused,
        ReadFailed, Unsupported,
    };
    for why in [
        FirstReading,
        CounterReset,
        ReadFailed,
        Unsupported,
        NoPermission,
        NameResolution,
        LocalNetwork,
        ParentDown,
        NoSample,
        Paused,
    ] {
        let record = record(vec![seen("a", "b", Observed::Missing(why))]);
        assert_eq!(Record::decode(&record.encode()).expect("decodes"), record);
    }
    for form in ["\"new_reason\"", "{\"new\":1}", "[1]", "null", "true", "{}"] {
        let line = format!("{{\"t\":\"2026-11-25T11:00:00Z\",\"r\":{{\"a\":{{\"b\":{form}}}}}}}");
        assert!(Record::decode(line.as_bytes()).is_err(), "{form}");
    }
    for line in [
        "{}",
        "",
        "{\"t\":\"2026-11-25T11:00:00Z\"}",
        "{\"t\":\"x\",\"r\":{}}",
    ] {
        assert!(Record::decode(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn a_replayed_record_is_as_old_as_it_is() {
    let now = Now {
        instant: Instant::now() + Duration::from_hours(2),
        wall: "2026-11-25T12:00:00.123Z".parse().expect("a time"),
    };
    let record = record(vec![
        seen(USAGE.name, "eth0", Observed::Value(0.5)),
        seen("gone", "", Observed::Value(1.0)),
    ]);
    let batch = record.batch("network", &[&USAGE], now);
    assert_eq!(now.instant - batch.at.instant, Duration::from_hours(1));
    assert_eq!((batch.at.wall, batch.readings.len()), (record.at, 1));
    assert_eq!(
        encode(&batch),
        Record {
            readings: record.readings[..1].to_vec(),
            ..record
        }
        .encode()
    );
}

proptest! {
    #[test]
    fn whatever_is_recorded_reads_back_the_same(
        values in proptest::collection::vec((".{0,12}", ".{0,30}", any::<f64>().prop_filter("finite", |v| v.is_finite())), 0..8),
        seconds in 0_i64..4_000_000_000,
        elapsed in proptest::option::of(0_u64..100_000_000),
    ) {
        let mut readings: Vec<_> = values.iter().map(|(a, b, v)| seen(a, b, Observed::Value(*v))).collect();
        readings.sort_by(|a, b| a.signal.cmp(&b.signal));
        let record = Record {
            at: Timestamp::from_second(seconds).expect("in range"),
            elapsed: elapsed.map(Duration::from_millis),
            readings,
        };
        let line = record.encode();
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        prop_assert_eq!(Record::decode(&line).expect("decodes"), record);
    }
}
