//! Which devices are in a maintenance window: those whose being down is expected at that moment.

use jiff::{Timestamp, tz::TimeZone};
use smol_str::SmolStr;

use super::{Config, calendar::Calendar, matcher::Traits};
use crate::rules::{Rule, Severity};

/// The signal whose alerts say that a device is down.
const SIGNAL: &str = "device_up";
/// The rule on it that is built in.
const USUAL: &str = "device_down";

/// The maintenance windows of a configuration, asked about devices.
#[derive(Debug, Clone)]
pub struct Windows {
    calendar: Calendar,
    /// The alerts that tell of an outage, of whatever device.
    outages: Vec<(SmolStr, Severity)>,
}

impl Windows {
    /// The windows of `config`, in this zone, where these rules are in force.
    #[must_use]
    pub fn new(config: &Config, zone: TimeZone, rules: &[Rule]) -> Self {
        let rules = rules.iter().filter(|rule| rule.signal == SIGNAL);
        let outages = rules.flat_map(|rule| {
            let name = SmolStr::new(&rule.name);
            rule.levels
                .iter()
                .map(move |(severity, _)| (name.clone(), severity))
        });
        let mut outages: Vec<_> = outages.collect();
        if outages.is_empty() {
            // Nobody is to hear of outages; a window may be meant for uptime all the same.
            let usual = Severity::ALL.iter().map(|severity| (USUAL.into(), *severity));
            outages.extend(usual);
        }
        Self {
            calendar: Calendar::new(config, zone),
            outages,
        }
    }

    /// Whether a window covers the device at that moment: one that expects the alert of its being down.
    #[must_use]
    pub fn cover(&self, device: &str, at: Timestamp) -> bool {
        let outage = |(rule, severity): &(SmolStr, Severity)| {
            let traits = Traits {
                rule,
                subject: device,
                signal: SIGNAL,
                severity: *severity,
            };
            self.calendar.expects(traits, at)
        };
        self.outages.iter().any(outage)
    }

    /// The next begin or end of a window within a week.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.calendar.next_change(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    fn windows(matching: &str, own: &str) -> Windows {
        let window = format!(
            "{{maintenance: [{{name: w, match: {matching}, from: '2026-11-02T12:00', to: '2026-11-02T13:00'}}]}}"
        );
        let config: Config = serde_yaml::from_str(&window).expect("settings");
        let own: Vec<Rule> = serde_yaml::from_str(own).expect("rules");
        Windows::new(&config, TimeZone::UTC, &rules::Config::from(own).in_force())
    }

    #[test]
    fn a_window_covers_a_device_whose_outage_it_expects() {
        let own = "[{name: gone, signal: device_up, when: below, levels: {critical: 0.5}}]";
        let none =
            "[{name: device_down, enabled: false, signal: device_up, when: below, levels: {high: 0.5}}]";
        for (matching, rules, covers, why) in [
            ("{subject: [nas]}", "[]", true, "by its name"),
            ("{subject: ['n*']}", "[]", true, "by a pattern"),
            ("{subject: [router]}", "[]", false, "of another"),
            ("{rule: [device_down]}", "[]", true, "of every device"),
            ("{rule: ['*']}", "[]", true, "of everything"),
            ("{rule: [loss], subject: [nas]}", "[]", false, "another rule"),
            ("{signal: [device_up]}", "[]", true, "by the signal"),
            ("{signal: [ping_rtt_seconds]}", "[]", false, "by another signal"),
            ("{severity: [high]}", "[]", true, "in the severity of an outage"),
            ("{severity: [low]}", "[]", false, "in another severity"),
            ("{rule: [gone]}", own, true, "an own rule on the same signal"),
            ("{rule: [gone]}", "[]", false, "which is not in force"),
            ("{subject: [nas]}", none, true, "though no rule tells of outages"),
            ("{rule: [loss]}", none, false, "not by another rule"),
        ] {
            let windows = windows(matching, rules);
            let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
            assert_eq!(
                windows.cover("nas", at("2026-11-02T12:00:00Z")),
                covers,
                "{matching}: {why}"
            );
            assert!(!windows.cover("nas", at("2026-11-02T13:00:00Z")), "it is over");
        }
    }
}
