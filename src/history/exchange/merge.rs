//! Imported records among those that are there: what is new enters at its time, what is known stays as it is.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;
use smol_str::SmolStr;

use crate::history::{Record, Seen, Stream};

/// What became of records of a file. `read` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Records in the file.
    pub read: usize,
    /// Records that were new.
    pub added: usize,
    /// Records whose time and subject were there already.
    pub already_there: usize,
}

impl Counts {
    fn count(&mut self, records: usize, added: bool) {
        self.read += records;
        if added {
            self.added += records;
        } else {
            self.already_there += records;
        }
    }
}

/// All records in the order of time, without a second one of the same time and subject. The Python system wrote one
/// record for each device, so in `devices` each subject of a record counts.
#[must_use]
pub fn merge(stream: Stream, existing: &[Record], imported: Vec<Record>) -> (Vec<Record>, Counts) {
    let mut counts = Counts::default();
    let mut known: HashSet<(Timestamp, SmolStr)> = HashSet::new();
    let mut places: HashMap<Timestamp, usize> = HashMap::new();
    let mut merged = existing.to_vec();
    for (place, record) in existing.iter().enumerate() {
        places.insert(record.at, place);
        known.extend(
            record
                .readings
                .iter()
                .map(|seen| (record.at, seen.subject.clone())),
        );
    }
    for mut record in imported {
        let subjects: HashSet<SmolStr> = record.readings.iter().map(|seen| seen.subject.clone()).collect();
        let fresh: HashSet<SmolStr> = subjects
            .iter()
            .filter(|subject| known.insert((record.at, (*subject).clone())))
            .cloned()
            .collect();
        if stream == Stream::Devices {
            counts.count(fresh.len(), true);
            counts.count(subjects.len() - fresh.len(), false);
        } else {
            counts.count(1, !fresh.is_empty());
        }
        record.readings.retain(|seen| fresh.contains(&seen.subject));
        enter(record, &mut merged, &mut places);
    }
    merged.sort_by_key(|record| record.at);
    (merged, counts)
}

/// Adds what is left of a record, to the one of its time if there is one.
fn enter(record: Record, merged: &mut Vec<Record>, places: &mut HashMap<Timestamp, usize>) {
    if record.readings.is_empty() {
        return;
    }
    let there: Option<&mut Vec<Seen>> = places
        .get(&record.at)
        .and_then(|place| merged.get_mut(*place))
        .map(|record| &mut record.readings);
    if let Some(readings) = there {
        readings.extend(record.readings);
    } else {
        places.insert(record.at, merged.len());
        merged.push(record);
    }
}

/// All transitions of alerts in the order of time, without a second one of the same time and alert.
#[must_use]
pub fn merge_transitions(existing: &[Value], imported: Vec<Value>) -> (Vec<Value>, Counts) {
    let mut counts = Counts::default();
    let mut known: HashSet<(Option<Timestamp>, String)> = existing.iter().map(key).collect();
    let mut merged = existing.to_vec();
    for transition in imported {
        let added = known.insert(key(&transition));
        counts.count(1, added);
        if added {
            merged.push(transition);
        }
    }
    merged.sort_by_key(time);
    (merged, counts)
}

fn key(transition: &Value) -> (Option<Timestamp>, String) {
    let id = transition.get("id").and_then(Value::as_str);
    (time(transition), id.unwrap_or_default().to_owned())
}

/// When a transition was.
#[must_use]
pub fn time(transition: &Value) -> Option<Timestamp> {
    let at = transition.get("t").or_else(|| transition.get("at"))?;
    at.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::exchange::line;

    fn record(second: u8, devices: &[&str]) -> Record {
        let readings: Vec<String> = devices.iter().map(|name| format!("\"{name}\":1.0")).collect();
        let line = format!(
            "{{\"t\":\"2026-01-01T00:00:{second:02}Z\",\"r\":{{\"device_up\":{{{}}}}}}}",
            readings.join(",")
        );
        line::decode(line.as_bytes()).expect("a record")
    }

    #[test]
    fn what_is_new_enters_at_its_time_and_what_is_known_is_counted() {
        let existing = [record(10, &["a"]), record(20, &["a"])];
        let imported = vec![record(20, &["a", "b"]), record(15, &["a", "b"])];
        let (merged, counts) = merge(Stream::Devices, &existing, imported.clone());
        let expected = [
            record(10, &["a"]),
            record(15, &["a", "b"]),
            record(20, &["a", "b"]),
        ];
        assert_eq!(merged, expected);
        assert_eq!((counts.read, counts.added, counts.already_there), (4, 3, 1));
        let (again, counts) = merge(Stream::Devices, &merged, imported);
        assert_eq!((again, counts.added), (merged, 0));
    }
}
