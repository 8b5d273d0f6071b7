//! `alert_data.json`: alerts of which only one moment is known.
//!
//! One that was still open becomes a transition to `firing`. One that was resolved, and every anomaly, becomes a
//! single transition from nothing to `resolved`: it began and ended, and when it ended is not known.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Error, Imported, Origin, Timed,
    complaint::{
        Field,
        Form::{Text, Truth},
        needed, optional,
    },
    parse,
};

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    alert_type: String,
    message: String,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    resolved: bool,
}

impl Timed for Line {
    const FIELDS: &'static [Field] = &[
        needed("timestamp", Text),
        needed("alert_type", Text),
        needed("message", Text),
        optional("severity", Text),
        optional("resolved", Truth),
    ];

    fn timestamp(&self) -> &str {
        &self.timestamp
    }
}

pub(super) fn read(content: &[u8], origin: &Origin) -> Result<Imported, Error> {
    let lines: Vec<(Timestamp, Line)> = parse(content, origin)?;
    let transitions = lines.iter().map(|(at, line)| {
        let severity = severity(line.severity.as_deref().unwrap_or_default());
        let to = if line.resolved { "resolved" } else { "firing" };
        transition(*at, &line.alert_type, severity, to, &line.message)
    });
    Ok(Imported {
        read: lines.len(),
        records: Vec::new(),
        transitions: transitions.collect(),
    })
}

/// Something that happened at one moment.
pub(super) fn moment(at: Timestamp, rule: &str, text: &str) -> Value {
    transition(at, rule, "low", "resolved", text)
}

/// The same alert gets the same name at every import.
fn transition(at: Timestamp, rule: &str, severity: &str, to: &str, explanation: &str) -> Value {
    let name: String = rule
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    json!({
        "t": format!("{at:.3}"),
        "id": format!("{name}-{:012x}", digest(at, explanation)),
        "rule": name,
        "subject": "",
        "signal": "",
        "severity": severity,
        "from": null,
        "to": to,
        "value": null,
        "threshold": null,
        "explanation": explanation,
    })
}

/// FNV-1a, cut to 48 bits: the same in every version and on every machine.
fn digest(at: Timestamp, explanation: &str) -> u64 {
    let moment = at.as_millisecond().to_le_bytes();
    let bytes = moment.iter().chain(explanation.as_bytes());
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, mix) >> 16
}

/// Our word for a severity; one that is not known is in the middle.
fn severity(word: &str) -> &'static str {
    match word.to_lowercase().as_str() {
        "low" | "info" => "low",
        "high" | "error" => "high",
        "critical" => "critical",
        _ => "medium",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn an_alert_is_one_transition_with_a_name_for_good() {
        let content = json!([
            {"timestamp": "2025-08-12T14:00:00", "alert_type": "High CPU", "message": "CPU at 91 %",
             "severity": "WARNING", "resolved": false},
            {"timestamp": "2025-08-12T14:00:00", "alert_type": "High CPU", "message": "CPU at 92 %"},
        ]);
        let origin = Origin {
            zone: TimeZone::UTC,
            names: HashMap::new(),
        };
        let read = || {
            read(content.to_string().as_bytes(), &origin)
                .expect("a file")
                .transitions
        };
        let found = read();
        assert_eq!(found, read());
        assert_ne!(found[0]["id"], found[1]["id"]);
        assert_eq!(found[0]["id"], "high_cpu-b2151cab8b1d");
        let words = ["t", "rule", "severity", "to", "explanation"].map(|key| found[0][key].as_str());
        let expected = [
            "2025-08-12T14:00:00.000Z",
            "high_cpu",
            "medium",
            "firing",
            "CPU at 91 %",
        ];
        assert_eq!(words, expected.map(Some));
    }
}
