//! What a message tells besides the alert: the device's address and group, the rule's advice and levels, and how the
//! signal went during the last hour.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tracing::debug;

use crate::{
    alerts::Alert,
    clock::Clock,
    collectors, history,
    notifiers::{self, Context, Point},
    rules::{self, Rule},
    sample::SubjectKind,
};

/// How much of the past the chart shows before an alert began.
const BEFORE: Duration = Duration::from_hours(1);
/// Points of the chart.
const POINTS: usize = 240;

/// What usually helps where something is unlike anything before.
const ON_ANOMALIES: &str = "See what began at that time: a backup, an update, a new program or a new device. If it is \
                            meant to be so, `netkestrel alerts ack ID --normal` teaches it for that hour of the day.";

/// Looks around.
pub(super) struct Surroundings {
    pub(super) set: Arc<collectors::Set>,
    pub(super) rules: Arc<ArcSwap<Vec<Rule>>>,
    pub(super) history: Option<history::Reader>,
    pub(super) clock: Clock,
}

impl notifiers::Surroundings for Surroundings {
    fn of(&self, alert: &Alert) -> Context {
        let rules = self.rules.load();
        let rule = rules.iter().find(|rule| alert.rule == rule.name);
        Context {
            facts: self.facts(alert),
            advice: if alert.rule == rules::ANOMALY {
                ON_ANOMALIES.to_owned()
            } else {
                rule.map(|rule| rule.advice.clone()).unwrap_or_default()
            },
            levels: rule.map(|rule| rule.levels.iter().collect()).unwrap_or_default(),
            course: self.course(alert),
        }
    }
}

impl Surroundings {
    fn facts(&self, alert: &Alert) -> Vec<(String, String)> {
        if alert.kind != SubjectKind::Device {
            return Vec::new();
        }
        let devices = self.set.devices.overview(self.clock.now());
        let Some(device) = devices.into_iter().find(|device| device.name == alert.subject) else {
            return Vec::new();
        };
        let resolved = device.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let facts = [
            ("Address", device.address.to_string()),
            (
                "IP address",
                if resolved == *device.address {
                    String::new()
                } else {
                    resolved
                },
            ),
            ("Group", device.group.to_string()),
            ("Now", device.reason),
        ];
        let told = facts.into_iter().filter(|(_, value)| !value.is_empty());
        told.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn course(&self, alert: &Alert) -> Vec<Point> {
        let Some(history) = &self.history else {
            return Vec::new();
        };
        let (from, to) = (
            alert.since - BEFORE,
            alert.resolved_at.unwrap_or(self.clock.now().wall),
        );
        let course = history.course(&alert.signal, &alert.subject, (from, to), POINTS);
        let point = |(at, min, mean, max)| Point { at, min, mean, max };
        match course {
            Ok(course) => course.into_iter().map(point).collect(),
            Err(error) => {
                debug!(%error, "no chart: history cannot be read");
                Vec::new()
            }
        }
    }
}
