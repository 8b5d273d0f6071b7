//! The configuration section of the collector `network`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{pattern::Filter, problem::Problems, units::HumanDuration};

const SHORTEST: Duration = Duration::from_secs(1);

/// Settings of the collector `network`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether interfaces are watched.
    pub enabled: bool,
    /// Time between two interval runs, from which rates for rules and history are made; at least 1s.
    pub interval: HumanDuration,
    /// Interfaces to watch, by name; `*` stands for any characters and `?` for one. Empty means all. Applies to
    /// metrics, rates and totals alike. The totals add up hardware; where there is none, as in a container,
    /// they add up the interfaces whose packets no other interface of the host counts as well.
    pub include: Vec<String>,
    /// Interfaces to leave out, written as in `include`, which it overrules.
    pub exclude: Vec<String>,
    /// Whether the rates of the interval runs are exposed as histograms, which show bursts between two scrapes.
    /// With hundreds of interfaces they are more than half of an exposition.
    pub histograms: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: HumanDuration::secs(30),
            include: Vec::new(),
            exclude: Vec::new(),
            histograms: true,
        }
    }
}

impl Config {
    pub(in crate::collectors) fn validate(&self, problems: &mut Problems) {
        if *self.interval < SHORTEST {
            problems.push(
                "interval",
                format_args!("`{}` is too short; at least `1s` is accepted", self.interval),
            );
        }
        for (list, position, complaint) in self.filter().complaints() {
            problems.within(list, |p| p.at_index(position, |p| p.push("", complaint)));
        }
    }

    /// Which interfaces are watched.
    pub(super) fn filter(&self) -> Filter {
        Filter {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_impossible_value_is_reported_with_its_path() {
        let config = Config {
            interval: HumanDuration(Duration::from_millis(500)),
            include: vec!["eth0".into(), "^eth".into()],
            exclude: vec![String::new()],
            ..Config::default()
        };
        let mut problems = Problems::new();
        config.validate(&mut problems);
        let found = problems.into_vec();
        let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["interval", "include[1]", "exclude[0]"]);
        assert_eq!(
            found[0].message,
            "`500ms` is too short; at least `1s` is accepted"
        );
    }

    #[test]
    fn the_defaults_are_possible() {
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert!(problems.into_vec().is_empty());
    }
}
