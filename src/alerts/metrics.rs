//! What the alert engine exposes about itself and its alerts.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{Alert, InForce, State, suppress::Reason};
use crate::{
    rules::Severity,
    sample::{Desc, Family, Kind},
};

const FIRING: Desc = Desc {
    name: "netkestrel_alerts_firing",
    kind: Kind::Gauge,
    labels: &["severity"],
    help: "Alerts firing now, by severity.",
};
const STATE: Desc = Desc {
    name: "netkestrel_alert_state",
    kind: Kind::Gauge,
    labels: &["rule", "severity", "subject"],
    help: "State of each active alert: 1 pending, 2 firing, 3 acknowledged, 4 silenced; absent otherwise.",
};
const ACTIVE_SINCE: Desc = Desc {
    name: "netkestrel_alert_active_since_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["rule", "severity", "subject"],
    help: "Unix time since when the alert is active.",
};
const FIRED: Desc = Desc {
    name: "netkestrel_alerts_fired_total",
    kind: Kind::Counter,
    labels: &["rule", "severity"],
    help: "Alerts that started to fire.",
};
const RESOLVED: Desc = Desc {
    name: "netkestrel_alerts_resolved_total",
    kind: Kind::Counter,
    labels: &["rule", "severity"],
    help: "Alerts that were resolved.",
};
const SUPPRESSED: Desc = Desc {
    name: "netkestrel_alert_notifications_suppressed_total",
    kind: Kind::Counter,
    labels: &["reason"],
    help: "Notifications held back.",
};

/// Metrics of this stage.
pub const METRICS: &[&Desc] = &[&FIRING, &STATE, &ACTIVE_SINCE, &FIRED, &RESOLVED, &SUPPRESSED];

/// Adds to the families of this stage what Alertmanager held back, which only delivery knows.
pub fn held_by_alertmanager(families: &mut [Family], count: u64) {
    for family in families
        .iter_mut()
        .filter(|family| family.desc.name == SUPPRESSED.name)
    {
        family.push([SmolStr::new_static("alertmanager")], count as f64);
    }
}

/// Counts since the start of the program.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Fired and resolved, by rule and severity.
    alerts: BTreeMap<(SmolStr, Severity), (u64, u64)>,
    suppressed: [u64; Reason::ALL.len()],
}

impl Counts {
    /// Every rule in force has the series of its severities from the start; those of other rules go.
    pub(super) fn rules_in_force(&mut self, rules: &[InForce]) {
        self.alerts
            .retain(|(name, _), _| rules.iter().any(|rule| rule.name == *name));
        for rule in rules {
            for severity in &rule.severities {
                self.alerts.entry((rule.name.clone(), *severity)).or_default();
            }
        }
    }

    pub(super) fn fired(&mut self, rule: &SmolStr, severity: Severity) {
        self.alerts.entry((rule.clone(), severity)).or_default().0 += 1;
    }

    pub(super) fn resolved(&mut self, rule: &SmolStr, severity: Severity) {
        self.alerts.entry((rule.clone(), severity)).or_default().1 += 1;
    }

    pub(super) fn suppressed(&mut self, reason: Reason) {
        for (count, of) in self.suppressed.iter_mut().zip(Reason::ALL) {
            *count += u64::from(of == reason);
        }
    }

    pub(super) fn families<'a>(&self, active: impl Iterator<Item = &'a Alert>) -> Vec<Family> {
        let (mut states, mut since) = (Family::new(&STATE), Family::new(&ACTIVE_SINCE));
        let mut firing = Severity::ALL.map(|severity| (severity, 0_u32));
        for alert in active {
            let labels = || {
                [
                    alert.rule.clone(),
                    SmolStr::new_static(alert.severity.name()),
                    alert.subject.clone(),
                ]
            };
            states.push(labels(), code(alert.state));
            since.push(labels(), alert.since.as_duration().as_secs_f64());
            for (severity, count) in &mut firing {
                *count += u32::from(alert.state == State::Firing && alert.severity == *severity);
            }
        }
        let mut by_severity = Family::new(&FIRING);
        for (severity, count) in firing {
            by_severity.push([SmolStr::new_static(severity.name())], count.into());
        }
        let mut families = vec![by_severity, states, since];
        families.extend(self.counters());
        families
    }

    fn counters(&self) -> [Family; 3] {
        let (mut fired, mut resolved) = (Family::new(&FIRED), Family::new(&RESOLVED));
        for ((rule, severity), (begun, ended)) in &self.alerts {
            let labels = || [rule.clone(), SmolStr::new_static(severity.name())];
            fired.push(labels(), *begun as f64);
            resolved.push(labels(), *ended as f64);
        }
        let mut suppressed = Family::new(&SUPPRESSED);
        for (reason, count) in Reason::ALL.into_iter().zip(self.suppressed) {
            suppressed.push([SmolStr::new_static(reason.name())], count as f64);
        }
        [fired, resolved, suppressed]
    }
}

/// The value that stands for a state.
fn code(state: State) -> f64 {
    match state {
        State::Pending => 1.0,
        State::Firing => 2.0,
        State::Acknowledged => 3.0,
        State::Silenced => 4.0,
        State::Resolved => 0.0,
    }
}
