//! Alerts and silences as tables for people.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::text;
use crate::{
    alerts::{Alert, Silence, State},
    cli::table::{Side, table},
    figures::{Unit, moment},
    rules,
};

/// What a table needs to know besides its rows.
pub(super) struct Here {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl Here {
    /// A moment of the answer; one that is none stays as it is.
    pub(super) fn time(&self, of: &Value, key: &str) -> String {
        let text = text(of, key);
        let at = text.parse().map(|at: Timestamp| moment(at, self.now, &self.zone));
        at.unwrap_or_else(|_| text.to_owned())
    }
}

/// Alerts, with who took them on or silenced them.
pub(super) fn alerts(alerts: &[Value], silences: &[Value], here: &Here) -> String {
    if alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let silences: Vec<Silence> = silences.iter().filter_map(read).collect();
    let columns = [
        "id", "severity", "state", "rule", "subject", "value", "since", "by",
    ];
    let cell = |alert: &Value, key| match (key, alert.get(key).and_then(Value::as_f64)) {
        ("value", Some(value)) => Unit::of(text(alert, "signal")).show(value),
        ("since", _) => here.time(alert, key),
        ("by", _) => by(alert, &silences, here),
        _ => text(alert, key).to_owned(),
    };
    let rows: Vec<[String; 8]> = alerts
        .iter()
        .map(|alert| columns.map(|key| cell(alert, key)))
        .collect();
    table(columns.map(|name| (name, Side::Left)), &rows) + &unusual(alerts)
}

/// What anomalies are about, a line each: their values alone say little.
fn unusual(alerts: &[Value]) -> String {
    let mut lines = String::new();
    for alert in alerts
        .iter()
        .filter(|alert| text(alert, "rule") == rules::ANOMALY)
    {
        let why = text(alert, "explanation").replace(char::is_control, " ");
        // Text takes all that is written.
        let _ = write!(lines, "\n{}: {why}\n", text(alert, "id"));
    }
    lines
}

/// Silences, with what they match in words.
pub(super) fn silences(silences: &[Value], here: &Here) -> String {
    if silences.is_empty() {
        return "no silences\n".to_owned();
    }
    let columns = ["id", "matching", "starts", "ends", "by", "comment"];
    let cell = |silence: &Value, key| match key {
        "matching" => matching(silence.get(key).unwrap_or(&Value::Null)),
        "starts" | "ends" => here.time(silence, key),
        _ => text(silence, key).to_owned(),
    };
    let rows: Vec<[String; 6]> = silences
        .iter()
        .map(|silence| columns.map(|key| cell(silence, key)))
        .collect();
    table(columns.map(|name| (name, Side::Left)), &rows)
}

/// Who took an alert on or silenced it, and why; a maintenance window silences as well, by nobody in particular.
fn by(alert: &Value, silences: &[Silence], here: &Here) -> String {
    let Some(alert) = read::<Alert>(alert) else {
        return String::new();
    };
    match alert.state {
        State::Acknowledged => alert
            .acknowledgement
            .map_or(String::new(), |taken| signed(&taken.by, &taken.note)),
        State::Silenced => {
            let matches = |silence: &&Silence| silence.holds(here.now) && silence.matching.matches(&alert);
            let silence = silences.iter().find(matches);
            silence.map_or("maintenance".to_owned(), |silence| {
                signed(&silence.by, &silence.comment)
            })
        }
        State::Pending | State::Firing | State::Resolved => String::new(),
    }
}

fn signed(by: &str, why: &str) -> String {
    let by = if by.is_empty() { "nobody in particular" } else { by };
    if why.is_empty() {
        by.to_owned()
    } else {
        format!("{by}: {why}")
    }
}

/// `rule cpu, subject nas*`.
fn matching(matcher: &Value) -> String {
    let lists = matcher.as_object().into_iter().flatten();
    let parts = lists.map(|(key, list)| {
        let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("{key} {}", names.collect::<Vec<_>>().join(" or "))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// What this version understands of it; another version may be running.
fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alert(state: &str) -> Value {
        let since = "2026-11-24T13:02:03.123456789Z";
        let taken = json!({"by": "kim", "at": since, "note": "on it"});
        json!({
            "id": "cpu-1", "rule": "cpu", "subject": "", "kind": "host", "signal": "cpu_usage_ratio",
            "title": "CPU usage", "severity": "high", "worst": "high", "state": state, "since": since,
            "fired_at": since, "resolved_at": null, "ending": null, "value": 0.95, "threshold": 0.9, "when": "above",
            "peak": {"value": 0.95, "at": since}, "explanation": "CPU usage is 95 %", "unknown": null,
            "acknowledgement": (state == "acknowledged").then_some(taken),
        })
    }

    fn here() -> Here {
        Here {
            now: "2026-11-25T12:00:00Z".parse().expect("a time"),
            zone: TimeZone::get("Europe/Berlin").expect("a zone"),
        }
    }

    fn silence(rule: &str) -> Value {
        json!({
            "id": "silence-1", "matching": {"rule": [rule], "severity": ["high", "low"]}, "by": "", "comment": "new fans",
            "starts": "2026-11-25T11:00:00.000000001Z", "ends": "2026-11-26T13:00:00Z",
        })
    }

    #[test]
    fn alerts_say_since_when_and_who_does_something_about_them() {
        let row = |state: &str, rule: &str| {
            let text = alerts(&[alert(state)], &[silence(rule)], &here());
            let row = text.lines().nth(1).expect("a row").to_owned();
            row.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let shared = |state| ["cpu-1", "high", state, "cpu", "95.0 %", "Nov 24 14:02"].map(str::to_owned);
        assert_eq!(row("firing", "cpu"), shared("firing"));
        for (state, rule, by) in [
            ("acknowledged", "cpu", "kim: on it"),
            ("silenced", "c*", "nobody in particular: new fans"),
            ("silenced", "disk", "maintenance"),
        ] {
            let expected = [&shared(state)[..], &[by.to_owned()]].concat();
            assert_eq!(row(state, rule), expected);
        }
    }

    #[test]
    fn what_an_anomaly_is_about_stands_below_the_table() {
        let mut anomaly = alert("firing");
        anomaly["id"] = json!("anomaly-1");
        anomaly["rule"] = json!("anomaly");
        anomaly["explanation"] = json!("CPU usage 95.0 %, 4.2× the usual of late (22.6 %)");
        let text = alerts(&[alert("firing"), anomaly], &[], &here());
        assert!(
            text.ends_with("\n\nanomaly-1: CPU usage 95.0 %, 4.2× the usual of late (22.6 %)\n"),
            "{text}"
        );
    }

    #[test]
    fn silences_say_what_they_match_and_until_when() {
        let text = silences(&[silence("cpu")], &here());
        assert!(text.contains("rule cpu, severity high or low"), "{text}");
        assert!(text.contains("12:00   Nov 26 14:00  "), "{text}");
    }
}
