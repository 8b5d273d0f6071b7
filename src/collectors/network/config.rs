//! The configuration section of the collector `network`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    pattern::{Filter, matches},
    problem::Problems,
    units::HumanDuration,
};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(24);

/// Settings of the collector `network`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether interfaces are watched.
    pub enabled: bool,
    /// Time between two interval runs, from which rates for rules and history are made; from 1s to 24h.
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
        if !(SHORTEST..=LONGEST).contains(&*self.interval) {
            problems.push(
                "interval",
                format_args!("given `{}`; accepted: from `1s` to `24h`", self.interval),
            );
        }
        for (list, position, complaint) in self.filter().complaints() {
            problems.within(list, |p| p.at_index(position, |p| p.push("", complaint)));
        }
    }

    /// Entries of `include` that none of these interfaces matches.
    pub(super) fn unmatched(&self, interfaces: &[&str]) -> Vec<&str> {
        let matches_none = |entry: &&String| !interfaces.iter().any(|name| matches(entry, name));
        let entries = self.include.iter().filter(matches_none);
        entries.map(String::as_str).collect()
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
    }

    #[test]
    fn entries_that_match_no_interface_are_found() {
        let include = ["eth*", "wlan0", "enp?s0"].map(str::to_owned).into();
        let config = Config {
            include,
            ..Config::default()
        };
        assert_eq!(config.unmatched(&["lo", "eth0"]), ["wlan0", "enp?s0"]);
        assert_eq!(Config::default().unmatched(&[]), [""; 0]);
    }

    #[test]
    fn an_interval_lasts_from_a_second_to_a_day() {
        for (text, fine) in [
            ("999ms", false),
            ("1s", true),
            ("24h", true),
            ("24h1ms", false),
            ("300000000000y", false),
        ] {
            let interval = HumanDuration::parse(text).expect(text);
            let mut problems = Problems::new();
            Config {
                interval,
                ..Config::default()
            }
            .validate(&mut problems);
            let found = problems.into_vec().into_iter().map(|problem| problem.message);
            let expected = format!("given `{interval}`; accepted: from `1s` to `24h`");
            let expected = (!fine).then_some(expected).into_iter();
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn the_defaults_are_possible() {
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert!(problems.into_vec().is_empty());
    }
}
