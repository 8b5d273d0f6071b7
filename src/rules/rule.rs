//! One rule: a signal, a ladder of levels, how long, and where it clears.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ANOMALY, Levels};
use crate::{problem::Problems, sample::Signal, units::HumanDuration};

/// A rule that compares a signal with levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name in alerts, labels and mails: lower-case letters, digits and `_`. The name of a built-in rule
    /// replaces that rule.
    pub name: String,
    /// `false` switches the rule off.
    #[serde(default = "on")]
    pub enabled: bool,
    /// The signal that is judged, such as `cpu_usage_ratio`.
    #[serde(default)]
    pub signal: String,
    /// Whether values above or below a level are bad.
    #[serde(default)]
    pub when: Direction,
    /// How long a level must be passed before it counts.
    #[serde(default = "at_once", rename = "for")]
    pub hold: HumanDuration,
    /// Level of each severity, in the signal's unit.
    #[serde(default)]
    pub levels: Levels,
    /// Value at which it is over; without it, the first level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear: Option<f64>,
    /// Only these interfaces, mounts or devices; `*` stands for any characters. Empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Not these; written as in `include`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Rules that explain this one: while one of them fires for the same subject, this one is silent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<String>,
    /// What usually helps, for mails; empty in a rule that replaces a built-in one means that one's advice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// On which side of a level values are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// At the level or above it.
    #[default]
    Above,
    /// At the level or below it.
    Below,
}

const fn on() -> bool {
    true
}

const fn at_once() -> HumanDuration {
    HumanDuration::secs(0)
}

impl Rule {
    /// A rule without levels, for all subjects, at once.
    #[must_use]
    pub fn new(name: impl Into<String>, signal: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            enabled: on(),
            signal: signal.into(),
            when: Direction::default(),
            hold: at_once(),
            levels: Levels::default(),
            clear: None,
            include: Vec::new(),
            exclude: Vec::new(),
            unless: Vec::new(),
            advice: String::new(),
        }
    }

    /// The same rule with its first level at `first`, and notes about what could not move with it.
    /// A share of a whole moves by the difference and loses the levels that reach 1; every other unit
    /// scales, as a difference could carry its clear value below zero.
    pub(super) fn moved_to(&self, first: f64) -> (Self, Vec<String>) {
        let Some(was) = self.levels.first() else {
            return (self.clone(), Vec::new());
        };
        let is_share = self.judges_a_share();
        let scaled = |value: f64| {
            if is_share {
                tidy(value + first - was)
            } else {
                value * first / was
            }
        };
        let mut notes = Vec::new();
        let levels = self.levels.map(|severity, level| {
            let level = scaled(level);
            if !is_share || level < 1.0 {
                return Some(level);
            }
            notes.push(format!(
                "leaves rule `{}` without the level `{}`, as it would reach 100 %",
                self.name,
                severity.name()
            ));
            None
        });
        let clear = self
            .clear
            .map(scaled)
            .map(|clear| if clear > 0.0 { clear } else { first / 2.0 });
        let enabled = self.enabled && levels.first().is_some();
        let moved = Self {
            enabled,
            levels,
            clear,
            ..self.clone()
        };
        (moved, notes)
    }

    /// Whether the signal is a share of a whole, from 0 to 1.
    fn judges_a_share(&self) -> bool {
        self.signal.ends_with("_ratio")
    }

    pub(super) fn validate(&self, signals: &[&Signal], problems: &mut Problems) {
        self.validate_name(problems);
        if !self.enabled {
            return;
        }
        self.validate_signal(signals, problems);
        if self.levels.first().is_none() {
            problems.push(
                "levels",
                "no level is given; accepted: at least one of `low`, `medium`, `high`, `critical`",
            );
        }
        problems.within("levels", |p| self.validate_levels(p));
        self.validate_clear(problems);
    }

    fn validate_name(&self, problems: &mut Problems) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            problems.push(
                "name",
                format_args!(
                    "given `{}`; accepted: lower-case letters, digits and `_`, such as `disk_data`",
                    self.name.escape_debug()
                ),
            );
        }
        if self.name == ANOMALY {
            problems.push(
                "name",
                "`anomaly` stands for what is found by `anomalies`; accepted: another name, and `enabled: false` there \
                 to switch it off",
            );
        }
    }

    fn validate_signal(&self, signals: &[&Signal], problems: &mut Problems) {
        if self.signal.is_empty() {
            problems.push(
                "signal",
                "is missing; accepted: the name of a signal, such as `cpu_usage_ratio`",
            );
        } else if !signals.is_empty() && !signals.iter().any(|signal| signal.name == self.signal) {
            let names: Vec<_> = signals.iter().map(|signal| signal.name).collect();
            problems.push("signal", unknown_signal(&self.signal, &names));
        }
    }

    fn validate_levels(&self, problems: &mut Problems) {
        let mut milder: Option<(&str, f64)> = None;
        for (severity, level) in self.levels.iter() {
            let name = severity.name();
            if self.judges_a_share() && !(0.0..=1.0).contains(&level) {
                problems.push(name, not_a_share(level));
            } else if let Some((of, before)) = milder.filter(|(_, before)| !self.is_worse(level, *before)) {
                let side = match self.when {
                    Direction::Above => "above",
                    Direction::Below => "below",
                };
                problems.push(
                    name,
                    format_args!("given {level}; accepted: a value {side} {before}, the level of `{of}`"),
                );
            }
            milder = Some((name, level));
        }
    }

    fn validate_clear(&self, problems: &mut Problems) {
        let (Some(clear), Some(first)) = (self.clear, self.levels.first()) else {
            return;
        };
        if self.judges_a_share() && !(0.0..=1.0).contains(&clear) {
            problems.push("clear", not_a_share(clear));
        } else if self.is_worse(clear, first) {
            let side = match self.when {
                Direction::Above => "most",
                Direction::Below => "least",
            };
            problems.push(
                "clear",
                format_args!("given {clear}; accepted: at {side} {first}, the first level"),
            );
        }
    }

    fn is_worse(&self, value: f64, than: f64) -> bool {
        match self.when {
            Direction::Above => value > than,
            Direction::Below => value < than,
        }
    }
}

