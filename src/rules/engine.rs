//! Judges batches by the rules in force. Pure and level-triggered: the same batches give the same findings, and a
//! finding comes again with every batch for as long as it holds. Reads no clock, no history and no configuration.
//!
//! What a reading means:
//! - Holds (`for`) are counted between readings on the monotonic clock, so a jump of the wall clock changes nothing;
//!   on systems whose monotonic clock stands still in sleep, the time asleep does not count either.
//! - Without a value a hold pauses. After more than three intervals without one it begins anew. What fires goes on.
//! - An implausible value, or one that is no number, counts as none: [`Missing::NoSample`]. An excused one counts:
//!   what is told in a maintenance window is for alerts to decide.
//! - A subject that is paused is no longer covered: what fired for it ends.
//! - A subject that three whole batches of its collector in a row do not have is gone. A missing reading is no absence.
//! - What another rule explains (`unless`) loses its own state and begins anew afterwards.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Finding, Rule, Severity, chain,
    judge::{Judge, Sitting},
};
use crate::{
    clock::Now,
    sample::{Batch, Desc, Family, Kind, Missing, Observed, Reading, Scope, Signal},
};

const THRESHOLD: Desc = Desc {
    name: "netkestrel_rule_threshold",
    kind: Kind::Gauge,
    labels: &["rule", "signal", "severity"],
    help: "Configured threshold of the rule in the signal's unit.",
};
const EVALUATIONS: Desc = Desc {
    name: "netkestrel_alert_rule_evaluations_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Evaluations of the alert rules.",
};
const FAILURES: Desc = Desc {
    name: "netkestrel_alert_rule_evaluation_failures_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Evaluations of the alert rules that failed.",
};
const LAST: Desc = Desc {
    name: "netkestrel_alert_last_evaluation_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "Unix time of the last complete evaluation.",
};

/// Metrics about the rules and their evaluation.
pub const METRICS: &[&Desc] = &[&THRESHOLD, &EVALUATIONS, &FAILURES, &LAST];

/// After this many intervals without a value, a hold begins anew.
const PATIENCE: u32 = 3;

/// The time between runs before two of them are known, as after a restart soon after the first: a long absence must
/// not count as a hold.
const UNKNOWN_PACE: Duration = Duration::from_secs(30);

/// The rules in force and what they remember of every subject.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    /// Each behind those that explain it.
    judges: Vec<Judge>,
    paces: HashMap<&'static str, Pace>,
    evaluations: u64,
    failures: u64,
    last: Option<Now>,
}

/// What was known of a rule and a subject before a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// Name of the rule.
    pub rule: SmolStr,
    /// Its subject.
    pub subject: SmolStr,
    /// How grave it was; `None` when it did not fire yet.
    pub firing: Option<Severity>,
    /// Since when.
    pub since: Timestamp,
    /// The rule's signal.
    pub signal: &'static Signal,
    /// Name of the signal's collector.
    pub collector: &'static str,
}

/// How often the whole batches of a collector come.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    last: Option<Now>,
    steps: [Option<Duration>; 2],
}

