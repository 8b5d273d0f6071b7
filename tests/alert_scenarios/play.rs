//! A scenario played: an engine of alerts, the world around it, and what comes of each step.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil, tz::TimeZone};
use netkestrel::{
    alerts::{Audience, Config, Engine, InForce, Matcher, Notice, Outcome, Saved, Silence},
    clock::Now,
    rules::{Rule, Severity, Verdict},
    sample::Value,
};
use smol_str::SmolStr;

use super::{
    Restarts, Scenario, mails,
    readings::{Feed, subjects},
    verdicts::{finding, verdict},
    words::{duration, show, show_notice, show_transition},
};

const RUN: Duration = Duration::from_mins(1);

/// What came of a scenario.
pub(crate) struct Found {
    pub(crate) lines: Vec<String>,
    pub(crate) mails: Vec<String>,
    pub(crate) suppressed: BTreeMap<String, f64>,
}

/// The world around an engine.
pub(crate) struct Play {
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
    /// Readings instead of verdicts.
    feed: Option<Feed>,
    new_rules: Vec<Rule>,
    from: Duration,
    lines: Vec<String>,
    notices: Vec<(Duration, Notice)>,
    /// Names that were given, none of which may be given twice.
    names: Vec<SmolStr>,
    suppressed: BTreeMap<String, f64>,
}

impl Play {
    pub(crate) fn new(scenario: &Scenario) -> Self {
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
            feed: (!scenario.readings.is_empty()).then(|| {
                let every = scenario.every.as_deref().unwrap_or("30s");
                Feed::new(&scenario.readings, &scenario.rules, duration(every))
            }),
            from: scenario.from.as_deref().map_or(Duration::ZERO, duration),
            new_rules: scenario.new_rules.clone().unwrap_or_default(),
            lines: Vec::new(),
            notices: Vec::new(),
            names: Vec::new(),
            suppressed: BTreeMap::new(),
        }
    }

    pub(crate) fn play(mut self, scenario: &Scenario, restarts: Restarts) -> Found {
        let start = self.wall;
        for step in &scenario.steps {
            let (at, what) = step.split_once(' ').expect("an offset and what happens");
            self.pass_until(duration(at), restarts);
            self.step(what);
            if restarts == Restarts::Everywhere {
                self.restart();
            }
        }
        self.count_suppressed();
        let deliver = |mail| mails::deliver(mail, &self.notices, start, self.offset);
        Found {
            mails: scenario.mail.as_ref().map(deliver).unwrap_or_default(),
            lines: self.lines,
            suppressed: self.suppressed,
        }
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
    fn pass_until(&mut self, end: Duration, restarts: Restarts) {
        loop {
            let tick = self.engine.next_tick(self.now()).map(|wait| self.offset + wait);
            let run = match &self.feed {
                Some(feed) => feed.next().unwrap_or(Duration::MAX),
                None => self.next_run,
            };
            let next = tick.map_or(run, |tick| tick.min(run));
            if next > end {
                return self.advance(end);
            }
            self.advance(next);
            if next == run {
                self.next_run += RUN;
                self.judge();
                if self.feed.is_some() && restarts == Restarts::Everywhere {
                    self.restart();
                }
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
        let findings: Vec<_> = match &mut self.feed {
            Some(feed) => feed.judge_next(at),
            None => world
                .map(|((rule, subject), (verdict, _))| finding(rule, subject, verdict, at))
                .collect(),
        };
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
                if let Some(feed) = &mut self.feed {
                    feed.skip_to(self.offset);
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
                if let Some(feed) = &mut self.feed {
                    feed.keep_rules(&names);
                }
                self.engine.rules_in_force(&in_force(&names), now)
            }
            ["reload", "rules"] => {
                let feed = self.feed.as_mut().expect("readings");
                let names = feed.change_rules(&self.new_rules);
                self.engine.rules_in_force(&in_force(&names), now)
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
        let mut findings = Vec::new();
        for subject in subjects(subject) {
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
        let now = self.now();
        if let Some(feed) = &mut self.feed {
            feed.restart(self.engine.alerts(), now);
        }
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
            // What waited for the end of quiet hours comes a second time, for those who waited.
            let is_known = self.names.contains(&notice.id);
            assert_eq!(is_known, notice.audience == Audience::Patient, "{}", notice.id);
            self.names.push(notice.id.clone());
            self.line(&show_notice(notice, &self.zone));
            self.notices.push((self.offset, notice.clone()));
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

fn in_force(names: &[SmolStr]) -> Vec<InForce> {
    let rule = |name: &SmolStr| InForce {
        name: name.clone(),
        severities: Severity::ALL.to_vec(),
    };
    names.iter().map(rule).collect()
}
