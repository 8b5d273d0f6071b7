//! One record as one line of JSON, in the shape that [`Record`] documents, and back.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::{
    history::{Record, Seen},
    sample::{Missing, Observed},
};

#[derive(Serialize, Deserialize)]
struct Line {
    t: String,
    #[serde(default)]
    e: Option<f64>,
    r: BTreeMap<SmolStr, BTreeMap<SmolStr, Value>>,
}

/// The line, without its line break. Times have milliseconds.
#[must_use]
pub fn encode(record: &Record) -> String {
    let mut readings: BTreeMap<SmolStr, BTreeMap<SmolStr, Value>> = BTreeMap::new();
    for seen in &record.readings {
        let by_subject = readings.entry(seen.signal.clone()).or_default();
        by_subject.insert(seen.subject.clone(), shown(seen.observed));
    }
    let line = Line {
        t: format!("{:.3}", record.at),
        e: record.elapsed.map(|elapsed| elapsed.as_secs_f64()),
        r: readings,
    };
    serde_json::to_string(&line).unwrap_or_default()
}

/// The record of a line; `None` for anything else.
#[must_use]
pub fn decode(line: &[u8]) -> Option<Record> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let mut readings = Vec::new();
    for (signal, by_subject) in line.r {
        for (subject, value) in by_subject {
            readings.push(Seen {
                signal: signal.clone(),
                subject,
                observed: observed(&value)?,
            });
        }
    }
    Some(Record {
        at: line.t.parse::<Timestamp>().ok()?,
        elapsed: line.e.and_then(|e| Duration::try_from_secs_f64(e).ok()),
        readings,
    })
}

fn shown(observed: Observed) -> Value {
    match observed {
        Observed::Value(value) => value.into(),
        Observed::Implausible(value) => Map::from_iter([("implausible".to_owned(), value.into())]).into(),
        Observed::Missing(why) => serde_json::to_value(why).unwrap_or_default(),
    }
}

fn observed(value: &Value) -> Option<Observed> {
    match value {
        Value::Number(number) => number.as_f64().map(Observed::Value),
        Value::Object(_) => value.get("implausible")?.as_f64().map(Observed::Implausible),
        Value::String(_) => {
            let why = Missing::deserialize(value).unwrap_or(Missing::NoSample);
            Some(Observed::Missing(why))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was() {
        let line = r#"{"t":"2026-11-25T11:00:00.123Z","e":30.0,"r":{"a":{"":1250.5,"x":"first_reading","y":{"implausible":9.0}}}}"#;
        let record = decode(line.as_bytes()).expect("a record");
        assert_eq!(record.readings.len(), 3);
        assert_eq!(encode(&record), line);
        assert_eq!(decode(b"{\"t\":1}"), None);
    }
}
