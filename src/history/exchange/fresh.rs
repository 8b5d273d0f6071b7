//! Imported records among those that are there: what is new is kept, what is known is only counted.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;
use smol_str::SmolStr;

use crate::history::{Record, Stream};

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

/// What is not there yet, each record with the subjects that are new at its time. The Python system wrote one record
/// for each device, so in `devices` each subject of a record counts.
#[must_use]
pub fn fresh(
    stream: Stream,
    existing: impl IntoIterator<Item = Record>,
    imported: Vec<Record>,
) -> (Vec<Record>, Counts) {
    let mut counts = Counts::default();
    let mut known: HashSet<(Timestamp, SmolStr)> = HashSet::new();
    for record in existing {
        let subjects = record.readings.into_iter().map(|seen| seen.subject);
        known.extend(subjects.map(|subject| (record.at, subject)));
    }
    let mut new = Vec::with_capacity(imported.len());
    for mut record in imported {
        let subjects: HashSet<SmolStr> = record.readings.iter().map(|seen| seen.subject.clone()).collect();
        let of_record = subjects.len();
        let mut unknown = subjects;
        unknown.retain(|subject| known.insert((record.at, subject.clone())));
        if stream == Stream::Devices {
            counts.count(unknown.len(), true);
            counts.count(of_record - unknown.len(), false);
        } else {
            counts.count(1, !unknown.is_empty());
        }
        record.readings.retain(|seen| unknown.contains(&seen.subject));
        if !record.readings.is_empty() {
            new.push(record);
        }
    }
    (new, counts)
}

/// The transitions that are not there yet.
#[must_use]
pub fn fresh_transitions(existing: &[Value], imported: Vec<Value>) -> (Vec<Value>, Counts) {
    let mut counts = Counts::default();
    let mut known: HashSet<(Option<Timestamp>, String)> = existing.iter().map(key).collect();
    let mut new = Vec::new();
    for transition in imported {
        let added = known.insert(key(&transition));
        counts.count(1, added);
        if added {
            new.push(transition);
        }
    }
    (new, counts)
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

    fn record(second: u8, devices: &[&str]) -> Record {
        let readings: Vec<String> = devices.iter().map(|name| format!("\"{name}\":1.0")).collect();
        let line = format!(
            "{{\"t\":\"2026-01-01T00:00:{second:02}Z\",\"r\":{{\"device_up\":{{{}}}}}}}",
            readings.join(",")
        );
        Record::decode(line.as_bytes()).expect("a record")
    }

    #[test]
    fn only_what_is_new_is_left_and_what_is_known_is_counted() {
        let existing = [record(10, &["a"]), record(20, &["a"])];
        let imported = vec![record(20, &["a", "b"]), record(15, &["a", "b"])];
        let (new, counts) = fresh(Stream::Devices, existing.clone(), imported.clone());
        assert_eq!(new, [record(20, &["b"]), record(15, &["a", "b"])]);
        assert_eq!((counts.read, counts.added, counts.already_there), (4, 3, 1));
        let (again, counts) = fresh(Stream::Devices, existing.into_iter().chain(new), imported);
        assert_eq!((again, counts.added), (vec![], 0));
    }
}
