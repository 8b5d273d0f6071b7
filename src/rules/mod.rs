//! What counts as worth telling: rules that name a signal and a level per severity, and the engine that judges
//! batches of readings by them. Batches become findings; what is done about those is not decided here.

mod built_in;
mod chain;
mod climb;
mod engine;
mod finding;
mod judge;
mod ladder;
mod notes;
mod origin;
mod promql;
mod rule;
mod words;

use std::collections::HashSet;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

pub use self::{
    built_in::built_in,
    engine::{Engine, METRICS, Resumed},
    finding::{Breach, Finding, Verdict},
    ladder::Levels,
    origin::{Explained, Origin},
    promql::{Surroundings, rule_file},
    rule::{Direction, Rule},
    words::{limit, time},
};
use crate::{problem::Problems, sample::Signal};

/// Name of the rule under which anomalies are told. It has no levels: what is found is found by `anomaly`, beside rules.
pub const ANOMALY: &str = "anomaly";

/// How grave a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Low,
    /// Look at it in working hours.
    Medium,
    /// Look at it today.
    High,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// All severities, the mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in configuration, labels and mails.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The rules a user wrote. Those in force are these and the built-in ones they do not replace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Config(pub Vec<Rule>, #[serde(skip)] Vec<Moved>);

/// Note that a variable moved a built-in rule, which then is among the own ones.
#[derive(Debug, Clone, PartialEq)]
struct Moved {
    rule: String,
    by: String,
}

impl From<Vec<Rule>> for Config {
    fn from(own: Vec<Rule>) -> Self {
        Self(own, Vec::new())
    }
}

impl JsonSchema for Config {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rules".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Rule>::json_schema(generator)
    }
}

impl Config {
    /// Every rule that is to be evaluated: the built-in ones in their order, each replaced by an own rule of
    /// the same name, then the other own rules; without those that are switched off.
    #[must_use]
    pub fn in_force(&self) -> Vec<Rule> {
        let all = self.explain().into_iter();
        all.filter(|one| one.enabled).map(|one| one.rule).collect()
    }

    /// The first level of the rules in force on a signal that rises, and their first level of severity high
    /// or above; `None` when no rule judges every subject of the signal.
    #[must_use]
    pub fn limits_of(&self, signal: &str) -> Option<(f64, Option<f64>)> {
        let rules = self.in_force();
        let ladders: Vec<_> = rules
            .iter()
            .filter(|rule| rule.signal == signal && rule.when == Direction::Above && rule.include.is_empty())
            .map(|rule| &rule.levels)
            .collect();
        let first = ladders
            .iter()
            .filter_map(|levels| levels.first())
            .reduce(f64::min)?;
        let grave = ladders.iter().filter_map(|levels| levels.from(Severity::High));
        Some((first, grave.reduce(f64::min)))
    }

    /// Moves the first level of the built-in rule `name` to `first`, and its other levels and clear value
    /// with it, because the variable `by` wants so. Returns what the user should know about it; changes nothing when
    /// an own rule replaces it.
    pub fn move_built_in(&mut self, name: &str, first: f64, by: &str) -> Vec<String> {
        if self.0.iter().any(|rule| rule.name == name) {
            return vec![format!(
                "changes nothing: your own rule `{name}` replaces the built-in one"
            )];
        }
        let Some(rule) = built_in().into_iter().find(|rule| rule.name == name) else {
            return Vec::new();
        };
        let (moved, notes) = rule.moved_to(first);
        if moved != rule {
            self.0.push(moved);
            self.1.push(Moved {
                rule: name.to_owned(),
                by: by.to_owned(),
            });
        }
        notes
    }

