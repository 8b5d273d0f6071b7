//! What a stretch of history amounts to.

use serde_json::json;

use super::*;

fn record(minute: u32, elapsed: &str, readings: &str) -> Record {
    let (hour, minute) = (minute / 60, minute % 60);
    let elapsed = match elapsed {
        "" => String::new(),
        seconds => format!("\"e\":{seconds},"),
    };
    let text = format!("{{\"t\":\"2026-01-01T{hour:02}:{minute:02}:00Z\",{elapsed}\"r\":{{{readings}}}}}");
    Record::decode(text.as_bytes()).expect("a record")
}

fn analysis(records: Vec<(Stream, Record)>, transitions: Vec<Value>) -> Analysis {
    let window = Window {
        from: "2026-01-01T00:00:00Z".parse().expect("a time"),
        to: "2026-01-01T10:00:00Z".parse().expect("a time"),
    };
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    Analysis::of(window, &zone, records, transitions)
}

#[test]
fn averages_peaks_and_percentiles_pass_over_what_is_no_value() {
    let mut records: Vec<_> = (1..=100)
        .map(|minute| {
            let readings = format!("\"cpu_usage_ratio\":{{\"\":{}}}", f64::from(minute) / 100.0);
            (Stream::System, record(minute, "60", &readings))
        })
        .collect();
    for odd in ["{\"implausible\":7}", "\"read_failed\""] {
        let readings = format!("\"cpu_usage_ratio\":{{\"\":{odd}}}");
        records.push((Stream::System, record(200, "60", &readings)));
    }
    records.push((Stream::System, record(601, "60", "\"cpu_usage_ratio\":{\"\":9}")));
    let found = analysis(records, vec![]);
    let cpu = &found.signals[0];
    assert_eq!((cpu.count, cpu.missing, cpu.p95), (100, 2, 0.95));
    assert!((cpu.mean - 0.505).abs() < 1e-9);
    assert_eq!((cpu.max.value, cpu.min.value), (1.0, 0.01));
    assert_eq!(cpu.max.at.to_string(), "2026-01-01T01:40:00Z");
}

#[test]
fn availability_is_weighted_by_time_and_unknown_time_is_no_downtime() {
    let records = [
        (30, "1800", "1"),
        (60, "1800", "0"),
        (180, "7200", "1"),
        (240, "3600", "\"local_network\""),
        (300, "", "0"),
    ];
    let records = records.map(|(minute, elapsed, up)| {
        let readings = format!("\"device_up\":{{\"nas\":{up}}}");
        (Stream::Devices, record(minute, elapsed, &readings))
    });
    let found = analysis(records.to_vec(), vec![]);
    let nas = &found.devices[0];
    assert!((nas.ratio - 9000.0 / 10800.0).abs() < 1e-9, "{nas:?}");
    assert!((nas.coverage - 0.3).abs() < 1e-9, "{nas:?}");
    assert!((nas.down_seconds - 1800.0).abs() < 1e-9, "{nas:?}");
}

#[test]
fn hours_are_local_and_the_busiest_comes_first() {
    let records = [(10, 100), (20, 300), (70, 500), (80, 700)].map(|(minute, rate)| {
        let readings = format!("\"network_total_bytes_per_second\":{{\"\":{rate}}}");
        (Stream::Bandwidth, record(minute, "60", &readings))
    });
    let found = analysis(records.to_vec(), vec![]);
    let hours: Vec<_> = found.hours.iter().map(|hour| (hour.hour, hour.mean)).collect();
    assert_eq!(hours, [(2, 600.0), (1, 200.0)]);
}

#[test]
fn alerts_are_counted_when_they_begin_and_end() {
    let transition = |from: Value, to: &str| json!({"t": "2026-01-01T01:00:00Z", "rule": "cpu", "severity": "high", "from": from, "to": to});
    let transitions = vec![
        transition(Value::Null, "pending"),
        transition("pending".into(), "firing"),
        transition("firing".into(), "acknowledged"),
        transition("acknowledged".into(), "resolved"),
        transition(Value::Null, "pending"),
        transition("pending".into(), "resolved"),
        transition(Value::Null, "resolved"),
    ];
    let found = analysis(vec![], transitions);
    let counts: Vec<_> = found
        .alerts
        .iter()
        .map(|rule| (rule.fired, rule.resolved))
        .collect();
    assert_eq!(counts, [(2, 2)]);
}
