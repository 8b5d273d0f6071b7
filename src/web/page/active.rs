//! The first sections of the page: alerts that are not over, the gravest first, and what is unlike anything before. Mails
//! lead here; each row of an alert has its id as its anchor.

use std::{cmp::Reverse, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};

use super::{Cell, Html, Row};
use crate::{
    alerts::{Alert, State},
    figures::moment,
    web::Unusual,
};

/// Rows before the rest is only counted.
const LISTED: usize = 100;
/// The same for what is unusual.
const UNUSUAL: usize = 10;

/// Alerts and anomalies, and what their times are told by.
pub(super) struct Active {
    pub(super) alerts: Vec<Alert>,
    pub(super) unusual: Arc<Vec<Unusual>>,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl Active {
    /// Those that people hear of, and those that someone does something about. What is only pending may pass.
    pub(super) fn section(mut self, html: &mut Html, host: &str) {
        let is_active = |alert: &Alert| !matches!(alert.state, State::Pending | State::Resolved);
        self.alerts.retain(is_active);
        self.alerts
            .sort_by_key(|alert| Reverse((alert.severity, alert.since)));
        let head = ["Severity", "What", "Where", "Since", "State"];
        let shown = self.alerts.iter().take(LISTED);
        let rows = shown.map(|alert| self.row(alert, host));
        html.table("Active alerts", &head, rows, "No active alerts");
        let more = self.alerts.len().saturating_sub(LISTED);
        if more > 0 {
            html.element(
                "p",
                &format!("and {more} more, which `netkestrel alerts list` shows"),
            );
        }
        self.unusual(html, host);
    }

    /// Anomalies whose events last. Most of them are no alerts, so there is nothing to say where there are none.
    fn unusual(&self, html: &mut Html, host: &str) {
        let lasting = || self.unusual.iter().filter(|one| one.lasts);
        if lasting().next().is_none() {
            return;
        }
        let rows = lasting().take(UNUSUAL).map(|one| {
            let place = if one.subject.is_empty() {
                host
            } else {
                &one.subject
            };
            vec![
                Cell::plain(&one.explanation),
                Cell::plain(place),
                Cell::figure(moment(one.at, self.now, &self.zone)),
                Cell::plain(if one.told { "alert" } else { "only shown" }),
            ]
        });
        html.table("Unusual now", &["What", "Where", "Seen", "Told"], rows, "");
        let more = lasting().count().saturating_sub(UNUSUAL);
        if more > 0 {
            html.element("p", &format!("and {more} more, which /api/v1/anomalies lists"));
        }
    }

    fn row(&self, alert: &Alert, host: &str) -> Row {
        let place = if alert.subject.is_empty() {
            host
        } else {
            &alert.subject
        };
        Row {
            anchor: alert.id.to_string(),
            cells: vec![
                Cell {
                    text: alert.severity.name().to_owned(),
                    class: class(alert),
                },
                Cell::plain(&what(alert)),
                Cell::plain(place),
                Cell::figure(moment(alert.since, self.now, &self.zone)),
                Cell::plain(&state(alert)),
            ],
        }
    }
}

fn what(alert: &Alert) -> String {
    let why = &alert.explanation;
    alert
        .behind_it()
        .map_or_else(|| why.clone(), |below| format!("{why}; {below}"))
}

fn class(alert: &Alert) -> &'static str {
    match alert.severity.name() {
        "low" => "quiet",
        "medium" => "warning",
        _ => "critical",
    }
}

