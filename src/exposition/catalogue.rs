//! Checks descriptions of metrics against the naming rules of Prometheus and OpenMetrics, so that a bad name is
//! found by a test and not by a scraper.

use std::collections::HashMap;

use super::snapshot::stem;
use crate::sample::{Desc, Kind};

/// Parts of a name that are units other than base units, or abbreviations of units.
const NOT_BASE_UNITS: &[&str] = &[
    "s",
    "ms",
    "us",
    "ns",
    "sec",
    "b",
    "kb",
    "mb",
    "gb",
    "tb",
    "pb",
    "m",
    "h",
    "d",
    "bits",
    "kilobytes",
    "megabytes",
    "gigabytes",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "percent",
    "percents",
    "fahrenheit",
    "kelvin",
];
/// Parts of a name that say what its type already says.
const TYPES: &[&str] = &["counter", "gauge", "histogram", "summary", "untyped"];
/// Labels that mean something else to a scraper.
const RESERVED_LABELS: &[&str] = &["le", "quantile", "job", "instance", "alertname", "type"];

/// Everything that is wrong with these descriptions, one sentence each; empty when all is well.
#[must_use]
pub fn complaints(descs: &[&Desc]) -> Vec<String> {
    let mut found = Vec::new();
    let mut names: HashMap<&str, &Desc> = HashMap::new();
    for desc in descs {
        let mut complain = |what: String| found.push(format!("{}: {what}", desc.name));
        check_name(desc, &mut complain);
        check_labels(desc, &mut complain);
        check_help(desc, &mut complain);
        for name in exposed(desc) {
            if let Some(other) = names.insert(name, desc) {
                complain(format!("the name is also used by {}", other.name));
            }
        }
    }
    found
}

fn check_name(desc: &Desc, complain: &mut impl FnMut(String)) {
    let name = desc.name;
    if !is_legal(name) {
        complain("a name consists of a-z, 0-9 and _, and begins with a letter".to_owned());
    }
    for part in name.split('_') {
        if NOT_BASE_UNITS.contains(&part) || TYPES.contains(&part) || part.is_empty() {
            complain(format!("`{part}` has no place in a name"));
        }
    }
    let must_end = match desc.kind {
        Kind::Counter => Some("_total"),
        Kind::Info => Some("_info"),
        Kind::Gauge | Kind::Histogram(_) => None,
    };
    for suffix in ["_total", "_info"] {
        if name.ends_with(suffix) != (must_end == Some(suffix)) {
            complain(format!("`{suffix}` and the kind do not go together"));
        }
    }
    for suffix in ["_bucket", "_count", "_sum", "_created"] {
        if stem(desc).ends_with(suffix) {
            complain(format!("`{suffix}` is reserved"));
        }
    }
}

fn check_labels(desc: &Desc, complain: &mut impl FnMut(String)) {
    for (index, label) in desc.labels.iter().enumerate() {
        if !is_legal(label) || RESERVED_LABELS.contains(label) {
            complain(format!("the label `{label}` is illegal or reserved"));
        }
        if desc.labels.iter().take(index).any(|other| other == label) {
            complain(format!("the label `{label}` is there twice"));
        }
    }
    if let Kind::Histogram(bounds) = desc.kind
        && !(bounds.is_sorted_by(|a, b| a < b)
            && bounds.iter().all(|bound| bound.is_finite())
            && !bounds.is_empty())
    {
        complain("bounds of a histogram are finite and ascending".to_owned());
    }
}

fn check_help(desc: &Desc, complain: &mut impl FnMut(String)) {
    if desc.help.contains(['\\', '\n', '"']) || !desc.help.ends_with('.') {
        complain("the help is one sentence without backslash, quote or line break".to_owned());
    }
}

/// Every name under which series or families of this metric may appear.
fn exposed(desc: &Desc) -> Vec<&'static str> {
    if stem(desc) == desc.name {
        vec![desc.name]
    } else {
        vec![desc.name, stem(desc)]
    }
}

fn is_legal(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn desc(name: &'static str, kind: Kind, labels: &'static [&'static str]) -> Desc {
        Desc {
            name,
            kind,
            labels,
            help: "Help.",
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let rows = [
            (desc("test_requests", Kind::Counter, &[]), "`_total` and the kind"),
            (
                desc("test_requests_total", Kind::Gauge, &[]),
                "`_total` and the kind",
            ),
            (desc("test_facts", Kind::Info, &[]), "`_info` and the kind"),
            (desc("test_duration_ms", Kind::Gauge, &[]), "`ms` has no place"),
            (desc("test_counter", Kind::Gauge, &[]), "`counter` has no place"),
            (desc("test_sizeBytes", Kind::Gauge, &[]), "a name consists of"),
            (desc("test:size_bytes", Kind::Gauge, &[]), "a name consists of"),
            (desc("test__bytes", Kind::Gauge, &[]), "`` has no place"),
            (
                desc("test_seconds_count", Kind::Gauge, &[]),
                "`_count` is reserved",
            ),
            (desc("test_bytes", Kind::Gauge, &["le"]), "label `le`"),
            (
                desc("test_bytes", Kind::Gauge, &["deviceName"]),
                "label `deviceName`",
            ),
            (
                desc("test_bytes", Kind::Gauge, &["a", "a"]),
                "label `a` is there twice",
            ),
            (
                desc("test_seconds", Kind::Histogram(&[2.0, 1.0]), &[]),
                "ascending",
            ),
        ];
        for (desc, expected) in &rows {
            let found = complaints(&[desc]);
            assert!(
                found.iter().any(|text| text.contains(expected)),
                "{}: {found:?}",
                desc.name
            );
        }
        let twice = desc("test_bytes", Kind::Gauge, &[]);
        assert_eq!(
            complaints(&[&twice, &desc("test_bytes_total", Kind::Counter, &[])]).len(),
            1
        );
    }
}
