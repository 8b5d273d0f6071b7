//! The rules that apply unless a user says otherwise. Data only: first levels are those people are used to,
//! durations and clear values keep them quiet.

use std::time::Duration;

use super::{
    Direction, Levels, Rule,
    Severity::{self, Critical, High, Medium},
};
use crate::units::HumanDuration;

const MBIT: f64 = 1_000_000.0 / 8.0;
const MINUTE: Duration = Duration::from_mins(1);

/// The built-in rules, in the order in which they are listed.
#[must_use]
pub fn built_in() -> Vec<Rule> {
    [host(), network(), devices()].concat()
}

fn host() -> Vec<Rule> {
    vec![
        rising("cpu", "cpu_usage_ratio", &[(Medium, 0.80), (High, 0.90)], 0.75).lasting(10 * MINUTE),
        rising(
            "memory",
            "memory_usage_ratio",
            &[(Medium, 0.85), (High, 0.95)],
            0.75,
        )
        .lasting(5 * MINUTE),
        rising(
            "disk",
            "filesystem_usage_ratio",
            &[(Medium, 0.90), (High, 0.95), (Critical, 0.98)],
            0.85,
        )
        .lasting(MINUTE),
        rising(
            "inodes",
            "filesystem_inodes_usage_ratio",
            &[(Medium, 0.90), (High, 0.95), (Critical, 0.98)],
            0.85,
        )
        .lasting(MINUTE),
    ]
}

fn network() -> Vec<Rule> {
    let levels = [(Medium, 100.0 * MBIT), (High, 200.0 * MBIT)];
    vec![
        rising(
            "bandwidth",
            "network_total_bytes_per_second",
            &levels,
            90.0 * MBIT,
        )
        .lasting(MINUTE),
    ]
}

fn devices() -> Vec<Rule> {
    vec![
        Rule {
            when: Direction::Below,
            levels: Levels::new(&[(High, 0.5)]),
            ..Rule::new("device_down", "device_up")
        },
        rising("loss", "ping_loss_ratio", &[(Medium, 0.20), (High, 0.50)], 0.10).lasting(5 * MINUTE),
        rising("rtt", "ping_rtt_seconds", &[(Medium, 1.0), (High, 2.0)], 0.8).lasting(5 * MINUTE),
    ]
}

fn rising(name: &str, signal: &str, levels: &[(Severity, f64)], clear: f64) -> Rule {
    Rule {
        levels: Levels::new(levels),
        clear: Some(clear),
        ..Rule::new(name, signal)
    }
}

impl Rule {
    fn lasting(self, hold: Duration) -> Self {
        Self {
            hold: HumanDuration(hold),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;

    #[test]
    fn built_in_rules_are_valid() {
        for rule in built_in() {
            let mut problems = Problems::new();
            rule.validate(&[], &mut problems);
            assert_eq!(problems.into_vec(), [], "{}", rule.name);
        }
    }
}
