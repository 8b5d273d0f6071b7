//! `device_data.json`: one record for each device, grouped into the runs that wrote them.
//!
//! A run ends where a device comes again, or after a silence. Its time is that of its first record.

use jiff::Timestamp;
use serde::Deserialize;
use smol_str::SmolStr;

use super::{
    Error, Imported, Origin, Timed,
    complaint::{
        Field,
        Form::{Number, Text, Truth},
        needed, optional,
    },
    parse, runs, seen,
};
use crate::{
    history::Record,
    sample::{Missing, Observed},
};

/// A run in which nothing is written for this long is over; no probe took that long.
const SILENCE_SECONDS: i64 = 30;

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    ip_address: String,
    is_reachable: bool,
    response_time: Option<f64>,
}

impl Timed for Line {
    const FIELDS: &'static [Field] = &[
        needed("timestamp", Text),
        needed("ip_address", Text),
        needed("is_reachable", Truth),
        optional("response_time", Number),
    ];

    fn timestamp(&self) -> &str {
        &self.timestamp
    }
}

struct Run {
    at: Timestamp,
    last: Timestamp,
    lines: Vec<(SmolStr, Line)>,
}

pub(super) fn read(content: &[u8], origin: &Origin) -> Result<Imported, Error> {
    let lines: Vec<(Timestamp, Line)> = parse(content, origin)?;
    let read = lines.len();
    let runs = group(lines, origin);
    let times: Vec<Timestamp> = runs.iter().map(|run| run.at).collect();
    let records = runs.iter().zip(runs::elapsed(&times));
    let records = records.map(|(run, elapsed)| Record {
        at: run.at,
        elapsed,
        readings: readings(run),
    });
    Ok(Imported {
        read,
        records: records.collect(),
        transitions: Vec::new(),
    })
}

fn group(lines: Vec<(Timestamp, Line)>, origin: &Origin) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, line) in lines {
        let name = origin.names.get(&line.ip_address).cloned();
        let name = name.unwrap_or_else(|| SmolStr::new(&line.ip_address));
        let goes_on = |run: &&mut Run| {
            at.as_second() - run.last.as_second() <= SILENCE_SECONDS
                && run.lines.iter().all(|(known, _)| *known != name)
        };
        if let Some(run) = runs.last_mut().filter(goes_on) {
            run.last = at;
            run.lines.push((name, line));
        } else {
            runs.push(Run {
                at,
                last: at,
                lines: vec![(name, line)],
            });
        }
    }
    runs
}

fn readings(run: &Run) -> Vec<crate::history::Seen> {
    let up = run.lines.iter().map(|(name, line)| {
        let up = f64::from(u8::from(line.is_reachable));
        seen("device_up", name.clone(), Observed::Value(up))
    });
    let rtt = run.lines.iter().map(|(name, line)| {
        let time = line.response_time.filter(|_| line.is_reachable);
        let observed = time.map_or(Observed::Missing(Missing::NoSample), |milliseconds| {
            Observed::Value(milliseconds / 1000.0)
        });
        seen("ping_rtt_seconds", name.clone(), observed)
    });
    up.chain(rtt).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_ends_where_a_device_comes_again_or_after_a_silence() {
        let line = |second: u32, address: &str, time: Option<f64>| {
            json!({"timestamp": format!("2025-08-12T14:{:02}:{:02}", second / 60, second % 60), "ip_address": address,
                   "is_reachable": time.is_some(), "response_time": time})
        };
        let content = json!([
            line(0, "10.0.0.1", Some(2.0)),
            line(1, "10.0.0.2", None),
            line(20, "10.0.0.1", Some(4.0)),
            line(90, "10.0.0.2", None),
        ]);
        let origin = Origin {
            zone: TimeZone::UTC,
            names: HashMap::from([("10.0.0.1".to_owned(), "router".into())]),
        };
        let imported = read(content.to_string().as_bytes(), &origin).expect("a file");
        let sizes: Vec<usize> = imported
            .records
            .iter()
            .map(|run| run.readings.len() / 2)
            .collect();
        assert_eq!((imported.read, sizes), (4, vec![2, 1, 1]));
        let first = &imported.records[0].readings;
        assert_eq!(first[1], seen("device_up", "10.0.0.2", Observed::Value(0.0)));
        assert_eq!(
            first[2],
            seen("ping_rtt_seconds", "router", Observed::Value(0.002))
        );
        let nothing = Observed::Missing(Missing::NoSample);
        assert_eq!(first[3], seen("ping_rtt_seconds", "10.0.0.2", nothing));
    }
}
