//! An alert as Alertmanager's API knows it: labels that name it, annotations that tell about it, and its times.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;

use crate::alerts::{Alert, State};

/// What every pushed alert says about who found it, for Alertmanager to route by.
pub(super) const ORIGIN: &str = "netkestrel";

/// Names and values; the empty ones are left out, as Alertmanager does itself.
pub(super) type Labels = BTreeMap<&'static str, String>;

/// Who pushes, and what is known about subjects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Name of the host that watches: the label `instance`.
    pub instance: String,
    /// Where people reach the page; empty for no links.
    pub external_url: String,
    /// Where devices belong, by name.
    pub places: HashMap<String, Place>,
}

/// Where a device belongs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Its group; empty without one.
    pub group: String,
    /// The first device it is reached through; empty without one.
    pub parent: String,
}

/// An alert that fires, ready to be pushed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pushed {
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
    pub(super) starts_at: Timestamp,
    pub(super) generator_url: String,
    /// Whether people asked not to hear of it.
    pub(super) is_silenced: bool,
}

/// One element of the body of a push.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item<'a> {
    pub(super) labels: &'a Labels,
    pub(super) annotations: &'a Labels,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    pub(super) generator_url: &'a str,
}

impl Identity {
    /// The alert for a push; `None` while it does not fire.
    pub(super) fn pushed(&self, alert: &Alert) -> Option<Pushed> {
        let starts_at = alert.fired_at.filter(|_| alert.resolved_at.is_none())?;
        Some(Pushed {
            labels: self.labels(alert),
            annotations: self.annotations(alert),
            starts_at,
            generator_url: self.link(),
            is_silenced: alert.state == State::Silenced,
        })
    }

    fn labels(&self, alert: &Alert) -> Labels {
        let place = self.places.get(alert.subject.as_str());
        filled([
            ("alertname", alert.rule.to_string()),
            ("rule", alert.rule.to_string()),
            ("subject", alert.subject.to_string()),
            ("severity", alert.severity.name().to_owned()),
            ("signal", alert.signal.to_string()),
            (
                "group",
                place.map(|place| place.group.clone()).unwrap_or_default(),
            ),
            (
                "parent",
                place.map(|place| place.parent.clone()).unwrap_or_default(),
            ),
            ("instance", self.instance.clone()),
            ("origin", ORIGIN.to_owned()),
        ])
    }

    fn annotations(&self, alert: &Alert) -> Labels {
        let summary = if alert.subject.is_empty() {
            format!("{} on {}", alert.title, self.instance)
        } else {
            format!("{} on {} ({})", alert.title, alert.subject, self.instance)
        };
        let description = format!(
            "{}, since {}.",
            alert.explanation,
            alert.since.strftime("%Y-%m-%d %H:%M UTC")
        );
        filled([
            ("summary", summary),
            ("description", description),
            ("explanation", alert.explanation.clone()),
        ])
    }

    fn link(&self) -> String {
        let base = self.external_url.trim_end_matches('/');
        if base.is_empty() {
            String::new()
        } else {
            format!("{base}/")
        }
    }
}

fn filled<const N: usize>(pairs: [(&'static str, String); N]) -> Labels {
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alerts::News,
        notifiers::fixture::{notice, origin},
    };

    fn identity() -> Identity {
        Identity {
            instance: "web1".to_owned(),
            external_url: "https://kestrel.example.org".to_owned(),
            places: HashMap::from([(
                "nas".to_owned(),
                Place {
                    group: "core".to_owned(),
                    parent: "router".to_owned(),
                },
            )]),
        }
    }

    #[test]
    fn labels_name_the_alert_and_the_empty_ones_are_left_out() {
        let mut alert = notice("a", 1, News::Fired).alert;
        let labels = |alert: &Alert| {
            let pushed = identity().pushed(alert).expect("fires");
            serde_json::to_string(&pushed.labels).expect("JSON")
        };
        assert_eq!(
            labels(&alert),
            r#"{"alertname":"cpu","instance":"web1","origin":"netkestrel","rule":"cpu","severity":"high","signal":"cpu_usage_ratio"}"#
        );
        alert.subject = "nas".into();
        assert_eq!(
            labels(&alert),
            r#"{"alertname":"cpu","group":"core","instance":"web1","origin":"netkestrel","parent":"router","rule":"cpu","severity":"high","signal":"cpu_usage_ratio","subject":"nas"}"#
        );
    }

    #[test]
    fn annotations_are_sentences_and_the_link_is_absolute() {
        let pushed = identity()
            .pushed(&notice("a", 1, News::Fired).alert)
            .expect("fires");
        assert_eq!(pushed.annotations["summary"], "CPU usage on web1");
        assert_eq!(
            pushed.annotations["description"],
            "CPU usage is 93.0 %, above 90 % for 10 min, since 2026-03-01 14:00 UTC."
        );
        assert_eq!(pushed.generator_url, "https://kestrel.example.org/");
        assert_eq!(pushed.starts_at, origin());
    }

    #[test]
    fn what_does_not_fire_is_not_pushed() {
        let mut alert = notice("a", 1, News::Fired).alert;
        alert.fired_at = None;
        assert_eq!(identity().pushed(&alert), None);
        assert_eq!(identity().pushed(&notice("a", 2, News::Resolved).alert), None);
    }
}
