//! `system_data.json`: percentages of CPU, memory and the root filesystem.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Error, Imported, Origin, Timed,
    complaint::{
        Field,
        Form::{Number, Text},
        needed, optional,
    },
    parse, runs, seen,
};
use crate::{
    history::Record,
    sample::{Missing, Observed},
};

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    disk_percent: Option<f64>,
}

impl Timed for Line {
    const FIELDS: &'static [Field] = &[
        needed("timestamp", Text),
        optional("cpu_percent", Number),
        optional("memory_percent", Number),
        optional("disk_percent", Number),
    ];

    fn timestamp(&self) -> &str {
        &self.timestamp
    }
}

pub(super) fn read(content: &[u8], origin: &Origin) -> Result<Imported, Error> {
    let lines: Vec<(Timestamp, Line)> = parse(content, origin)?;
    let times: Vec<Timestamp> = lines.iter().map(|(at, _)| *at).collect();
    let records = lines.iter().zip(runs::elapsed(&times));
    let records = records.map(|((at, line), elapsed)| Record {
        at: *at,
        elapsed,
        readings: vec![
            seen("cpu_usage_ratio", "", share(line.cpu_percent)),
            seen("filesystem_usage_ratio", "/", share(line.disk_percent)),
            seen("memory_usage_ratio", "", share(line.memory_percent)),
        ],
    });
    Ok(Imported {
        read: lines.len(),
        records: records.collect(),
        transitions: Vec::new(),
    })
}

fn share(percent: Option<f64>) -> Observed {
    match percent {
        None => Observed::Missing(Missing::ReadFailed),
        Some(percent) if (0.0..=100.0).contains(&percent) => Observed::Value(percent / 100.0),
        Some(percent) => Observed::Implausible(percent / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_a_share_and_what_cannot_be_one_is_flagged() {
        for (percent, expected) in [
            (Some(12.5), Observed::Value(0.125)),
            (Some(400.0), Observed::Implausible(4.0)),
            (None, Observed::Missing(Missing::ReadFailed)),
        ] {
            assert_eq!(share(percent), expected);
        }
    }
}
