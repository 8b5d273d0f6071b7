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
/// Words of that form in the texts that are no metrics, and what they are.
const OTHER: &[(&str, &str)] = &[];

/// Names of all series that a scrape gives, in the classic form of histograms.
pub(crate) fn exported() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ADDED.iter().map(|name| (*name).to_owned()).collect();
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
    known.extend(OTHER.iter().map(|(word, _)| (*word).to_owned()));
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

/// Words that look like one of our metrics. With a colon in it, it is the name of a recorded series, which the tests of
/// the rules know.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(move |c| !part(c))
        .filter(|word| word.starts_with("netkestrel_") && !word.trim_end_matches(':').contains(':'))
        .map(|word| word.trim_end_matches(':'))
}

/// Dashboards, rules and documentation. The sources of dashboards leave parts of names open; what is made of them does
/// not.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    for folder in [
        "docs",
        "grafana/dashboards",
        "grafana/provisioning",
        "prometheus",
        "alertmanager",
    ] {
        collect(&root.join(folder), &mut found);
    }
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
    let text =
        "`netkestrel_load1{x=\"1\"}`, netkestrel_up: 3 netkestrel:load:mean5m netkestrel_network_* other_up";
    let found: Vec<&str> = words(text).collect();
    assert_eq!(
        found,
        ["netkestrel_load1", "netkestrel_up", "netkestrel_network_"]
    );
}
