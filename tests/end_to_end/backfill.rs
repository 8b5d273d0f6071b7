//! History exported as OpenMetrics, made into blocks by promtool and served by a real Prometheus together with what it
//! scrapes itself.

use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Command, Output},
};

use super::support::{
    netkestrel::{Place, Setup},
    prometheus::{Job, Prometheus, value},
    proxy::{Accept, Proxy},
    requirement::{Need, can_run, servers},
};

const RECORDS: u32 = 10_000;
/// Six signals a record are 60,000 samples.
const SIGNALS: [&str; 6] = [
    "cpu_usage_ratio",
    "load1_per_core",
    "memory_usage_ratio",
    "network_total_bytes_per_second",
    "swap_usage_ratio",
    "uptime_seconds",
];
/// Time of the first record, and how far they are apart.
const BEGIN: i64 = 1_761_264_000;
const APART: i64 = 30;

#[test]
fn all_exported_samples_join_the_scraped_series() {
    if !can_run(
        "all_exported_samples_join_the_scraped_series",
        &[Need::Promtool, Need::Prometheus],
    ) {
        return;
    }
    let live = Setup::new(Place::Here, "collectors: {system: {interval: 1s}}\n").start();
    let proxy = Proxy::start(&live.client, Accept::Untouched);
    let instance = proxy.address().to_string();
    let past = Setup::new(Place::Here, "{}\n");
    remember(&past);
    let file = past.data_dir().join("system.om");
    let export = [
        "history",
        "export",
        "--stream=system",
        "--format=openmetrics",
        "--instance",
        &instance,
    ];
    let written = past.command(&export).arg("--output").arg(&file).output().unwrap();
    assert!(written.status.success(), "{written:?}");

    let job = Job {
        name: "netkestrel",
        target: proxy.address(),
    };
    for server in servers() {
        let put_in = |data: &Path| {
            let made = make_blocks(&server, &file, data);
            assert!(made.status.success(), "{made:?}");
        };
        let mut prometheus = Prometheus::start_filled(&server, &[job], put_in);
        assert_all_there(&prometheus, &instance);
        // One series holds both what was filled in and what is scraped.
        let cpu = format!("netkestrel_cpu_usage_ratio{{job=\"netkestrel\",instance=\"{instance}\"}}");
        let joined = prometheus.wait_for(&format!("count_over_time({cpu}[50y]) >= {}", RECORDS + 2));
        assert_eq!(joined.len(), 1, "{joined:?}");
    }
}

/// Writes the stream `system` as the program does.
fn remember(setup: &Setup) {
    let folder = setup.data_dir().join("history");
    fs::create_dir_all(&folder).unwrap();
    let mut lines = "{\"netkestrel\":\"history/system\",\"version\":1}\n".to_owned();
    for index in 0..RECORDS {
        let at = jiff::Timestamp::from_second(BEGIN + APART * i64::from(index)).unwrap();
        let readings = SIGNALS.map(|signal| format!("\"{signal}\":{{\"\":{index}.5}}"));
        writeln!(
            lines,
            "{{\"t\":\"{at:.3}\",\"e\":30.0,\"r\":{{{}}}}}",
            readings.join(",")
        )
        .unwrap();
    }
    fs::write(folder.join("system.jsonl"), lines).unwrap();
}

/// Lets promtool make blocks of a file in OpenMetrics.
pub(super) fn make_blocks(server: &Path, file: &Path, data: &Path) -> Output {
    let mut promtool = Command::new(server.join("promtool"));
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]);
    promtool.arg(file).arg(data).output().unwrap()
}

fn assert_all_there(prometheus: &Prometheus, instance: &str) {
    let end = BEGIN + APART * i64::from(RECORDS);
    let mut all = 0.0;
    for signal in SIGNALS {
        let series = format!("netkestrel_{signal}{{job=\"netkestrel\",instance=\"{instance}\"}}");
        let found = prometheus.query(&format!("count_over_time({series}[30d] @ {end})"));
        assert_eq!(found.len(), 1, "{series}: {found:?}");
        all += value(&found[0]);
        let sum = prometheus.query(&format!("sum_over_time({series}[30d] @ {end})"));
        let expected = f64::from(RECORDS) * f64::from(RECORDS) / 2.0;
        assert!((value(&sum[0]) - expected).abs() < 1.0, "{series}: {sum:?}");
    }
    assert!((all - 60_000.0).abs() < 0.5, "{all}");
}