    /// Reports what the schema alone cannot tell. Names of signals are looked up in `signals`; an empty
    /// catalogue accepts every name.
    pub fn validate(&self, signals: &[&Signal], problems: &mut Problems) {
        let mut seen = HashSet::new();
        let all: Vec<Rule> = self.explain().into_iter().map(|one| one.rule).collect();
        for (index, rule) in self.0.iter().enumerate() {
            problems.at_index(index, |p| {
                if !seen.insert(rule.name.as_str()) {
                    p.push(
                        "name",
                        format_args!("`{}` is given twice; accepted: each name once", rule.name),
                    );
                }
                rule.validate(signals, p);
                chain::validate(rule, &all, p);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, signal: &str) -> Rule {
        Rule {
            levels: Levels::new(&[(Severity::High, 0.5)]),
            ..Rule::new(name, signal)
        }
    }

    #[test]
    fn an_own_rule_replaces_the_built_in_one_of_its_name() {
        let config = Config::from(vec![own("cpu", "cpu_usage_ratio"), own("mine", "load1")]);
        let rules = config.in_force();
        assert_eq!(rules.len(), built_in().len() + 1);
        assert_eq!(rules[0].levels, Levels::new(&[(Severity::High, 0.5)]));
        assert_eq!(rules.last().map(|rule| rule.name.as_str()), Some("mine"));
    }

    #[test]
    fn a_rule_can_be_switched_off() {
        let off = Rule {
            enabled: false,
            ..Rule::new("cpu", "")
        };
        let config = Config::from(vec![off]);
        assert_eq!(config.in_force().len(), built_in().len() - 1);
        assert_eq!(config.limits_of("cpu_usage_ratio"), None);
        let mut problems = Problems::new();
        config.validate(&[], &mut problems);
        assert_eq!(problems.into_vec(), []);
    }

    #[test]
    fn the_limits_of_health_follow_the_rules_in_force() {
        let config = Config::default();
        assert_eq!(config.limits_of("cpu_usage_ratio"), Some((0.80, Some(0.90))));
        assert_eq!(config.limits_of("memory_usage_ratio"), Some((0.85, Some(0.95))));
        assert_eq!(
            config.limits_of("filesystem_usage_ratio"),
            Some((0.90, Some(0.95)))
        );
        let mut stricter = own("cpu_soon", "cpu_usage_ratio");
        stricter.levels = Levels::new(&[(Severity::Low, 0.6)]);
        assert_eq!(
            Config::from(vec![stricter]).limits_of("cpu_usage_ratio"),
            Some((0.60, Some(0.90)))
        );
    }

    #[test]
    fn a_moved_rule_does_not_displace_an_own_one() {
        let mut config = Config::from(vec![own("cpu", "cpu_usage_ratio")]);
        let notes = config.move_built_in("cpu", 0.7, "CPU");
        assert_eq!(config.0.len(), 1);
        assert_eq!(
            notes,
            ["changes nothing: your own rule `cpu` replaces the built-in one"]
        );
    }

    #[test]
    fn every_rule_knows_where_it_comes_from() {
        let off = Rule {
            enabled: false,
            ..Rule::new("loss", "")
        };
        let mut config = Config::from(vec![own("cpu", "cpu_usage_ratio"), own("mine", "load1"), off]);
        config.move_built_in("memory", 0.7, "MEMORY_THRESHOLD_PERCENT");
        let by = "MEMORY_THRESHOLD_PERCENT".to_owned();
        for (name, origin, enabled) in [
            ("cpu", Origin::Replaced, true),
            ("memory", Origin::Moved { by }, true),
            ("disk", Origin::BuiltIn, true),
            ("loss", Origin::Replaced, false),
            ("mine", Origin::Own, true),
        ] {
            let rules = config.explain();
            let one = rules.iter().find(|one| one.rule.name == name).expect(name);
            assert_eq!((&one.origin, one.enabled), (&origin, enabled), "{name}");
        }
        let written = serde_json::to_value(&config).expect("rules can be written");
        assert_eq!(
            written.as_array().map(Vec::len),
            Some(4),
            "a list, as in the file"
        );
    }

    #[test]
    fn an_own_rule_without_advice_has_that_of_the_rule_it_replaces() {
        let rules = Config::from(vec![own("cpu", "cpu_usage_ratio"), own("disk", "load1")]).in_force();
        assert_eq!(rules[0].advice, built_in()[0].advice);
        assert_eq!(rules[2].advice, "", "another signal needs other advice");
    }

    #[test]
    fn the_default_level_moves_nothing() {
        let mut config = Config::default();
        assert_eq!(config.move_built_in("memory", 0.85, "MEMORY"), [""; 0]);
        assert_eq!(config, Config::default());
    }
}
