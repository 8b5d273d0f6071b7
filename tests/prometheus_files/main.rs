//! What is shipped in `prometheus/` is what it claims to be: valid, current, tested alert by alert, and about metrics
//! that exist. `NETKESTREL_UPDATE=1` writes `prometheus/optional` anew.

mod names;
#[path = "../promtool/mod.rs"]
mod promtool;
#[path = "../requirement/mod.rs"]
mod requirement;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use netkestrel::{app, units::HumanDuration};
use serde::Deserialize;

use self::promtool::Promtool;

/// The one key of the configuration that Prometheus does not know before 3.8.
const NEW_KEY: &str = "scrape_native_histograms";

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(default)]
    alert_rule_test: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    eval_time: String,
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<serde_json::Value>,
}

#[test]
fn the_configuration_is_valid() {
    let Some(promtool) = Promtool::for_test("prometheus_files::the_configuration_is_valid") else {
        return;
    };
    let shipped = fs::read_to_string(folder().join("prometheus.yml")).expect("readable");
    let with_key: Vec<&str> = shipped
        .lines()
        .filter(|line| line.trim() == format!("{NEW_KEY}: true"))
        .collect();
    assert_eq!(with_key.len(), 1, "{NEW_KEY} is to be switched on once");
    let check = |text: &str| {
        let scratch = tempfile::tempdir().expect("a folder");
        copy(&folder(), scratch.path());
        let file = scratch.path().join("prometheus.yml");
        fs::write(&file, text).expect("written");
        promtool.judge(&["check", "config"], &[file])
    };
    let mut verdict = check(&shipped);
    if !verdict.fine && verdict.words.contains(NEW_KEY) {
        requirement::show(
            "NOTE",
            "prometheus_files::the_configuration_is_valid",
            &format!("this Prometheus does not know {NEW_KEY}, which is taken out"),
        );
        let rest: Vec<&str> = shipped.lines().filter(|line| *line != with_key[0]).collect();
        verdict = check(&rest.join("\n"));
    }
    assert!(verdict.fine, "{}", verdict.words);
}

#[test]
fn rules_are_valid_and_do_as_their_tests_say() {
    let Some(promtool) = Promtool::for_test("prometheus_files::rules_are_valid_and_do_as_their_tests_say")
    else {
        return;
    };
    let check = promtool.judge(&["check", "rules", "--lint-fatal"], &rule_files());
    assert!(check.fine, "{}", check.words);
    let test = promtool.judge(&["test", "rules"], &yaml_files("tests"));
    assert!(test.fine, "{}", test.words);
}

#[test]
fn every_alert_has_a_case_that_is_calm_one_that_fires_and_one_that_ends() {
    let tests: Vec<Test> = yaml_files("tests")
        .iter()
        .flat_map(|file| parse::<TestFile>(file).tests)
        .collect();
    let untested: Vec<String> = yaml_files("rules")
        .iter()
        .flat_map(|file| alerts(file))
        .filter_map(|rule| rule.alert)
        .filter(|alert| !tests.iter().any(|test| test.shows(alert)))
        .collect();
    assert_eq!(untested, [""; 0]);
}

#[test]
fn every_alert_says_how_grave_it_is_what_it_means_and_what_helps() {
    let severities = ["low", "medium", "high", "critical"];
    for rule in rule_files().iter().flat_map(|file| alerts(file)) {
        let alert = rule.alert.expect("is one");
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(
            severity.is_some_and(|severity| severities.contains(&severity)),
            "{alert}"
        );
        for annotation in ["summary", "description", "runbook"] {
            assert!(rule.annotations.contains_key(annotation), "{alert}: {annotation}");
        }
    }
}

#[test]
fn only_metrics_that_exist_are_named() {
    let rules: Vec<Rule> = rule_files().iter().flat_map(|file| all_rules(file)).collect();
    let defined: BTreeSet<String> = rules
        .into_iter()
        .flat_map(|rule| [rule.alert, rule.record])
        .flatten()
        .collect();
    let files = [rule_files(), yaml_files("tests"), yaml_files(".")].concat();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let unknown = names::unknown(&text, &app::catalogue(), &defined);
        assert!(unknown.is_empty(), "{}: {unknown:?}", file.display());
    }
}

#[test]
fn the_optional_rules_are_those_in_force_without_configuration() {
    let scratch = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_netkestrel"))
        .args(["rules", "prometheus"])
        .env_clear()
        .env("HOME", scratch.path())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = folder().join("optional/netkestrel-thresholds.yml");
    let wanted = String::from_utf8(output.stdout).expect("text");
    if std::env::var_os("NETKESTREL_UPDATE").is_some() {
        fs::write(&path, &wanted).expect("writable");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is not current; run NETKESTREL_UPDATE=1 cargo test --test prometheus_files",
        path.display()
    );
}

#[test]
fn a_name_that_nothing_exports_is_found() {
    let text = "rate(netkestrel_ping_rtt_seconds_sum[5m]) / netkestrel_pin_total + a:netkestrel_b:c + up";
    let unknown = names::unknown(text, &app::catalogue(), &BTreeSet::new());
    assert_eq!(
        unknown.into_iter().collect::<Vec<_>>(),
        ["a:netkestrel_b:c", "netkestrel_pin_total"]
    );
}

impl Test {
    /// Whether it shows `alert` calm, then firing, then over.
    fn shows(&self, alert: &str) -> bool {
        let cases = self.alert_rule_test.iter().filter(|case| case.alertname == alert);
        let mut cases: Vec<_> = cases
            .map(|case| {
                let at = HumanDuration::parse(&case.eval_time).expect("a duration");
                (at, !case.exp_alerts.is_empty())
            })
            .collect();
        cases.sort();
        let mut course: Vec<bool> = cases.into_iter().map(|(_, fires)| fires).collect();
        course.dedup();
        course == [false, true, false]
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus")
}

fn rule_files() -> Vec<PathBuf> {
    [yaml_files("rules"), yaml_files("optional")].concat()
}

fn yaml_files(below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join(below)).expect("exists");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    paths
}

fn all_rules(file: &Path) -> Vec<Rule> {
    let groups = parse::<RuleFile>(file).groups.into_iter();
    groups.flat_map(|group| group.rules).collect()
}

fn alerts(file: &Path) -> Vec<Rule> {
    let mut rules = all_rules(file);
    rules.retain(|rule| rule.alert.is_some());
    rules
}

fn parse<T: serde::de::DeserializeOwned>(file: &Path) -> T {
    let text = fs::read_to_string(file).expect("readable");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
