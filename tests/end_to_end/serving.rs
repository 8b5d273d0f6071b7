//! Start with no configuration to a metrics page that outside judges accept, in all formats, and a clean end.

use std::{
    io::Read,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;

use super::support::{
    http::Answer,
    judges::{openmetrics_families, promtool_complaints},
    netkestrel::{Place, Setup},
    requirement::{Need, can_run},
};

/// Accept, and the exact Content-Type of the answer.
const FORMATS: &[(&str, &str)] = &[
    ("*/*", TEXT),
    ("text/plain;version=0.0.4", TEXT),
    ("application/json", TEXT),
    ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
    ("application/openmetrics-text;version=1.0.0;q=0", TEXT),
    ("application/openmetrics-text;version=1.0.0", OPENMETRICS),
    (
        "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.8",
        OPENMETRICS,
    ),
    (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        PROTOBUF,
    ),
];
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

#[test]
fn page_and_metrics_answer_within_three_seconds_of_the_start() {
    let setup = Setup::new(Place::Here, "");
    let start = Instant::now();
    let netkestrel = setup.start();
    let page = netkestrel.client.get("/");
    let metrics = netkestrel.client.get("/metrics");
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(3), "took {elapsed:?}");
    assert_eq!((page.status, metrics.status), (200, 200));
    assert!(
        page.header("content-type").unwrap().starts_with("text/html"),
        "{page:?}"
    );
    assert!(page.text().contains("NetKestrel"));
    for name in ["netkestrel_network_receive_bytes_total", "netkestrel_build_info"] {
        assert!(
            metrics.text().contains(&format!("\n{name}{{")),
            "{name} is missing"
        );
    }
    assert!(metrics.text().contains("\nnetkestrel_memory_size_bytes "));
}

#[test]
fn promtool_has_no_complaint_about_the_text_format() {
    if !can_run(
        "promtool_has_no_complaint_about_the_text_format",
        &[Need::Promtool],
    ) {
        return;
    }
    let netkestrel = Setup::new(Place::Here, "").start();
    assert_eq!(promtool_complaints(&netkestrel.client.get("/metrics").body), "");
}

#[test]
fn the_openmetrics_parser_accepts_the_page() {
    if !can_run("the_openmetrics_parser_accepts_the_page", &[Need::Python]) {
        return;
    }
    let netkestrel = Setup::new(Place::Here, "").start();
    let answer = netkestrel
        .client
        .get_with("/metrics", &[("Accept", FORMATS[5].0)]);
    let families = openmetrics_families(&answer.body);
    for family in [
        "netkestrel_network_receive_bytes",
        "netkestrel_build",
        "netkestrel_cpu_seconds",
    ] {
        assert!(families.iter().any(|name| name == family), "{family} is missing");
    }
    assert!(answer.text().ends_with("# EOF\n"));
}

#[test]
fn every_format_has_its_exact_content_type() {
    let netkestrel = Setup::new(Place::Here, "").start();
    for (accept, content_type) in FORMATS {
        let answer = netkestrel.client.get_with("/metrics", &[("Accept", accept)]);
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-type"), Some(*content_type), "{accept}");
        assert_eq!(vary(&answer), ["accept", "accept-encoding"], "{accept}");
    }
}

#[test]
fn gzip_is_used_when_asked_for_and_only_then() {
    let netkestrel = Setup::new(Place::Here, "").start();
    let plain = netkestrel.client.get("/metrics");
    assert_eq!(plain.header("content-encoding"), None);
    let refused = netkestrel
        .client
        .get_with("/metrics", &[("Accept-Encoding", "gzip;q=0")]);
    assert_eq!(refused.header("content-encoding"), None);
    let packed = netkestrel
        .client
        .get_with("/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(packed.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.starts_with("# HELP "), "{text}");
    assert!(
        packed.body.len() * 3 < text.len(),
        "{} of {}",
        packed.body.len(),
        text.len()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn it_ends_cleanly_on_sigterm() {
    let netkestrel = Setup::new(Place::Here, "").start();
    let (status, log) = netkestrel.process.terminate();
    assert!(status.success(), "{status}: {log:?}");
}

fn vary(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.iter().filter(|(name, _)| name == "vary");
    let mut names: Vec<String> = lines
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    names.sort();
    names
}