impl Engine {
    /// An engine that has seen nothing yet.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut engine = Self::default();
        engine.apply(rules);
        engine
    }

    /// Takes changed rules over. An unchanged rule keeps what it knows of its subjects; a changed one begins anew
    /// with the same subjects, so that one it no longer judges is gone in time. Nothing is found about rules that are
    /// gone: whoever listens knows which are in force.
    pub fn apply(&mut self, rules: Vec<Rule>) {
        let mut before = std::mem::take(&mut self.judges);
        for rule in chain::in_order(rules.into_iter().filter(|rule| rule.enabled).collect()) {
            let known = before.iter().position(|judge| *judge.name() == rule.name);
            let judge = match known.map(|index| before.swap_remove(index)) {
                Some(judge) if judge.judges_as(&rule) => judge.with(rule),
                Some(judge) => Judge::new(rule).knowing(judge),
                None => Judge::new(rule),
            };
            self.judges.push(judge);
        }
    }

    /// Goes on with what there was before a restart: what fired neither waits for its hold again nor ends within the
    /// clear distance, and what no longer exists is gone in time. What names no rule in force, or a level that no longer exists, is ignored.
    pub fn resume(&mut self, known: impl IntoIterator<Item = Resumed>, now: Now) {
        for one in known {
            if let Some(judge) = self.judges.iter_mut().find(|judge| judge.name() == one.rule) {
                judge.resume(one, now);
            }
        }
    }

    /// What every rule has to say about the readings of `batch`.
    pub fn judge(&mut self, batch: &Batch) -> Vec<Finding> {
        let pace = self.paces.entry(batch.collector).or_default();
        let usual = pace.usual().or(batch.elapsed).unwrap_or(UNKNOWN_PACE);
        let patience = usual * PATIENCE;
        if batch.scope == Scope::Whole {
            pace.note(batch.at);
        }
        let mut findings = Vec::new();
        for index in 0..self.judges.len() {
            self.judge_one(index, batch, patience, &mut findings);
        }
        self.last = Some(batch.at);
        findings
    }

    /// The rules in force.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.judges.iter().map(Judge::rule)
    }

    /// Thresholds of the rules, and how their evaluation goes.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut thresholds = Family::new(&THRESHOLD);
        for rule in self.rules() {
            for (severity, level) in rule.levels.iter() {
                let labels = [rule.name.as_str(), rule.signal.as_str(), severity.name()];
                thresholds.push(labels.map(SmolStr::new), level);
            }
        }
        let mut families = vec![
            thresholds,
            Family::single(&EVALUATIONS, self.evaluations as f64),
            Family::single(&FAILURES, self.failures as f64),
        ];
        families.extend(self.last.map(|last| Family::single(&LAST, last.unix_seconds())));
        families
    }

    fn judge_one(&mut self, index: usize, batch: &Batch, patience: Duration, findings: &mut Vec<Finding>) {
        // Rules are behind those that explain them, which have been judged by this batch already.
        let (before, rest) = self.judges.split_at_mut(index);
        let Some(judge) = rest.first_mut() else {
            return;
        };
        let sitting = Sitting { batch, patience };
        let concerned: Vec<&Reading> = batch.readings.iter().filter(|r| judge.concerns(r)).collect();
        self.evaluations += u64::from(!concerned.is_empty());
        for reading in &concerned {
            // A run that began before some news may be told after it.
            if judge.knows_newer(&reading.subject, batch.at) {
                continue;
            }
            self.failures += u64::from(is_no_number(reading.observed));
            let by = before.iter().find(|other| {
                judge.rule().unless.contains(other.name()) && other.fires_for(&reading.subject)
            });
            let verdict = match by {
                Some(by) => judge.explained(reading, &sitting, by.name()),
                None => judge.hear(reading, &sitting),
            };
            findings.push(Finding {
                rule: judge.rule().name.as_str().into(),
                subject: reading.subject.clone(),
                signal: reading.signal,
                at: batch.at,
                verdict,
            });
        }
        if batch.scope == Scope::Whole {
            judge.miss_the_absent(batch, &concerned, findings);
        }
    }
}

/// What there is to judge in a reading.
pub(super) fn judgeable(observed: Observed) -> Result<f64, Missing> {
    match observed {
        Observed::Value(value) | Observed::Excused(value) if value.is_finite() => Ok(value),
        Observed::Value(_) | Observed::Implausible(_) | Observed::Excused(_) => Err(Missing::NoSample),
        Observed::Missing(why) => Err(why),
    }
}

fn is_no_number(observed: Observed) -> bool {
    observed.value().is_some_and(|value| !value.is_finite())
}

impl Pace {
    /// The usual time between runs: one long pause, such as sleep, does not count as usual.
    fn usual(&self) -> Option<Duration> {
        self.steps.into_iter().flatten().min()
    }

    fn note(&mut self, at: Now) {
        if let Some(last) = self.last.replace(at) {
            let step = at.instant.saturating_duration_since(last.instant);
            self.steps = [self.steps[1], Some(step)];
        }
    }
}

#[cfg(test)]
#[path = "engine_tests/mod.rs"]
mod tests;
