//! Timelines of readings into batches, as collectors would bring them: one per collector and run with everything that
//! is read at that time, and news in between. A collector of which nothing is read does not run.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

use netkestrel::{
    alerts::Alert,
    clock::Now,
    collectors,
    history::{self, Record},
    rules::{self, Finding, Rule},
    sample::{Batch, Missing, Observed, Reading, Scope},
};
use serde::Deserialize;
use smol_str::SmolStr;

use super::{
    resumed::{resumed, signal},
    words::duration,
};

/// What a start learns of the recorded past.
const REPLAYED: Duration = Duration::from_hours(1);

/// What is read of some subjects for a while, or told at one moment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    signal: String,
    /// `eth0`, or `nas..3` for nas1, nas2 and nas3; the host without it.
    #[serde(default)]
    of: String,
    /// In every run from then on, but before `to`.
    from: Option<String>,
    to: Option<String>,
    /// As news at that moment, between the runs.
    news: Option<String>,
    value: Option<Values>,
    implausible: Option<f64>,
    missing: Option<Missing>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Same(f64),
    /// One after the other, over and over.
    InTurn(Vec<f64>),
}

/// What is to be judged at one moment.
pub(crate) struct Due {
    pub(crate) at: Duration,
    pub(crate) collector: &'static str,
    pub(crate) scope: Scope,
    pub(crate) readings: Vec<Reading>,
}

/// The readings to come, and the rules that judge them.
pub(crate) struct Feed {
    in_force: Vec<Rule>,
    engine: rules::Engine,
    every: Duration,
    due: VecDeque<Due>,
    /// Collectors that have run since the start.
    has_run: HashSet<&'static str>,
    /// What history has, by collector.
    recorded: Vec<(&'static str, Record)>,
}

impl Feed {
    pub(crate) fn new(lines: &[Line], own: &[Rule], every: Duration) -> Self {
        let in_force = rules::Config::from(own.to_vec()).in_force();
        Self {
            engine: rules::Engine::new(in_force.clone()),
            in_force,
            every,
            due: timeline(lines, every),
            has_run: HashSet::new(),
            recorded: Vec::new(),
        }
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.due.front().map(|due| due.at)
    }

    /// Forgets what would have been read before `at`, as nobody was awake.
    pub(crate) fn skip_to(&mut self, at: Duration) {
        self.due.retain(|due| due.at > at);
    }

    pub(crate) fn judge_next(&mut self, now: Now) -> Vec<Finding> {
        let Some(due) = self.due.pop_front() else {
            return Vec::new();
        };
        let is_first = due.scope == Scope::Whole && self.has_run.insert(due.collector);
        let batch = Batch {
            collector: due.collector,
            scope: due.scope,
            at: now,
            elapsed: (!is_first).then_some(self.every),
            readings: due.readings,
            changes: Vec::new(),
            health: Vec::new(),
        };
        let findings = self.engine.judge(&batch);
        if batch.scope == Scope::Whole {
            let record = Record::decode(history::encode(&batch).trim_ascii_end());
            self.recorded
                .push((batch.collector, record.expect("is read again")));
        }
        findings
    }

    /// Only these rules are in force from now on.
    pub(crate) fn keep_rules(&mut self, names: &[SmolStr]) {
        self.in_force
            .retain(|rule| names.iter().any(|name| *name == rule.name));
        self.engine.apply(self.in_force.clone());
    }

    /// These own rules, and the built-in ones they leave, are in force from now on: their names.
    pub(crate) fn change_rules(&mut self, own: &[Rule]) -> Vec<SmolStr> {
        self.in_force = rules::Config::from(own.to_vec()).in_force();
        self.engine.apply(self.in_force.clone());
        self.in_force
            .iter()
            .map(|rule| SmolStr::new(&rule.name))
            .collect()
    }

    /// A new process: the rules learn from the last hour, then of what is not over.
    pub(crate) fn restart<'a>(&mut self, alerts: impl Iterator<Item = &'a Alert>, now: Now) {
        self.engine = rules::Engine::new(self.in_force.clone());
        self.has_run.clear();
        let signals = collectors::signals();
        for collector in collectors::NAMES {
            let recent = self.recorded.iter().filter(|(of, record)| {
                of == collector && (now.wall - REPLAYED..=now.wall).contains(&record.at)
            });
            for (_, record) in recent {
                let _ = self.engine.judge(&record.batch(collector, &signals, now));
            }
        }
        self.engine.resume(alerts.filter_map(resumed), now);
    }
}

/// All that is to be judged, in the order of time.
pub(crate) fn timeline(lines: &[Line], every: Duration) -> VecDeque<Due> {
    let mut batches: BTreeMap<(Duration, &'static str, bool), Vec<Reading>> = BTreeMap::new();
    for line in lines {
        let collector = collectors::collector_of(signal(&line.signal).name).expect("is collected");
        let is_news = line.news.is_some();
        for (turn, at) in line.moments(every).into_iter().enumerate() {
            let readings = batches.entry((at, collector, is_news)).or_default();
            readings.extend(line.readings(turn));
        }
    }
    let due = |((at, collector, is_news), readings)| Due {
        at,
        collector,
        scope: if is_news { Scope::News } else { Scope::Whole },
        readings,
    };
    batches.into_iter().map(due).collect()
}

impl Line {
    fn moments(&self, every: Duration) -> Vec<Duration> {
        if let Some(news) = &self.news {
            return vec![duration(news)];
        }
        let from = self.from.as_deref().map_or(Duration::ZERO, duration);
        let to = duration(self.to.as_deref().expect("`to`, or `news`"));
        let runs = (0..).map(|run| every * run);
        let begun = runs.skip_while(|at| *at < from);
        begun.take_while(|at| *at < to).collect()
    }

    fn readings(&self, turn: usize) -> impl Iterator<Item = Reading> {
        let observed = match (&self.value, self.implausible, self.missing) {
            (Some(Values::Same(value)), None, None) => Observed::Value(*value),
            (Some(Values::InTurn(values)), None, None) => Observed::Value(values[turn % values.len()]),
            (None, Some(value), None) => Observed::Implausible(value),
            (None, None, Some(why)) => Observed::Missing(why),
            _ => panic!("{}: one of `value`, `implausible`, `missing`", self.signal),
        };
        let signal = signal(&self.signal);
        subjects(&self.of).into_iter().map(move |subject| Reading {
            signal,
            subject: subject.into(),
            observed,
        })
    }
}

/// `nas..3` is nas1, nas2 and nas3.
pub(crate) fn subjects(text: &str) -> Vec<String> {
    match text.split_once("..") {
        Some((name, last)) => (1..=last.parse().expect("a number"))
            .map(|number: u32| format!("{name}{number}"))
            .collect(),
        None => vec![text.to_owned()],
    }
}
