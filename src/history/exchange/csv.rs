//! Records and transitions as CSV: one reading or one transition a row, times in RFC 3339 and UTC.

use std::io::{self, Write};

use csv::Writer;
use serde::Serialize;
use serde_json::Value;

use super::Error;
use crate::{
    history::Record,
    sample::{Missing, Observed},
};

/// Columns of an alert's transition.
const TRANSITION: [&str; 13] = [
    "t",
    "id",
    "rule",
    "subject",
    "signal",
    "severity",
    "from",
    "to",
    "value",
    "threshold",
    "explanation",
    "by",
    "note",
];

/// Writes the columns `time,signal,subject,value,note`. The note says `implausible` or `excused`, or why there is no
/// value.
pub fn write_csv(
    records: impl IntoIterator<Item = io::Result<Record>>,
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut writer = Writer::from_writer(out);
    writer.write_record(["time", "signal", "subject", "value", "note"])?;
    for record in records {
        let record = record.map_err(Error::Read)?;
        let time = format!("{:.3}", record.at);
        for seen in &record.readings {
            let (value, note) = match seen.observed {
                Observed::Value(value) => (value.to_string(), String::new()),
                Observed::Implausible(value) => (value.to_string(), "implausible".to_owned()),
                Observed::Excused(value) => (value.to_string(), "excused".to_owned()),
                Observed::Missing(why) => (String::new(), word(why)),
            };
            writer.write_record([&time, seen.signal.as_str(), &seen.subject, &value, &note])?;
        }
    }
    Ok(writer.flush()?)
}

/// Writes one transition of an alert a row; the first column is `time`.
pub fn write_transitions_csv(
    transitions: impl IntoIterator<Item = io::Result<Value>>,
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut writer = Writer::from_writer(out);
    let names = TRANSITION.map(|name| if name == "t" { "time" } else { name });
    writer.write_record(names)?;
    for transition in transitions {
        let transition = transition.map_err(Error::Read)?;
        writer.write_record(TRANSITION.map(|key| match transition.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }))?;
    }
    Ok(writer.flush()?)
}

/// The word that history uses on disk.
fn word(why: Missing) -> String {
    let value = why.serialize(serde_json::value::Serializer).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::history::Record;

    #[test]
    fn values_flags_and_reasons_have_columns_of_their_own() {
        let record = Record::decode(
            br#"{"t":"2026-11-25T11:00:00.5Z","r":{"load1_per_core":{"":0.25},"temperature_celsius":{"a, \"b\"":"read_failed","c":{"implausible":900}}}}"#,
        );
        let mut out = Vec::new();
        write_csv([Ok(record.expect("a record"))], &mut out).expect("written");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "time,signal,subject,value,note\n\
             2026-11-25T11:00:00.500Z,load1_per_core,,0.25,\n\
             2026-11-25T11:00:00.500Z,temperature_celsius,\"a, \"\"b\"\"\",,read_failed\n\
             2026-11-25T11:00:00.500Z,temperature_celsius,c,900,implausible\n"
        );
    }

    #[test]
    fn a_transition_is_a_row() {
        let transition = json!({"t": "2026-11-25T11:00:00Z", "rule": "cpu", "from": null, "to": "firing",
                                "value": 0.93, "explanation": "high, and rising"});
        let mut out = Vec::new();
        write_transitions_csv([Ok(transition)], &mut out).expect("written");
        let text = String::from_utf8_lossy(&out);
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[0].starts_with("time,id,rule,"), "{}", rows[0]);
        assert_eq!(
            rows[1],
            "2026-11-25T11:00:00Z,,cpu,,,,,firing,0.93,,\"high, and rising\",,"
        );
    }
}
