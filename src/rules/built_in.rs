//! The rules that apply unless a user says otherwise. Data only: first levels are those people are used to,
//! durations and clear values keep them quiet.

use std::time::Duration;

use super::{
    Direction, Levels, Rule,
    Severity::{self, Critical, High, Medium},
};
use crate::units::HumanDuration;

const MBIT: f64 = 1_000_000.0 / 8.0;
/// In seconds.
const DAY: f64 = 86_400.0;
const MINUTE: Duration = Duration::from_mins(1);

/// The built-in rules, in the order in which they are listed.
#[must_use]
pub fn built_in() -> Vec<Rule> {
    [host(), network(), devices()].concat()
}

fn host() -> Vec<Rule> {
    vec![
        rising("cpu", "cpu_usage_ratio", &[(Medium, 0.80), (High, 0.90)], 0.75)
            .lasting(10 * MINUTE)
            .advising(
                "See which programs use the CPU (`top`). If the work is wanted, spread it over the day or over \
                 more hosts; if it is not, restart the program that runs wild.",
            ),
        rising("memory", "memory_usage_ratio", &[(Medium, 0.85), (High, 0.95)], 0.75)
            .lasting(5 * MINUTE)
            .advising(
                "See which programs use the memory (`top`, sorted by memory). Restart one that keeps growing; \
                 near 100 % the system ends programs by itself.",
            ),
        rising("disk", "filesystem_usage_ratio", FULL, 0.85)
            .lasting(MINUTE)
            .advising(
                "See what takes the space (`du -xh --max-depth=1`). Old logs, package caches, container images \
                 and backups are the usual ones; programs fail when nothing is left.",
            ),
        rising("inodes", "filesystem_inodes_usage_ratio", FULL, 0.85)
            .lasting(MINUTE)
            .advising(
                "Some folder holds very many small files (`du --inodes -x`): sessions, caches, mail queues. \
                 Without free inodes no file can be made, however much space is left.",
            ),
        Rule {
            when: Direction::Below,
            levels: Levels::new(&[(Medium, DAY), (High, DAY / 3.0), (Critical, DAY / 12.0)]),
            clear: Some(2.0 * DAY),
            ..Rule::new("disk_fills", "filesystem_full_seconds")
        }
        .lasting(30 * MINUTE)
        .advising(
            "See what grows (`du -xh --max-depth=1`, twice with some minutes between): a log of a program in \
             trouble, a backup, a download. Stop it, or make room before it is full.",
        ),
    ]
}

fn network() -> Vec<Rule> {
    let levels = [(Medium, 100.0 * MBIT), (High, 200.0 * MBIT)];
    vec![
        rising("bandwidth", "network_total_bytes_per_second", &levels, 90.0 * MBIT)
            .lasting(MINUTE)
            .advising(
                "See which interface and which direction carries it. Backups, updates and uploads are the usual \
                 ones; limit them or move them to quiet hours. Unknown senders deserve a closer look.",
            ),
        falling("link_down", "network_link_up", Medium)
            .lasting(MINUTE)
            .advising(
                "Check the cable and both plugs, the port of the switch and its power; of a wireless interface \
                 the access point and the password.",
            ),
    ]
}

fn devices() -> Vec<Rule> {
    vec![
        falling("uplink", "uplink_up", Critical).advising(
            "Check the cable and the network settings of this host, then its router and the line behind it. \
             Devices are not judged meanwhile.",
        ),
        falling("device_down", "device_up", High).advising(
            "Check its power, its cable and the switch before it. If others behind the same switch are down as \
             well, begin there; if it answers in the browser, a firewall drops pings.",
        ),
        rising("loss", "ping_loss_ratio", &[(Medium, 0.20), (High, 0.50)], 0.10)
            .lasting(5 * MINUTE)
            .advising(
                "A bad cable, a weak wireless signal or a line at its limit loses packets. See whether other \
                 devices on the same way lose some as well, and whether the bandwidth is used up.",
            )
            .unless(&["device_down"]),
        rising("rtt", "ping_rtt_seconds", &[(Medium, 1.0), (High, 2.0)], 0.8)
            .lasting(5 * MINUTE)
            .advising(
                "A line at its limit or a busy device answers late. See whether the bandwidth is used up, and \
                 whether other devices on the same way are late as well.",
            )
            .unless(&["device_down", "loss"]),
    ]
}

/// Levels of what is worse the fuller it is, and of no use when full.
const FULL: &[(Severity, f64)] = &[(Medium, 0.90), (High, 0.95), (Critical, 0.98)];

fn rising(name: &str, signal: &str, levels: &[(Severity, f64)], clear: f64) -> Rule {
    Rule {
        levels: Levels::new(levels),
        clear: Some(clear),
        ..Rule::new(name, signal)
    }
}

/// A rule on a signal that is 1 or 0.
fn falling(name: &str, signal: &str, severity: Severity) -> Rule {
    Rule {
        when: Direction::Below,
        levels: Levels::new(&[(severity, 0.5)]),
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

    fn advising(self, advice: &str) -> Self {
        Self {
            advice: advice.to_owned(),
            ..self
        }
    }

    fn unless(self, rules: &[&str]) -> Self {
        Self {
            unless: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;

    #[test]
    fn built_in_rules_are_valid_and_say_what_helps() {
        for rule in built_in() {
            let mut problems = Problems::new();
            rule.validate(&[], &mut problems);
            assert_eq!(problems.into_vec(), [], "{}", rule.name);
            assert!(rule.advice.ends_with('.'), "{}", rule.name);
        }
    }
}