fn state(alert: &Alert) -> String {
    let name = alert.state.name();
    let Some(taken) = alert
        .acknowledgement
        .as_ref()
        .filter(|_| alert.state == State::Acknowledged)
    else {
        return name.to_owned();
    };
    let by = if taken.by.is_empty() {
        String::new()
    } else {
        format!(" by {}", taken.by)
    };
    let note = if taken.note.is_empty() {
        String::new()
    } else {
        format!(": {}", taken.note)
    };
    format!("{name}{by}{note}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alert(id: &str, severity: &str, state: &str) -> Alert {
        let since = "2026-11-24T13:02:03.123456789Z";
        let taken = json!({"by": "kim <k>", "at": since, "note": "on & off"});
        let alert = json!({
            "id": id, "rule": "device_down", "subject": "nas <1>", "kind": "device", "signal": "device_up",
            "title": "reachability", "severity": severity, "worst": severity, "state": state, "since": since,
            "fired_at": since, "resolved_at": null, "ending": null, "value": 0.0, "threshold": 0.5, "when": "below",
            "peak": {"value": 0.0, "at": since}, "explanation": "no answer for 12 s", "unknown": null,
            "acknowledgement": (state == "acknowledged").then_some(taken),
        });
        serde_json::from_value(alert).expect("an alert")
    }

    fn html(alerts: Vec<Alert>) -> String {
        shown(alerts, Vec::new())
    }

    fn shown(alerts: Vec<Alert>, unusual: Vec<Unusual>) -> String {
        let mut html = Html(String::new());
        let active = Active {
            alerts,
            unusual: Arc::new(unusual),
            now: "2026-11-24T14:00:00Z".parse().expect("a time"),
            zone: TimeZone::get("Europe/Berlin").expect("a zone"),
        };
        active.section(&mut html, "box");
        html.0
    }

    #[test]
    fn active_alerts_are_shown_the_gravest_first_and_escaped() {
        let root = Alert {
            behind: 2,
            ..alert("a-3", "medium", "firing")
        };
        let html = html(vec![
            alert("a-1", "low", "silenced"),
            alert("a-2", "critical", "acknowledged"),
            root,
            alert("a-4", "high", "pending"),
            alert("a-5", "high", "resolved"),
        ]);
        let anchors: Vec<&str> = html.split("<tr id=\"").skip(1).map(|row| &row[..3]).collect();
        assert_eq!(anchors, ["a-2", "a-3", "a-1"]);
        for expected in [
            "<td class=\"critical\" data-title=\"Severity\">critical</td>",
            "data-title=\"What\">no answer for 12 s</td>",
            "data-title=\"What\">no answer for 12 s; 2 devices behind it</td>",
            "data-title=\"Where\">nas &lt;1&gt;</td>",
            "data-title=\"Since\">14:02</td>",
            "data-title=\"State\">acknowledged by kim &lt;k&gt;: on &amp; off</td>",
            "data-title=\"State\">silenced</td>",
        ] {
            assert!(html.contains(expected), "{expected} is not in {html}");
        }
    }

    #[test]
    fn nothing_wrong_is_said_as_well() {
        let html = html(vec![alert("a-5", "high", "resolved")]);
        assert_eq!(
            html,
            "<section><h2>Active alerts</h2><p>No active alerts</p></section>"
        );
    }

    fn unusual(subject: &str) -> Unusual {
        Unusual {
            at: "2026-11-24T13:02:03Z".parse().expect("a time"),
            signal: "network_receive_bytes_per_second".into(),
            title: "download".into(),
            subject: subject.into(),
            score: 0.7,
            value: 5e6,
            usual: 1e6,
            explanation: "download 42.1 Mbps, 4.2× the usual for <14:00>".to_owned(),
            lasts: true,
            told: false,
        }
    }

    #[test]
    fn what_is_unusual_now_stands_below_the_alerts() {
        let over = Unusual {
            lasts: false,
            ..unusual("eth9")
        };
        let html = shown(Vec::new(), vec![unusual("eth0"), over, unusual("")]);
        for expected in [
            "<h2>Unusual now</h2>",
            "data-title=\"What\">download 42.1 Mbps, 4.2× the usual for &lt;14:00&gt;</td>",
            "data-title=\"Where\">eth0</td>",
            "data-title=\"Where\">box</td>",
            "data-title=\"Seen\">14:02</td>",
            "data-title=\"Told\">only shown</td>",
        ] {
            assert!(html.contains(expected), "{expected} is not in {html}");
        }
        assert!(!html.contains("eth9"), "it is over");
        let html = shown(Vec::new(), vec![unusual("eth0"); UNUSUAL + 2]);
        assert!(html.ends_with("<p>and 2 more, which /api/v1/anomalies lists</p>"));
    }

    #[test]
    fn a_storm_is_cut() {
        let html = html(vec![alert("a-1", "low", "firing"); LISTED + 2]);
        assert_eq!(html.matches("<tr id").count(), LISTED);
        assert!(html.ends_with("<p>and 2 more, which `netkestrel alerts list` shows</p>"));
    }
}
