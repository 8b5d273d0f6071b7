//! Real Prometheus servers scrape the program in all three formats.

use std::path::Path;

use serde_json::Value;

use super::support::{
    netkestrel::{Place, Setup},
    prometheus::{Histograms, Job, Prometheus, value},
    proxy::{Accept, Proxy},
    requirement::{Need, can_run, servers},
};

const CONFIGURATION: &str = "collectors: {network: {interval: 1s}, system: {interval: 1s}}\n";
/// Metric, and its type. OpenMetrics names the family of a counter without its suffix.
const TYPES: &[(&str, &str)] = &[
    ("netkestrel_network_receive_bytes", "counter"),
    ("netkestrel_cpu_seconds", "counter"),
    ("netkestrel_network_up", "gauge"),
    ("netkestrel_memory_size_bytes", "gauge"),
    ("netkestrel_network_receive_bytes_per_second", "histogram"),
];

#[test]
fn prometheus_scrapes_openmetrics_and_text() {
    if !can_run("prometheus_scrapes_openmetrics_and_text", &[Need::Prometheus]) {
        return;
    }
    let netkestrel = Setup::new(Place::Here, CONFIGURATION).start();
    let openmetrics = Proxy::start(&netkestrel.client, Accept::Untouched);
    let text = Proxy::start(&netkestrel.client, Accept::Instead("text/plain;version=0.0.4"));
    for server in servers() {
        let jobs = [job("openmetrics", &openmetrics), job("text", &text)];
        let mut prometheus = Prometheus::start(&server, Histograms::Classic, &jobs);
        for job in jobs {
            assert_healthy(&mut prometheus, job.name, &server);
            assert_types(&prometheus, job.name);
            let le = format!(
                "netkestrel_network_receive_bytes_per_second_bucket{{job=\"{}\",le=\"+Inf\"}}",
                job.name
            );
            prometheus.wait_for(&le);
        }
        assert_clean_log(&mut prometheus);
    }
    assert_all_start_with(&openmetrics, "application/openmetrics-text; version=1.0.0;");
    assert_all_start_with(&text, "text/plain; version=0.0.4;");
}

#[test]
fn prometheus_scrapes_native_histograms_as_protobuf() {
    if !can_run(
        "prometheus_scrapes_native_histograms_as_protobuf",
        &[Need::Prometheus],
    ) {
        return;
    }
    let netkestrel = Setup::new(Place::Here, CONFIGURATION).start();
    let proxy = Proxy::start(&netkestrel.client, Accept::Untouched);
    for server in servers() {
        let mut prometheus = Prometheus::start(&server, Histograms::Native, &[job("protobuf", &proxy)]);
        assert_healthy(&mut prometheus, "protobuf", &server);
        let count = "histogram_count(netkestrel_network_receive_bytes_per_second{interface=\"lo\"}) > 2";
        let counted = prometheus.wait_for(count);
        assert_eq!(counted.len(), 1, "{counted:?}");
        let sum =
            prometheus.query("histogram_sum(netkestrel_network_receive_bytes_per_second{interface=\"lo\"})");
        assert!(sum.iter().all(|sample| value(sample) >= 0.0), "{sum:?}");
        assert_clean_log(&mut prometheus);
    }
    assert_all_start_with(&proxy, "application/vnd.google.protobuf;");
}

fn job(name: &'static str, proxy: &Proxy) -> Job {
    Job {
        name,
        target: proxy.address(),
    }
}

/// Several scrapes in a row with the program's samples, and no word of an error.
fn assert_healthy(prometheus: &mut Prometheus, job: &str, server: &Path) {
    prometheus.wait_for(&format!("count_over_time(up{{job=\"{job}\"}}[1m]) >= 3"));
    let up = prometheus.query(&format!("min_over_time(up{{job=\"{job}\"}}[1m])"));
    let targets = prometheus.targets();
    assert_eq!(
        up.iter().map(value).collect::<Vec<_>>(),
        [1.0],
        "{}: {targets:?}",
        server.display()
    );
    let errors: Vec<&Value> = targets
        .iter()
        .filter_map(|target| target.get("lastError"))
        .collect();
    assert!(
        errors.iter().all(|error| *error == ""),
        "{}: {errors:?}",
        server.display()
    );
    let scraped = prometheus.query(&format!("scrape_samples_scraped{{job=\"{job}\"}}"));
    assert!(
        scraped.iter().map(value).all(|samples| samples > 100.0),
        "{scraped:?}"
    );
    for metric in [
        "netkestrel_build_info",
        "netkestrel_network_receive_bytes_total{interface=\"lo\"}",
    ] {
        assert!(!prometheus.query(metric).is_empty(), "{metric}");
    }
}

fn assert_types(prometheus: &Prometheus, job: &str) {
    let metadata = prometheus.metadata(job);
    let text = |entry: &Value, key: &str| {
        entry
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    for (metric, kind) in TYPES {
        let entry = metadata
            .iter()
            .find(|entry| text(entry, "metric").trim_end_matches("_total") == *metric);
        let entry = entry.unwrap_or_else(|| panic!("{job}: nothing known about {metric}"));
        assert_eq!(text(entry, "type"), *kind, "{job}: {metric}");
        assert!(!text(entry, "help").is_empty(), "{job}: {metric}");
    }
    let unknown: Vec<&Value> = metadata
        .iter()
        .filter(|entry| text(entry, "type") == "unknown")
        .collect();
    assert!(unknown.is_empty(), "{job}: {unknown:?}");
}

fn assert_clean_log(prometheus: &mut Prometheus) {
    let log = prometheus.process.log();
    let bad = |line: &&String| {
        ["level=warn", "level=WARN", "level=error", "level=ERROR"]
            .iter()
            .any(|l| line.contains(l))
    };
    let about_scrapes: Vec<&String> = log
        .iter()
        .filter(bad)
        .filter(|line| line.contains("scrape"))
        .collect();
    assert!(about_scrapes.is_empty(), "{about_scrapes:#?}");
}

fn assert_all_start_with(proxy: &Proxy, content_type: &str) {
    let seen = proxy.content_types();
    assert!(
        !seen.is_empty() && seen.iter().all(|seen| seen.starts_with(content_type)),
        "{seen:?}"
    );
}
