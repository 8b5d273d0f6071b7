use std::{io::Read, time::Duration};

use prometheus_client::metrics::histogram::{Histogram, NativeHistogramConfig};
use smol_str::SmolStr;

use super::*;
use crate::sample::{Desc, Kind, Value};

const BYTES: Desc = Desc {
    name: "netkestrel_network_receive_bytes_total",
    kind: Kind::Counter,
    labels: &["interface"],
    help: "Bytes received by the interface.",
};
const INFO: Desc = Desc {
    name: "netkestrel_network_info",
    kind: Kind::Info,
    labels: &["interface", "kind"],
    help: "Constant 1 with non-numeric facts of the interface.",
};
const USAGE: Desc = Desc {
    name: "netkestrel_cpu_usage_ratio",
    kind: Kind::Gauge,
    labels: &[],
    help: "Share of CPU time in use.",
};
const RATE: Desc = Desc {
    name: "netkestrel_network_receive_bytes_per_second",
    kind: Kind::Histogram(&[1000.0, 2_500_000.0]),
    labels: &["interface"],
    help: "Receive rate.",
};
const WRITES: Desc = Desc {
    name: "netkestrel_history_write_duration_seconds",
    kind: Kind::Histogram(&[0.000_01, 0.5]),
    labels: &[],
    help: "Time to write.",
};
const LAST: Desc = Desc {
    name: "netkestrel_scrape_duration_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "Time this exposition took.",
};

/// Names as a hostile or careless administrator may give them to interfaces and devices.
const HOSTILE: [&str; 6] = [
    r#"say "hi""#,
    r"back\slash",
    "two\nlines",
    "größe-日本",
    "🦅",
    "a,b}{c=\"d\"} 1\n# EOF\n",
];

fn histogram(bounds: [f64; 2]) -> Histogram {
    let histogram =
        Histogram::new_classic_and_native(bounds, NativeHistogramConfig::new(1.1).max_buckets(160));
    histogram.observe(0.25);
    histogram.observe(3e6);
    histogram
}

fn fixture() -> Snapshot {
    let mut bytes = Family::new(&BYTES);
    for (name, value) in HOSTILE
        .iter()
        .zip([0.0, 12.5, 18_446_744_073_709_551_615.0, 1e6, 3.0, 4.0])
    {
        bytes.push([SmolStr::new(name)], value);
    }
    let mut info = Family::new(&INFO);
    info.push([SmolStr::new("eth0"), SmolStr::default()], 1.0);
    let mut rate = Family::new(&RATE);
    rate.push_value(
        [SmolStr::new("eth0")],
        Value::Histogram(histogram([1000.0, 2_500_000.0])),
    );
    let mut writes = Family::new(&WRITES);
    writes.push_value([], Value::Histogram(histogram([0.000_01, 0.5])));
    Snapshot::new(vec![rate, info, Family::single(&USAGE, 0.25), bytes, writes])
}

fn last() -> Family {
    Family::single(&LAST, Duration::from_millis(2).as_secs_f64())
}

fn text(snapshot: &Snapshot, syntax: Syntax) -> String {
    let (page, _) = Renderer::default().render(snapshot, syntax, Coding::Identity, last);
    String::from_utf8(page).expect("is UTF-8")
}

const AS_TEXT: &str = r#"# HELP netkestrel_cpu_usage_ratio Share of CPU time in use.
# TYPE netkestrel_cpu_usage_ratio gauge
netkestrel_cpu_usage_ratio 0.25
# HELP netkestrel_history_write_duration_seconds Time to write.
# TYPE netkestrel_history_write_duration_seconds histogram
netkestrel_history_write_duration_seconds_sum 3000000.25
netkestrel_history_write_duration_seconds_count 2
netkestrel_history_write_duration_seconds_bucket{le="1e-05"} 0
netkestrel_history_write_duration_seconds_bucket{le="0.5"} 1
netkestrel_history_write_duration_seconds_bucket{le="+Inf"} 2
# HELP netkestrel_network_info Constant 1 with non-numeric facts of the interface.
# TYPE netkestrel_network_info gauge
netkestrel_network_info{interface="eth0",kind=""} 1
# HELP netkestrel_network_receive_bytes_total Bytes received by the interface.
# TYPE netkestrel_network_receive_bytes_total counter
netkestrel_network_receive_bytes_total{interface="say \"hi\""} 0
netkestrel_network_receive_bytes_total{interface="back\\slash"} 12.5
netkestrel_network_receive_bytes_total{interface="two\nlines"} 18446744073709553000.0
netkestrel_network_receive_bytes_total{interface="größe-日本"} 1000000
netkestrel_network_receive_bytes_total{interface="🦅"} 3
netkestrel_network_receive_bytes_total{interface="a,b}{c=\"d\"} 1\n# EOF\n"} 4
# HELP netkestrel_network_receive_bytes_per_second Receive rate.
# TYPE netkestrel_network_receive_bytes_per_second histogram
netkestrel_network_receive_bytes_per_second_sum{interface="eth0"} 3000000.25
netkestrel_network_receive_bytes_per_second_count{interface="eth0"} 2
netkestrel_network_receive_bytes_per_second_bucket{le="1000.0",interface="eth0"} 1
netkestrel_network_receive_bytes_per_second_bucket{le="2.5e+06",interface="eth0"} 1
netkestrel_network_receive_bytes_per_second_bucket{le="+Inf",interface="eth0"} 2
# HELP netkestrel_scrape_duration_seconds Time this exposition took.
# TYPE netkestrel_scrape_duration_seconds gauge
netkestrel_scrape_duration_seconds 0.002
"#;

#[test]
fn text_is_what_a_parser_of_version_0_0_4_expects() {
    assert_eq!(text(&fixture(), Syntax::Text), AS_TEXT);
}

