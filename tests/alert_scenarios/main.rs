//! Alerts over time as files: every one in `data/scenarios` is a timeline of verdicts and what people do, and exactly
//! the transitions and notices that must come of it. Adding a case is adding a file.
//!
//! Times are offsets from `start`, as an observer with a good clock counts them. Between steps a minute passes from
//! one run of the rules to the next, and each says again how things stand.
//!
//! ```yaml
//! about: what it shows, in a sentence
//! zone: Europe/Berlin          # UTC unless given
//! start: 2026-11-02T12:00      # local; this unless given
//! config: {cooldown: 15m}      # as in `alerts:`
//! from: 5m                     # look only at what comes from then on
//! steps:
//!   - 0m cpu firing high 0.95            # or pending, clear, unknown, gone, explained device_down
//!   - 1m loss/nas..3 firing high 0.6     # three subjects: nas1, nas2, nas3
//!   - 2m ack cpu ann                     # unack cpu ann
//!   - 3m silence rule=cpu severity=low for 1h     # unsilence
//!   - 4m restart                         # the state passes through JSON
//!   - 5m clock -1h                       # the wall clock jumps
//!   - 6m suspend 3h                      # time passes and nobody notices
//!   - 7m readings stop                   # readings go on
//!   - 8m rules loss                      # the rules in force
//!   - 9m reload cooldown=1m
//!   - 1h end
//! expect:
//!   - 0m cpu new -> firing high
//!   - 0m cpu NOTICE fired high
//!   - 0m mem NOTICE fired high quiet until 02 14:00    # for those who do not wait for the end of quiet hours
//!   - 2h mem NOTICE fired high for mail                 # for those who do
//! suppressed: {cooldown: 1}
//! ```
//!
//! Instead of verdicts there may be readings, which the rules judge; and mails may be expected besides notices:
//!
//! ```yaml
//! not_with_restarts: why         # it goes another way with a restart after every step
//! every: 30s                     # from one run of the collectors to the next; this unless given
//! rules: [{name: cpu, ...}]      # as in the configuration; the built-in ones unless given
//! new_rules: []                  # those after the step `reload rules`
//! readings:
//!   - {from: 0m, to: 15m, signal: cpu_usage_ratio, value: 0.93}       # or [0.93, 0.88]: in turn
//!   - {to: 5m, signal: device_up, of: nas..3, missing: no_sample}     # or implausible: 9e9
//!   - {news: 70s, signal: device_up, of: nas1, value: 0}
//! mail: {to: [{address: ann@example.net, min_severity: high}], away: {from: 0m, to: 9m}, killed: 5m}
//! mails:
//!   - 9m20s ann@example.net device_down/nas1: fired high + resolved after 7m peak 0 high
//! ```

mod mails;
mod play;
mod prometheus;
#[path = "../promtool/mod.rs"]
mod promtool;
mod readings;
#[path = "../requirement/mod.rs"]
mod requirement;
mod resumed;
mod series;
mod verdicts;
mod words;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use netkestrel::{alerts::Config, rules::Rule};
use serde::Deserialize;

use self::{mails::Mail, play::Play, readings::Line};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    about: String,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    from: Option<String>,
    /// Why it goes another way with a restart after every step.
    #[serde(default)]
    not_with_restarts: Option<String>,
    #[serde(default)]
    every: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
    /// Those after the step `reload rules`.
    new_rules: Option<Vec<Rule>>,
    #[serde(default)]
    readings: Vec<Line>,
    #[serde(default)]
    mail: Option<Mail>,
    steps: Vec<String>,
    #[serde(default)]
    mails: Vec<String>,
    expect: Vec<String>,
    #[serde(default)]
    suppressed: Option<BTreeMap<String, f64>>,
}

/// Whether a restart follows every step, and every run where readings are given.
#[derive(Clone, Copy, PartialEq)]
enum Restarts {
    AsWritten,
    Everywhere,
}

#[test]
fn scenarios_go_as_written() {
    let paths = paths();
    assert!(paths.len() >= 100, "only {} scenarios", paths.len());
    check(&paths, Restarts::AsWritten);
}

#[test]
fn scenarios_go_the_same_with_a_restart_after_every_step() {
    check(&paths(), Restarts::Everywhere);
}

fn paths() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scenarios");
    let entries = fs::read_dir(folder).expect("the folder of scenarios exists");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    paths
}

fn parsed(path: &Path) -> Scenario {
    let text = fs::read_to_string(path).expect("readable");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(paths: &[PathBuf], restarts: Restarts) {
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        let scenario = parsed(path);
        assert!(scenario.about.ends_with('.'), "{name} has no sentence");
        if restarts == Restarts::Everywhere && scenario.not_with_restarts.is_some() {
            continue;
        }
        let found = Play::new(&scenario).play(&scenario, restarts);
        for (expected, found) in [(&scenario.expect, &found.lines), (&scenario.mails, &found.mails)] {
            if expected != found {
                let difference = difference(expected, found);
                wrong.push(format!("{name}: {}\n{difference}", scenario.about));
            }
        }
        let suppressed = found.suppressed;
        let expected = scenario
            .suppressed
            .as_ref()
            .filter(|_| restarts == Restarts::AsWritten);
        if let Some(expected) = expected.filter(|expected| **expected != suppressed) {
            wrong.push(format!(
                "{name}: suppressed is {suppressed:?}, expected {expected:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Both lists in one, each line with where it stands.
fn difference(mut expected: &[String], mut found: &[String]) -> String {
    let mut lines = Vec::new();
    loop {
        match (expected, found) {
            ([], []) => return lines.join("\n"),
            ([wanted, after @ ..], [is, rest @ ..]) if wanted == is => {
                lines.push(format!("        - {wanted}"));
                (expected, found) = (after, rest);
            }
            ([wanted, after @ ..], _) if !found.contains(wanted) => {
                lines.push(format!("MISSING - {wanted}"));
                expected = after;
            }
            (_, [is, rest @ ..]) => {
                lines.push(format!("EXTRA   - {is}"));
                found = rest;
            }
            ([wanted, after @ ..], []) => {
                lines.push(format!("MISSING - {wanted}"));
                expected = after;
            }
        }
    }
}
