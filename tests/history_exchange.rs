//! A whole set of the Python system's files into an empty history, and out of it again, by the built program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use jiff::{Timestamp, tz::TimeZone};
use netkestrel::{
    collectors,
    durable::Lock,
    history::{
        Record,
        exchange::{Labels, write_openmetrics},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A full file is a block of this many records, the newest first.
const BLOCK: usize = 10_000;
const LATER: usize = 400;
const ALL: usize = BLOCK + LATER;
/// Two days before clocks go back in Berlin.
const BEGIN: i64 = 1_761_264_000;

/// A folder for data, and the files of the Python system beside it.
struct Set(TempDir);

impl Set {
    fn new() -> Self {
        let set = Self(tempfile::tempdir().unwrap());
        fs::create_dir(set.python()).unwrap();
        set.write("network_data.json", &network());
        set.write("system_data.json", &system());
        set.write("device_data.json", &devices());
        set.write("alert_data.json", &alerts());
        set
    }

    fn python(&self) -> std::path::PathBuf {
        self.0.path().join("python")
    }

    fn write(&self, name: &str, records: &[Value]) {
        fs::write(self.python().join(name), serde_json::to_string(records).unwrap()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netkestrel"));
        let zone = ("NETKESTREL_TIMEZONE", "Europe/Berlin");
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.0.path().join("data"));
        command.env_clear().envs([zone]).env("HOME", self.0.path());
        command
    }

    fn import(&self) -> Output {
        self.run(&["history", "import", self.python().to_str().unwrap()])
    }

    fn export(&self, stream: &str, format: &str) -> String {
        let output = self.run(&["history", "export", "--stream", stream, "--format", format]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn exported(&self, stream: &str) -> Vec<Value> {
        let text = self.export(stream, "json");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The order in which the Python system left records: the oldest 10,000 newest first, then later ones.
fn as_written(mut records: Vec<Value>) -> Vec<Value> {
    records[..BLOCK].reverse();
    records
}

fn local(second: i64) -> String {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let at = Timestamp::from_second(second).unwrap().to_zoned(berlin);
    at.strftime("%Y-%m-%dT%H:%M:%S.123456").to_string()
}

fn second(index: usize) -> i64 {
    BEGIN + 60 * i64::try_from(index).unwrap()
}

/// 100 Mbps down and half of it up; a run begins anew at record 5,000.
fn network() -> Vec<Value> {
    let record = |index: usize| {
        let mbps = if index.is_multiple_of(5_000) {
            0.0
        } else {
            12.5e6 * 8.0 / 1024.0 / 1024.0
        };
        let anomalies: &[&str] = if index == 7 {
            &["High bandwidth usage"]
        } else {
            &[]
        };
        json!({
            "timestamp": local(second(index)), "upload_mbps": mbps / 2.0, "download_mbps": mbps,
            "bytes_sent": index * 375_000_000, "bytes_recv": index * 750_000_000,
            "packets_sent": index * 1000, "packets_recv": index * 1000, "anomalies": anomalies,
        })
    };
    as_written((0..ALL).map(record).collect())
}

fn system() -> Vec<Value> {
    let record = |index: usize| json!({"timestamp": local(second(index)), "cpu_percent": 12.5, "memory_percent": 50.0, "disk_percent": 75.0});
    as_written((0..ALL).map(record).collect())
}

/// Two devices a run.
fn devices() -> Vec<Value> {
    let record = |index: usize| {
        let (run, odd) = (index / 2, index % 2 == 1);
        json!({
            "timestamp": local(second(run) + i64::from(odd)), "ip_address": if odd { "10.0.0.2" } else { "10.0.0.1" },
            "is_reachable": !odd, "response_time": if odd { Value::Null } else { json!(2.5) },
        })
    };
    as_written((0..ALL).map(record).collect())
}

fn alerts() -> Vec<Value> {
    let record = |(index, resolved)| {
        json!({"timestamp": local(second(index)), "alert_type": "High CPU", "message": "CPU usage: 91%",
               "severity": "HIGH", "resolved": resolved})
    };
    [(40, true), (20, false), (60, true)].map(record).to_vec()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_record_arrives_once_at_its_moment_and_with_its_value() {
    let set = Set::new();
    let output = set.import();
    assert!(output.status.success(), "{output:?}");
    let told = text(&output.stdout);
    for expected in [
        "network_data.json: 10400 records read, 10400 added, 0 already there; 1 anomalies added to alerts",
        "system_data.json: 10400 records read, 10400 added, 0 already there",
        "device_data.json: 10400 records read, 10400 added, 0 already there",
        "alert_data.json: 3 records read, 3 added, 0 already there",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");

    for (stream, count) in [("bandwidth", ALL), ("system", ALL), ("devices", ALL / 2)] {
        let records = set.exported(stream);
        assert_eq!(records.len(), count, "{stream}");
        for (index, record) in records.iter().enumerate() {
            let at: Timestamp = record["t"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                at.as_millisecond(),
                second(index) * 1000 + 123,
                "{stream} {index}"
            );
        }
    }
    assert_values(&set);

    let again = set.import();
    let told = text(&again.stdout);
    assert!(
        told.contains("10400 records read, 0 added, 10400 already there\n"),
        "{told}"
    );
    assert!(
        told.contains("3 records read, 0 added, 3 already there\n"),
        "{told}"
    );
    assert_eq!(set.exported("alerts").len(), 4);
}

fn assert_values(set: &Set) {
    let records = set.exported("bandwidth");
    let rate = &records[1]["r"]["network_receive_bytes_per_second"]["all"];
    assert_eq!(*rate, json!(12_500_000.0));
    assert_eq!(
        records[1]["r"]["network_total_bytes_per_second"][""],
        json!(18_750_000.0)
    );
    let first: Vec<usize> = (0..ALL)
        .filter(|index| records[*index]["r"]["network_total_bytes_per_second"][""] == "first_reading")
        .collect();
    assert_eq!(first, [0, 5_000, 10_000]);
    let system = &set.exported("system")[0]["r"];
    assert_eq!(system["cpu_usage_ratio"][""], json!(0.125));
    assert_eq!(system["filesystem_usage_ratio"]["/"], json!(0.75));
    let devices = &set.exported("devices")[3]["r"];
    assert_eq!(devices["device_up"], json!({"10.0.0.1": 1.0, "10.0.0.2": 0.0}));
    assert_eq!(devices["ping_rtt_seconds"]["10.0.0.1"], json!(0.0025));
    let alerts = set.exported("alerts");
    let states: Vec<&Value> = alerts.iter().map(|alert| &alert["to"]).collect();
    assert_eq!(states, ["resolved", "firing", "resolved", "resolved"]);
    assert_eq!(alerts[1]["severity"], "high");
}

#[test]
fn a_torn_file_is_named_and_nothing_of_it_taken() {
    let set = Set::new();
    let file = set.python().join("system_data.json");
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() / 2]).unwrap();
    let output = set.import();
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(
        complaint.contains("system_data.json: it ends with record 5"),
        "{complaint}"
    );
    assert!(
        complaint.contains("it was not written to its end; nothing of the file was taken"),
        "{complaint}"
    );
    assert_eq!(text(&output.stdout).lines().count(), 3);
    assert!(set.exported("system").is_empty());
    assert_eq!(set.exported("bandwidth").len(), ALL);
}

#[test]
fn a_running_instance_has_to_be_stopped_first() {
    let set = Set::new();
    let data = set.0.path().join("data");
    fs::create_dir(&data).unwrap();
    let _held = Lock::take(&data).unwrap();
    let output = set.import();
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(
        complaint.contains("another instance") && complaint.contains("stop it first"),
        "{complaint}"
    );
    assert!(!Path::new(&data).join("history/system.jsonl").exists());
}

#[test]
fn forms_agree_and_a_reader_may_leave_early() {
    let set = Set::new();
    assert!(set.import().status.success());
    let csv = set.export("system", "csv");
    assert_eq!(csv.lines().count(), 1 + 3 * ALL);
    let openmetrics = set.export("system", "openmetrics");
    assert_eq!(
        openmetrics.lines().filter(|line| !line.starts_with('#')).count(),
        3 * ALL
    );
    assert!(openmetrics.contains(
        "\nnetkestrel_cpu_usage_ratio{instance=\"127.0.0.1:10980\",job=\"netkestrel\"} 0.125 1761264000.123\n"
    ));
    let part = set.run(&[
        "history",
        "export",
        "--stream=system",
        "--from=1761264060",
        "--to=2025-10-24T00:03:00Z",
        "--format=json",
    ]);
    assert_eq!(text(&part.stdout).lines().count(), 2);

    let mut leaving = set.command(&["history", "export", "--stream", "system"]);
    let mut leaving = leaving
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(leaving.stdout.take());
    let output = leaving.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn statistics_and_analysis_have_a_form_for_people_and_one_for_programs() {
    let set = Set::new();
    assert!(set.import().status.success());
    let table = text(&set.run(&["history", "stats"]).stdout);
    assert!(
        table.contains("bandwidth    10400  10000  2025-10-24 02:00:00  2025-10-31 06:19:00"),
        "{table}"
    );
    let stats: Value =
        serde_json::from_slice(&set.run(&["history", "stats", "--format", "json"]).stdout).unwrap();
    assert_eq!(stats["streams"][2]["records"], ALL / 2);

    let table = text(&set.run(&["analyze", "--hours", "87600"]).stdout);
    assert!(table.contains("10.0.0.1  100.000 %"), "{table}");
    let analysis = set.run(&["analyze", "--hours", "87600", "--format", "json"]);
    let analysis: Value = serde_json::from_slice(&analysis.stdout).unwrap();
    assert_eq!(analysis["devices"][1]["ratio"], 0.0);
    assert_eq!(analysis["alerts"].as_array().unwrap().len(), 2);
    let empty = text(&set.run(&["analyze", "--hours", "1"]).stdout);
    assert!(empty.contains("Nothing was recorded."), "{empty}");
}

#[test]
fn analysis_tells_when_a_disk_will_be_full() {
    let set = Set::new();
    // A percent a day for 18 days and 18 hours, with a wobble.
    let records: Vec<Value> = (0_u32..9000)
        .map(|index| {
            let disk = 70.0 + f64::from(index) / 480.0 + 0.2 * f64::from(index % 7) / 7.0;
            json!({
                "timestamp": local(BEGIN + i64::from(index) * 180),
                "cpu_percent": 10.0, "memory_percent": 40.0, "disk_percent": disk,
            })
        })
        .collect();
    set.write("system_data.json", &records);
    assert!(set.import().status.success());
    let end = (BEGIN + 9000 * 180).to_string();
    let analyze = ["analyze", "--from", &BEGIN.to_string(), "--to", &end];
    let table = text(&set.run(&analyze).stdout);
    assert!(table.contains("full in"), "{table}");
    let analysis = set.run(&[&analyze[..], &["--format", "json"]].concat());
    let analysis: Value = serde_json::from_slice(&analysis.stdout).unwrap();
    let days = |name: &str| analysis["filesystems"][0][name].as_f64().unwrap() / 86_400.0;
    let bounds = ["full_seconds_earliest", "full_seconds", "full_seconds_latest"].map(days);
    assert!(bounds.is_sorted(), "{bounds:?}");
    assert!(
        bounds.iter().all(|bound| (bound - 11.2).abs() < 0.3),
        "{bounds:?}"
    );
}

#[test]
fn every_signal_is_exported_under_a_name_of_its_own_that_no_histogram_has() {
    let signals = collectors::signals();
    let names = signals
        .iter()
        .map(|signal| format!("\"{}\":{{\"x\":1.0}}", signal.name));
    let text = format!(
        "{{\"t\":\"2026-01-01T00:00:00Z\",\"r\":{{{}}}}}",
        names.collect::<Vec<_>>().join(",")
    );
    let record = Record::decode(text.as_bytes()).unwrap();
    let labels = Labels {
        job: "netkestrel".to_owned(),
        instance: "h:1".to_owned(),
    };
    let mut out = Vec::new();
    write_openmetrics([Ok(record)], &signals, &labels, &mut out).unwrap();
    let page = String::from_utf8(out).unwrap();
    let families: std::collections::BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert_eq!(families.len(), signals.len());
    for histogram in [
        "netkestrel_ping_rtt_seconds",
        "netkestrel_network_receive_bytes_per_second",
        "netkestrel_network_transmit_bytes_per_second",
    ] {
        assert!(
            !families.contains(format!("{histogram} gauge").as_str()),
            "{histogram}"
        );
    }
}
