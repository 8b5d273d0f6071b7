//! The readings of the scenarios once more, for Prometheus: as series of metrics they pass through the rule file that
//! `netkestrel rules prometheus` writes, and promtool has to see firing what the rules find firing, at most one
//! evaluation later. What people do in a scenario is left out, and so are restarts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use netkestrel::{
    clock::Now,
    rules::{self, Rule, Severity, Verdict},
    sample::{Batch, Scope},
    units::HumanDuration,
};

use super::{
    Scenario, parsed, paths,
    promtool::Promtool,
    readings::{Due, timeline},
    series::{self, instance},
    words::duration,
};

/// Where Prometheus goes another way, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "readings_restart_over_an_end.yml",
        "without scrapes an alert ends after three intervals, not with the first good reading",
    ),
    (
        "readings_restart_while_firing.yml",
        "without scrapes an alert ends after three intervals, and below its level it does not begin anew",
    ),
];

/// What fires of one rule for one subject, each time it was judged.
type Course = Vec<(Duration, Option<Severity>)>;

/// What the rules find.
struct Truth {
    every: Duration,
    courses: BTreeMap<(String, String), Course>,
    signals: BTreeMap<String, String>,
    levels: BTreeMap<String, Vec<Severity>>,
}

#[test]
fn prometheus_fires_for_the_same_readings() {
    let Some(promtool) = Promtool::for_test("alert_scenarios::prometheus_fires_for_the_same_readings") else {
        return;
    };
    let mut wrong = Vec::new();
    let mut played = 0;
    for path in paths() {
        let scenario = parsed(&path);
        if scenario.readings.is_empty() {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let verdict = play(&scenario, &promtool);
        played += 1;
        match (DIFFERENT.iter().find(|(file, _)| *file == name), verdict) {
            (None, Err(words)) => wrong.push(format!("{name}: {}", start_of(&words))),
            (Some((_, why)), Ok(())) => wrong.push(format!("{name} goes the same, though {why}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(played >= 40, "only {played} scenarios have readings");
}

#[test]
fn every_level_of_every_built_in_rule_fires_in_a_scenario() {
    let mut fired = BTreeSet::new();
    for path in paths() {
        let scenario = parsed(&path);
        if !scenario.rules.is_empty() {
            continue;
        }
        for ((rule, _), course) in Truth::new(&scenario).courses {
            fired.extend(
                course
                    .into_iter()
                    .filter_map(|(_, severity)| Some((rule.clone(), severity?))),
            );
        }
    }
    for rule in rules::built_in() {
        for (severity, _) in rule.levels.iter() {
            let level = (rule.name.clone(), severity);
            assert!(fired.contains(&level), "{level:?} never fires");
        }
    }
}

fn play(scenario: &Scenario, promtool: &Promtool) -> Result<(), String> {
    let truth = Truth::new(scenario);
    let scratch = tempfile::tempdir().expect("a folder");
    fs::write(
        scratch.path().join("rules.yml"),
        rule_file(&scenario.rules, truth.every, scratch.path()),
    )
    .expect("written");
    let test = scratch.path().join("test.yml");
    fs::write(&test, truth.test_file(&timeline(&scenario.readings, truth.every))).expect("written");
    let verdict = promtool.judge(&["test", "rules"], &[test]);
    if verdict.fine { Ok(()) } else { Err(verdict.words) }
}

/// What the program writes when all collectors run that often, and Prometheus scrapes twice as often.
fn rule_file(rules: &[Rule], every: Duration, scratch: &Path) -> String {
    let interval = HumanDuration(every);
    let config = scratch.join("netkestrel.yml");
    let text = format!(
        "collectors: {{network: {{interval: {interval}}}, system: {{interval: {interval}}}, \
         devices: {{interval: {interval}, timeout: 1s}}}}\nrules: {}\n",
        serde_json::to_string(rules).expect("rules can be written")
    );
    fs::write(&config, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_netkestrel"))
        .args(["rules", "prometheus", "--scrape-interval"])
        .arg(HumanDuration(every / 2).to_string())
        .arg("--config.file")
        .arg(config)
        .env_clear()
        .env("HOME", scratch)
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

impl Truth {
    fn new(scenario: &Scenario) -> Self {
        let every = scenario
            .every
            .as_deref()
            .map_or(Duration::from_secs(30), duration);
        let in_force = rules::Config::from(scenario.rules.clone()).in_force();
        let signal = |rule: &Rule| (rule.name.clone(), rule.signal.clone());
        let levels = |rule: &Rule| (rule.name.clone(), rule.levels.iter().map(|(of, _)| of).collect());
        let mut truth = Self {
            every,
            courses: BTreeMap::new(),
            signals: in_force.iter().map(signal).collect(),
            levels: in_force.iter().map(levels).collect(),
        };
        let mut engine = rules::Engine::new(in_force);
        let start = Instant::now();
        for due in timeline(&scenario.readings, every) {
            truth.judge(&mut engine, &due, start);
        }
        truth
    }

    fn judge(&mut self, engine: &mut rules::Engine, due: &Due, start: Instant) {
        let batch = Batch {
            collector: due.collector,
            scope: due.scope,
            at: Now {
                instant: start + due.at,
                wall: Timestamp::UNIX_EPOCH + due.at,
            },
            elapsed: (due.scope == Scope::Whole).then_some(self.every),
            readings: due.readings.clone(),
            changes: Vec::new(),
            health: Vec::new(),
        };
        for finding in engine.judge(&batch) {
            let key = (finding.rule.to_string(), finding.subject.to_string());
            let course = self.courses.entry(key).or_default();
            let before = course.last().and_then(|(_, severity)| *severity);
            let now = match finding.verdict {
                Verdict::Firing(breach) => Some(breach.severity),
                Verdict::Unknown(_) => before,
                Verdict::Clear { .. }
                | Verdict::Pending(_)
                | Verdict::Explained { .. }
                | Verdict::Gone
                | Verdict::NotCovered => None,
            };
            course.push((due.at, now));
        }
    }

    fn test_file(&self, dues: &std::collections::VecDeque<Due>) -> String {
        let interval = HumanDuration(self.every);
        let mut text = format!(
            "rule_files: [rules.yml]\nevaluation_interval: {interval}\ntests:\n  - interval: {interval}\n    input_series:\n"
        );
        for series in series::of(dues, self.every) {
            let _ = writeln!(
                text,
                "      - {{series: '{}', values: '{}'}}",
                series.name, series.values
            );
        }
        text.push_str("    promql_expr_test:\n");
        let last = dues.back().map_or(Duration::ZERO, |due| due.at);
        for ((rule, subject), course) in &self.courses {
            let instance = instance(&self.signals[rule], subject);
            let subject = if instance == series::HOST { subject } else { "" };
            let alerts = format!(
                "count by (severity) (ALERTS{{alertname=\"netkestrel_{rule}\", alertstate=\"firing\", \
                 instance=\"{instance}\", subject=\"{subject}\"}})"
            );
            let moments = (0_u32..).map(|run| (run, self.every * run));
            for (run, at) in moments.take_while(|(_, at)| *at <= last) {
                let (before, now) = (fires(course, at.saturating_sub(self.every)), fires(course, at));
                let is_near_a_change = now != fires(course, at.saturating_sub(self.every * 4));
                let is_one_of_many = run.is_multiple_of(10);
                if before == now && (is_near_a_change || is_one_of_many) {
                    let time = HumanDuration(at + self.every * series::LEAD);
                    let _ = writeln!(
                        text,
                        "      - expr: '{alerts}'\n        eval_time: {time}\n        exp_samples:"
                    );
                    for severity in self.levels[rule].iter().filter(|level| now >= Some(**level)) {
                        let _ = writeln!(
                            text,
                            "          - {{labels: '{{severity=\"{}\"}}', value: 1}}",
                            severity.name()
                        );
                    }
                }
            }
        }
        text
    }
}

/// What fired at that moment.
fn fires(course: &Course, at: Duration) -> Option<Severity> {
    let judged = course.iter().rev().find(|(when, _)| *when <= at);
    judged.and_then(|(_, severity)| *severity)
}

fn start_of(words: &str) -> String {
    let lines = words.lines().filter(|line| !line.trim().is_empty());
    lines.take(12).collect::<Vec<_>>().join("\n")
}
