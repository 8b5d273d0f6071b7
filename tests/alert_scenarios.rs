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
//! suppressed: {cooldown: 1}
//! ```

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil, tz::TimeZone};
use netkestrel::{
    alerts::{Config, Ending, Engine, Matcher, News, Notice, Outcome, Saved, Silence, Transition},
    clock::Now,
    rules::{Breach, Direction, Finding, Severity, Verdict},
    sample::{Missing, Signal, SubjectKind, Value},
    units::HumanDuration,
};
use serde::Deserialize;
use smol_str::SmolStr;

const RUN: Duration = Duration::from_mins(1);

static HOST: Signal = Signal {
    name: "cpu_usage_ratio",
    title: "CPU usage",
    subject: SubjectKind::Host,
    help: "",
};
static DEVICE: Signal = Signal {
    name: "ping_loss_ratio",
    title: "Packet loss",
    subject: SubjectKind::Device,
    help: "",
};

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
    steps: Vec<String>,
    expect: Vec<String>,
    #[serde(default)]
    suppressed: Option<BTreeMap<String, f64>>,
}

/// Whether a restart follows every step.
#[derive(Clone, Copy, PartialEq)]
enum Restarts {
    AsWritten,
    Everywhere,
}

#[test]
fn scenarios_go_as_written() {
    let paths = paths();
    assert!(paths.len() >= 40, "only {} scenarios", paths.len());
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

fn check(paths: &[PathBuf], restarts: Restarts) {
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(path).expect("readable");
        let scenario: Scenario =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(scenario.about.ends_with('.'), "{name} has no sentence");
        let (found, suppressed) = Play::new(&scenario).play(&scenario, restarts);
        if found != scenario.expect {
            wrong.push(format!(
                "{name}: {}\n{}",
                scenario.about,
                difference(&scenario.expect, &found)
            ));
        }
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

/// The world around an engine.
struct Play {
    engine: Engine,
    config: Config,
    zone: TimeZone,
    origin: Instant,
    /// Time since the start, as the observer counts it, and how far the wall clock is from it.
    offset: Duration,
    slept: Duration,
    wall: Timestamp,
    /// How things stand, and since when they are bad.
    world: BTreeMap<(String, String), (Verdict, Option<Timestamp>)>,
    reads: bool,
    next_run: Duration,
    from: Duration,
    lines: Vec<String>,
    /// Names that were given, none of which may be given twice.
    names: Vec<SmolStr>,
    suppressed: BTreeMap<String, f64>,
}

impl Play {
    fn new(scenario: &Scenario) -> Self {
        let zone = TimeZone::get(scenario.zone.as_deref().unwrap_or("UTC")).expect("a zone");
        let start = scenario.start.as_deref().unwrap_or("2026-11-02T12:00");
        let start: civil::DateTime = start.parse().expect("a local time");
        let wall = start.to_zoned(zone.clone()).expect("a moment").timestamp();
        let origin = Instant::now();
        let now = Now {
            instant: origin,
            wall,
        };
        Self {
            engine: Engine::new(scenario.config.clone(), zone.clone(), None, now),
            config: scenario.config.clone(),
            zone,
            origin,
            offset: Duration::ZERO,
            slept: Duration::ZERO,
            wall,
            world: BTreeMap::new(),
            reads: true,
            next_run: RUN,
            from: scenario.from.as_deref().map_or(Duration::ZERO, duration),
            lines: Vec::new(),
            names: Vec::new(),
            suppressed: BTreeMap::new(),
        }
    }

    fn play(mut self, scenario: &Scenario, restarts: Restarts) -> (Vec<String>, BTreeMap<String, f64>) {
        for step in &scenario.steps {
            let (at, what) = step.split_once(' ').expect("an offset and what happens");
            self.pass_until(duration(at));
            self.step(what);
            if restarts == Restarts::Everywhere {
                self.restart();
            }
        }
        self.count_suppressed();
        (self.lines, self.suppressed)
    }

    fn now(&self) -> Now {
        Now {
            instant: self.origin + self.offset.saturating_sub(self.slept),
            wall: self.wall,
        }
    }

    fn advance(&mut self, until: Duration) {
        self.wall += until.saturating_sub(self.offset);
        self.offset = until;
    }

    /// Lets time pass with the runs of the rules and the ticks the engine asks for.
    fn pass_until(&mut self, end: Duration) {
        loop {
            let tick = self.engine.next_tick(self.now()).map(|wait| self.offset + wait);
            let next = tick.map_or(self.next_run, |tick| tick.min(self.next_run));
            if next > end {
                return self.advance(end);
            }
            self.advance(next);
            if next == self.next_run {
                self.next_run += RUN;
                self.judge();
            }
            let outcome = self.engine.tick(self.now());
            self.write(&outcome);
        }
    }

    fn judge(&mut self) {
        if !self.reads {
            return;
        }
        let at = self.now();
        let world = self.world.iter();
        let findings: Vec<_> = world
            .map(|((rule, subject), (verdict, _))| finding(rule, subject, verdict, at))
            .collect();
        let outcome = self.engine.apply(&findings, at);
        self.write(&outcome);
    }

    fn step(&mut self, what: &str) {
        let words: Vec<&str> = what.split(' ').collect();
        let now = self.now();
        let outcome = match words[..] {
            ["end"] => Outcome::default(),
            ["restart"] => return self.restart(),
            ["clock", by] => {
                self.jump(by);
                self.engine.tick(self.now())
            }
            ["suspend", by] => {
                self.slept += duration(by);
                self.advance(self.offset + duration(by));
                while self.next_run <= self.offset {
                    self.next_run += RUN;
                }
                self.engine.tick(self.now())
            }
            ["readings", word] => {
                self.reads = word == "go";
                return;
            }
            ["rules", ..] => {
                let names: Vec<SmolStr> = words[1..].iter().map(SmolStr::new).collect();
                self.world
                    .retain(|(rule, _), _| names.iter().any(|name| name == rule));
                self.engine.rules_in_force(&names, now)
            }
            ["reload", ..] => {
                let mut config = serde_json::to_value(&self.config).expect("serializes");
                for (key, value) in words[1..].iter().filter_map(|word| word.split_once('=')) {
                    config[key] = value.into();
                }
                self.config = serde_json::from_value(config).expect("settings");
                self.engine
                    .reconfigure(self.config.clone(), self.zone.clone(), now)
            }
            ["ack", of, by] => {
                let id = self.id_of(of);
                self.engine
                    .acknowledge(&id, by, "", now)
                    .expect("is acknowledged")
            }
            ["unack", of, by] => {
                let id = self.id_of(of);
                self.engine.unacknowledge(&id, by, now).expect("is taken back")
            }
            ["silence", .., "for", time] => self.silence(&words[1..words.len() - 2], time),
            ["unsilence"] => {
                let id = self.engine.silences()[0].id.clone();
                self.engine.unsilence(&id, now).expect("is removed")
            }
            [of, ..] => return self.set(of, &words[1..]),
            [] => panic!("a step without words"),
        };
        self.write(&outcome);
    }

    fn silence(&mut self, matchers: &[&str], time: &str) -> Outcome {
        let mut given = serde_json::Map::new();
        for matcher in matchers {
            let (key, value) = matcher.split_once('=').expect("key=value");
            given.insert(key.to_owned(), value.split(',').collect());
        }
        let matching: Matcher = serde_json::from_value(given.into()).expect("a matcher");
        let span = (self.wall, self.wall + duration(time));
        let silence = Silence::new(matching, span, "ann", "");
        self.engine.silence(silence, self.now()).expect("is silenced")
    }

    fn set(&mut self, of: &str, words: &[&str]) {
        let at = self.now();
        let (rule, subject) = of.split_once('/').unwrap_or((of, ""));
        let subjects = match subject.split_once("..") {
            Some((name, last)) => (1..=last.parse().expect("a number"))
                .map(|number: u32| format!("{name}{number}"))
                .collect(),
            None => vec![subject.to_owned()],
        };
        let mut findings = Vec::new();
        for subject in subjects {
            let key = (rule.to_owned(), subject.clone());
            let is_bad = matches!(words[0], "pending" | "firing");
            let before = self.world.get(&key).and_then(|(_, since)| *since);
            let since = if is_bad {
                Some(before.unwrap_or(at.wall))
            } else {
                before.filter(|_| words[0] != "clear")
            };
            let verdict = verdict(words, since.unwrap_or(at.wall));
            findings.push(finding(rule, &subject, &verdict, at));
            self.world.insert(key, (verdict, since));
        }
        let outcome = self.engine.apply(&findings, at);
        self.write(&outcome);
    }

    fn restart(&mut self) {
        self.count_suppressed();
        let json = serde_json::to_string(self.engine.saved()).expect("serializes");
        let saved: Saved = serde_json::from_str(&json).expect("is read again");
        assert_eq!(serde_json::to_string(&saved).expect("serializes"), json);
        self.engine = Engine::new(self.config.clone(), self.zone.clone(), Some(saved), self.now());
    }

    fn jump(&mut self, by: &str) {
        match by.strip_prefix('-') {
            Some(back) => self.wall -= duration(back),
            None => self.wall += duration(by.trim_start_matches('+')),
        }
    }

    fn id_of(&self, of: &str) -> SmolStr {
        let (rule, subject) = of.split_once('/').unwrap_or((of, ""));
        let mut alerts = self.engine.alerts();
        let alert = alerts.find(|alert| alert.rule == rule && alert.subject == subject);
        alert.expect("there is such an alert").id.clone()
    }

    fn write(&mut self, outcome: &Outcome) {
        let offered = &self.engine.saved().outgoing;
        assert!(
            outcome.notices.iter().all(|notice| offered.contains(notice)),
            "a notice is lost in a crash"
        );
        for transition in &outcome.transitions {
            self.line(&show_transition(transition));
        }
        for notice in &outcome.notices {
            assert!(!self.names.contains(&notice.id), "{} is used twice", notice.id);
            self.names.push(notice.id.clone());
            self.line(&show_notice(notice, &self.zone));
        }
        let ids: Vec<_> = outcome.notices.iter().map(|notice| notice.id.clone()).collect();
        self.engine.handed_over(&ids);
    }

    fn line(&mut self, text: &str) {
        if self.offset >= self.from {
            self.lines.push(format!("{} {text}", show(self.offset)));
        }
    }

    fn count_suppressed(&mut self) {
        let families = self.engine.families();
        let name = "netkestrel_alert_notifications_suppressed_total";
        let family = families
            .iter()
            .find(|family| family.desc.name == name)
            .expect("is counted");
        for point in &family.points {
            if let Value::Number(count) = point.value
                && count > 0.0
            {
                *self.suppressed.entry(point.labels[0].to_string()).or_default() += count;
            }
        }
    }
}

fn finding(rule: &str, subject: &str, verdict: &Verdict, at: Now) -> Finding {
    Finding {
        rule: rule.into(),
        subject: subject.into(),
        signal: if subject.is_empty() { &HOST } else { &DEVICE },
        at,
        verdict: verdict.clone(),
    }
}

fn verdict(words: &[&str], since: Timestamp) -> Verdict {
    let breach = |severity: &str, value: &str| Breach {
        severity: serde_json::from_value(severity.into()).expect("a severity"),
        value: value.parse().expect("a value"),
        threshold: 0.5,
        when: Direction::Above,
        since,
        explanation: "it is too much".to_owned(),
    };
    match *words {
        ["pending", severity, value] => Verdict::Pending(breach(severity, value)),
        ["firing", severity, value] => Verdict::Firing(breach(severity, value)),
        ["clear"] => Verdict::Clear { value: 0.1 },
        ["unknown"] => Verdict::Unknown(Missing::ReadFailed),
        ["explained", by] => Verdict::Explained { by: by.into() },
        ["gone"] => Verdict::Gone,
        _ => panic!("no verdict: {words:?}"),
    }
}

fn name(rule: &str, subject: &str) -> String {
    if subject.is_empty() {
        rule.to_owned()
    } else {
        format!("{rule}/{subject}")
    }
}

fn show_transition(of: &Transition) -> String {
    let from = of.from.map_or("new", |state| state.name());
    let by = if of.by.is_empty() {
        String::new()
    } else {
        format!(" by {}", of.by)
    };
    let (to, severity) = (of.to.name(), of.severity.name());
    format!("{} {from} -> {to} {severity}{by}", name(&of.rule, &of.subject))
}

fn show_notice(notice: &Notice, zone: &TimeZone) -> String {
    let alert = &notice.alert;
    let news = match notice.news {
        News::Fired => "fired".to_owned(),
        News::Raised { from } => format!("raised from {}", from.name()),
        News::Reminder => "reminder".to_owned(),
        News::Resolved => ended(notice),
        News::Flapping { times } => format!("flapping {times} times"),
    };
    let quiet = notice.quiet_until.map_or(String::new(), |until| {
        format!(" quiet until {}", zone.to_datetime(until).strftime("%d %H:%M"))
    });
    let severity: Severity = alert.severity;
    format!(
        "{} NOTICE {news} {}{quiet}",
        name(&alert.rule, &alert.subject),
        severity.name()
    )
}

fn ended(notice: &Notice) -> String {
    let alert = &notice.alert;
    let began = alert.fired_at.expect("it fired");
    let ended = alert.resolved_at.expect("it ended");
    let lasted = Duration::try_from(ended.duration_since(began)).expect("it did not end before it began");
    let gone = if alert.ending == Some(Ending::SubjectGone) {
        " (gone)"
    } else {
        ""
    };
    format!("resolved{gone} after {} peak {}", show(lasted), alert.peak.value)
}

fn duration(text: &str) -> Duration {
    *HumanDuration::parse(text).unwrap_or_else(|_| panic!("`{text}` is no duration"))
}

/// `1h5m30s`, without what is zero.
fn show(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let shown = parts.iter().filter(|(number, _)| *number > 0);
    let text = shown
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect::<Vec<_>>()
        .concat();
    if text.is_empty() { "0m".to_owned() } else { text }
}
