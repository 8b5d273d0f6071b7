//! Every metric that is named anywhere, in dashboards, rules or documentation, is one that the program exports or that
//! a rule records.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use netkestrel::{app, sample::Kind};

/// Series that Prometheus adds to every scrape.
const ADDED: &[&str] = &[
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Names of all series that a scrape gives, in the classic form of histograms, and of those that rules record.
pub(crate) fn exported() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ADDED.iter().map(|name| (*name).to_owned()).collect();
    names.extend(ruled("record"));
    for desc in app::catalogue() {
        match desc.kind {
            Kind::Histogram(_) => {
                names.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", desc.name)));
            }
            Kind::Counter | Kind::Gauge | Kind::Info => {
                names.insert(desc.name.to_owned());
            }
        }
    }
    names
}

#[test]
fn every_metric_that_is_named_exists() {
    let mut known = exported();
    known.extend(app::catalogue().iter().map(|desc| desc.name.to_owned()));
    known.extend(ruled("alert"));
    let mut unknown = Vec::new();
    for file in texts() {
        let text = fs::read_to_string(&file).expect("readable");
        for word in words(&text) {
            // `netkestrel_capture_` and the like stand for all that begin so.
            let fine = known.contains(word)
                || (word.ends_with('_') && known.iter().any(|name| name.starts_with(word)));
            if !fine {
                unknown.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// Names in the rule files, of what they `record` or of what they `alert`.
fn ruled(key: &str) -> Vec<String> {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus"),
        &mut files,
    );
    let name = |line: &str| {
        let line = line.trim_start_matches([' ', '-']);
        let name = line.strip_prefix(key)?.strip_prefix(": ")?;
        Some(name.trim().to_owned())
    };
    let of = |file| {
        let text = fs::read_to_string(file).expect("readable");
        text.lines().filter_map(name).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(of).collect()
}

/// Words that look like one of our metrics, or with colons in it like a series that is recorded of one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(move |c| !part(c))
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.starts_with("netkestrel_") || word.contains(":netkestrel_"))
}

/// Dashboards, rules and documentation. The sources of dashboards leave parts of names open; what is made of them does
/// not.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    for folder in ["docs", "grafana", "prometheus", "alertmanager"] {
        collect(&root.join(folder), &mut found);
    }
    found.retain(|file| !file.starts_with(root.join("grafana/source")));
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn words_are_found_as_they_are_written() {
    let text = "`netkestrel_load1{x=\"1\"}`, netkestrel_up: 3 instance:netkestrel_load1:avg5m netkestrel_network_* netkestrel:10980 other_up";
    let found: Vec<&str> = words(text).collect();
    assert_eq!(
        found,
        [
            "netkestrel_load1",
            "netkestrel_up",
            "instance:netkestrel_load1:avg5m",
            "netkestrel_network_"
        ]
    );
}