/// Rounds away what binary fractions add to sums such as 0.9 - 0.8 + 0.7.
pub(super) fn tidy(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn not_a_share(given: f64) -> String {
    let percent = if (1.0..=100.0).contains(&given) {
        format!("; for {given} percent write {}", tidy(given / 100.0))
    } else {
        String::new()
    };
    format!("given {given}; accepted: a share from 0 to 1{percent}")
}

fn unknown_signal(given: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"));
    format!(
        "`{}` is not a signal; accepted: {}{hint}",
        given.escape_debug(),
        known
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        rules::{
            Severity::{Critical, High, Low, Medium},
            built_in,
        },
        sample::SubjectKind,
    };

    fn found(rule: &Rule, signals: &[&Signal]) -> Vec<String> {
        let mut problems = Problems::new();
        rule.validate(signals, &mut problems);
        let lines = problems.into_vec().into_iter();
        lines.map(|p| format!("{}: {}", p.path, p.message)).collect()
    }

    fn rule(levels: &[(crate::rules::Severity, f64)], clear: Option<f64>) -> Rule {
        Rule {
            levels: Levels::new(levels),
            clear,
            ..Rule::new("mine", "cpu_usage_ratio")
        }
    }

    #[test]
    fn impossible_ladders_are_problems() {
        let below = Rule {
            when: Direction::Below,
            ..rule(&[(Low, 0.2), (High, 0.3)], None)
        };
        for (rule, expected) in [
            (rule(&[(Low, 0.5), (High, 0.6)], Some(0.4)), vec![]),
            (
                rule(&[], None),
                vec![
                    "levels: no level is given; accepted: at least one of `low`, `medium`, `high`, `critical`",
                ],
            ),
            (
                rule(&[(Low, 0.5), (High, 0.4)], None),
                vec!["levels.high: given 0.4; accepted: a value above 0.5, the level of `low`"],
            ),
            (
                below,
                vec!["levels.high: given 0.3; accepted: a value below 0.2, the level of `low`"],
            ),
            (
                rule(&[(Critical, 85.0)], None),
                vec!["levels.critical: given 85; accepted: a share from 0 to 1; for 85 percent write 0.85"],
            ),
            (
                rule(&[(Medium, 0.5)], Some(0.6)),
                vec!["clear: given 0.6; accepted: at most 0.5, the first level"],
            ),
        ] {
            assert_eq!(found(&rule, &[]), expected);
        }
    }

    #[test]
    fn an_unknown_signal_is_a_problem_once_there_is_a_catalogue() {
        let signal = Signal {
            name: "cpu_usage_ratio",
            title: "CPU usage",
            subject: SubjectKind::Host,
            help: "",
        };
        let mut rule = rule(&[(Low, 0.5)], None);
        assert_eq!(found(&rule, &[&signal]), [""; 0]);
        rule.signal = "cpu_usge_ratio".to_owned();
        assert_eq!(found(&rule, &[]), [""; 0]);
        assert_eq!(
            found(&rule, &[&signal]),
            [
                "signal: `cpu_usge_ratio` is not a signal; accepted: `cpu_usage_ratio`; did you mean `cpu_usage_ratio`?"
            ]
        );
    }

    #[test]
    fn a_moved_ladder_keeps_its_distances() {
        let by_name = |name: &str| built_in().into_iter().find(|rule| rule.name == name).expect(name);
        let (cpu, notes) = by_name("cpu").moved_to(0.70);
        assert_eq!(cpu.levels, Levels::new(&[(Medium, 0.70), (High, 0.80)]));
        assert_eq!((cpu.clear, notes), (Some(0.65), vec![]));

        let (cpu, notes) = by_name("cpu").moved_to(0.92);
        assert_eq!(cpu.levels, Levels::new(&[(Medium, 0.92)]));
        assert_eq!(
            notes,
            ["leaves rule `cpu` without the level `high`, as it would reach 100 %"]
        );

        let (cpu, notes) = by_name("cpu").moved_to(1.0);
        assert!(!cpu.enabled);
        assert_eq!(notes.len(), 2);

        let (cpu, _) = by_name("cpu").moved_to(0.03);
        assert_eq!(cpu.clear, Some(0.015));

        let (bandwidth, _) = by_name("bandwidth").moved_to(1_250_000.0);
        assert_eq!(
            bandwidth.levels,
            Levels::new(&[(Medium, 1_250_000.0), (High, 2_500_000.0)])
        );
        assert_eq!(bandwidth.clear, Some(1_125_000.0));
    }
}
