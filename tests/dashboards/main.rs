//! The dashboards of `grafana/`: made of readable sources, linted, and asking only for metrics that exist. What their
//! queries answer is tested by `end_to_end`.
//!
//! `NETKESTREL_UPDATE=1 cargo test --test dashboards` writes `grafana/dashboards/*.json` anew.

mod board;
mod field;
mod lint;
mod names;
mod panel;
mod promql;
mod provisioning;
mod query;
mod source;

use std::{collections::BTreeSet, fs};

use serde_json::Value;

#[test]
fn committed_dashboards_are_those_of_the_sources() {
    let folder = source::folder().join("dashboards");
    let mut stale = Vec::new();
    let mut wanted = BTreeSet::new();
    for (name, json) in made() {
        let path = folder.join(format!("netkestrel-{name}.json"));
        let text = serde_json::to_string_pretty(&json).expect("JSON can be written") + "\n";
        if std::env::var_os("NETKESTREL_UPDATE").is_some() {
            fs::write(&path, &text).expect("grafana/dashboards is writable");
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(name);
        }
        wanted.insert(path);
    }
    assert!(
        stale.is_empty(),
        "not what grafana/source says: {stale:?}; run NETKESTREL_UPDATE=1 cargo test --test dashboards"
    );
    let entries = fs::read_dir(&folder).expect("grafana/dashboards is readable");
    let found: BTreeSet<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    assert_eq!(found, wanted, "every dashboard has a source");
}

/// Every dashboard as its source makes it, with the name of the source.
fn made() -> Vec<(String, Value)> {
    let shared = source::shared();
    let boards = source::boards().into_iter();
    boards
        .map(|(name, source)| (name, board::dashboard(&source, &shared)))
        .collect()
}