#[test]
fn open_metrics_names_families_without_suffix_and_gives_units() {
    let page = text(&fixture(), Syntax::OpenMetrics);
    let differences: Vec<_> = page
        .lines()
        .filter(|line| !AS_TEXT.lines().any(|l| l == *line))
        .collect();
    assert_eq!(
        differences,
        [
            "# UNIT netkestrel_cpu_usage_ratio ratio",
            "# UNIT netkestrel_history_write_duration_seconds seconds",
            "# HELP netkestrel_network Constant 1 with non-numeric facts of the interface.",
            "# TYPE netkestrel_network info",
            "# HELP netkestrel_network_receive_bytes Bytes received by the interface.",
            "# TYPE netkestrel_network_receive_bytes counter",
            "# UNIT netkestrel_network_receive_bytes bytes",
            "# UNIT netkestrel_scrape_duration_seconds seconds",
            "# EOF",
        ]
    );
    assert!(page.ends_with("\n# EOF\n"));
    assert_eq!(page.lines().count(), AS_TEXT.lines().count() + 5);
}

#[test]
fn protobuf_carries_whole_names_and_both_kinds_of_buckets() {
    let registry = registry(&fixture(), Syntax::Protobuf, None);
    let families = prometheus_protobuf::encode(&registry).expect("encodes");
    let names: Vec<_> = families
        .iter()
        .map(|f| (f.name.as_str(), f.unit.as_str(), f.metric.len()))
        .collect();
    assert_eq!(
        names,
        [
            ("netkestrel_cpu_usage_ratio", "ratio", 1),
            ("netkestrel_history_write_duration_seconds", "seconds", 1),
            ("netkestrel_network_info", "", 1),
            ("netkestrel_network_receive_bytes_total", "bytes", 6),
            ("netkestrel_network_receive_bytes_per_second", "", 1),
        ]
    );
    let metrics = |position: usize| {
        families
            .get(position)
            .map(|f| f.metric.as_slice())
            .unwrap_or_default()
    };
    let labels: Vec<_> = metrics(3)
        .iter()
        .flat_map(|m| &m.label)
        .map(|l| l.value.as_str())
        .collect();
    assert_eq!(labels, HOSTILE);
    let rate = metrics(4)
        .first()
        .and_then(|m| m.histogram.clone())
        .expect("a histogram");
    assert_eq!(
        (rate.bucket.len(), rate.schema, rate.positive_span.len()),
        (3, 3, 2)
    );
}

#[test]
fn protobuf_messages_follow_one_another_with_their_length_in_front() {
    let (page, _) = Renderer::default().render(&fixture(), Syntax::Protobuf, Coding::Identity, last);
    let (mut rest, mut messages) = (page.as_slice(), 0);
    while let Some((&low, tail)) = rest.split_first() {
        let (length, body) = match (low & 0x7f, tail.split_first()) {
            (low, Some((&high, tail))) if page.len() > 0x7f && rest[0] & 0x80 != 0 => {
                (usize::from(low) | usize::from(high) << 7, tail)
            }
            (low, _) => (usize::from(low), tail),
        };
        rest = body.get(length..).expect("the message is whole");
        messages += 1;
    }
    assert_eq!(messages, 6);
}

#[test]
fn a_histogram_without_classic_buckets_costs_only_itself() {
    let mut native = Family::new(&WRITES);
    native.push_value(
        [],
        Value::Histogram(Histogram::new_native(NativeHistogramConfig::default())),
    );
    let snapshot = Snapshot::new(vec![native, Family::single(&USAGE, 0.25)]);
    let page = text(&snapshot, Syntax::OpenMetrics);
    assert!(page.starts_with("# HELP netkestrel_cpu_usage_ratio"), "{page}");
    assert!(
        !page.contains("write_duration") && page.ends_with("# EOF\n"),
        "{page}"
    );
}

#[test]
fn help_and_bounds_are_written_as_the_formats_demand() {
    const ODD: Desc = Desc {
        name: "netkestrel_odd",
        kind: Kind::Gauge,
        labels: &["module"],
        help: "One\\two\nthree.",
    };
    let mut odd = Family::new(&ODD);
    odd.push([SmolStr::new("1000000.0")], -0.5);
    let page = text(&Snapshot::new(vec![odd]), Syntax::Text);
    assert!(page.contains(r"# HELP netkestrel_odd One\\two\nthree."), "{page}");
    assert!(page.contains(r#"{module="1000000.0"} -0.5"#), "{page}");
    let rows = [
        ("100000.0", None),
        ("1000000.0", Some("1e+06")),
        ("1048576.0", Some("1.048576e+06")),
        ("0.0001", None),
        ("0.00005", Some("5e-05")),
        ("+Inf", None),
        ("0.0", None),
        ("eth0", None),
    ];
    for (written, expected) in rows {
        assert_eq!(go_float(written).as_deref(), expected, "{written}");
    }
}

#[test]
fn gzip_is_applied_when_it_pays_and_kept_buffers_leave_no_trace() {
    let renderer = Renderer::default();
    let plain = text(&fixture(), Syntax::OpenMetrics);
    for _ in 0..3 {
        let (page, coding) = renderer.render(&fixture(), Syntax::OpenMetrics, Coding::Gzip, last);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*page)
            .read_to_string(&mut unpacked)
            .expect("is gzip");
        assert_eq!((unpacked.as_str(), coding), (plain.as_str(), Coding::Gzip));
    }
    let (page, coding) = renderer.render(&Snapshot::default(), Syntax::Text, Coding::Gzip, last);
    assert_eq!((coding, page.starts_with(b"# HELP")), (Coding::Identity, true));
}
