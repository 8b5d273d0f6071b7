//! `network_data.json`: rates of the whole host and the strings that the anomaly detector wrote.
//!
//! Its Mbps are 8 × bytes/s ÷ 1024², and the first record of a run says 0.0 without having measured. That is told by
//! the counters since boot, which are otherwise left out: they are nobody's signal.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Error, Imported, Origin, Timed, alerts,
    complaint::{
        Field,
        Form::{Number, Text, Texts},
        needed, optional,
    },
    parse, runs, seen,
};
use crate::{
    history::Record,
    sample::{Missing, Observed},
};

/// Bytes per second of one of its Mbps.
const BYTES_PER_SECOND: f64 = 1024.0 * 1024.0 / 8.0;

/// Rates from here on are not rounded to 0.0 even with two decimals.
const SHOWS: f64 = 0.01 * BYTES_PER_SECOND;

/// The interface that stands for all of them together.
const ALL: &str = "all";

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    upload_mbps: Option<f64>,
    download_mbps: Option<f64>,
    #[serde(default)]
    bytes_sent: Option<f64>,
    #[serde(default)]
    bytes_recv: Option<f64>,
    #[serde(default)]
    anomalies: Vec<String>,
}

impl Timed for Line {
    const FIELDS: &'static [Field] = &[
        needed("timestamp", Text),
        optional("upload_mbps", Number),
        optional("download_mbps", Number),
        optional("bytes_sent", Number),
        optional("bytes_recv", Number),
        optional("anomalies", Texts),
    ];

    fn timestamp(&self) -> &str {
        &self.timestamp
    }
}

pub(super) fn read(content: &[u8], origin: &Origin) -> Result<Imported, Error> {
    let lines: Vec<(Timestamp, Line)> = parse(content, origin)?;
    let times: Vec<Timestamp> = lines.iter().map(|(at, _)| *at).collect();
    let mut imported = Imported {
        read: lines.len(),
        ..Imported::default()
    };
    let mut before: Option<&Line> = None;
    for ((at, line), elapsed) in lines.iter().zip(runs::elapsed(&times)) {
        let elapsed = elapsed.filter(|elapsed| before.is_some_and(|before| measured(line, before, *elapsed)));
        imported.records.push(record(*at, line, elapsed));
        let anomalies = line.anomalies.iter();
        imported
            .transitions
            .extend(anomalies.map(|text| alerts::moment(*at, "anomaly", text)));
        before = Some(line);
    }
    Ok(imported)
}

/// Whether the rates are a difference to the record before, and not the zeros of a new run.
fn measured(line: &Line, before: &Line, elapsed: Duration) -> bool {
    let zeros = line.upload_mbps == Some(0.0) && line.download_mbps == Some(0.0);
    let counters = [
        (before.bytes_sent, line.bytes_sent),
        (before.bytes_recv, line.bytes_recv),
    ];
    let fits = counters.into_iter().all(|pair| match pair {
        (Some(before), Some(now)) => (0.0..SHOWS).contains(&((now - before) / elapsed.as_secs_f64())),
        _ => true,
    });
    !zeros || fits
}

fn record(at: Timestamp, line: &Line, elapsed: Option<Duration>) -> Record {
    let zeros = line.upload_mbps == Some(0.0) && line.download_mbps == Some(0.0);
    let (receive, transmit) = if elapsed.is_none() && zeros {
        let first = Observed::Missing(Missing::FirstReading);
        (first, first)
    } else {
        (rate(line.download_mbps), rate(line.upload_mbps))
    };
    let total = match (receive, transmit) {
        (Observed::Value(receive), Observed::Value(transmit)) => Observed::Value(receive + transmit),
        (Observed::Value(_), missing) | (missing, _) => missing,
    };
    Record {
        at,
        elapsed,
        readings: vec![
            seen("network_receive_bytes_per_second", ALL, receive),
            seen("network_total_bytes_per_second", "", total),
            seen("network_transmit_bytes_per_second", ALL, transmit),
        ],
    }
}

fn rate(mbps: Option<f64>) -> Observed {
    match mbps {
        Some(mbps) if mbps < 0.0 => Observed::Missing(Missing::CounterReset),
        other => super::observed(other.map(|mbps| mbps * BYTES_PER_SECOND)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn total(record: &Record) -> Observed {
        record.readings[1].observed
    }

    #[test]
    fn rates_are_corrected_and_zeros_of_a_new_run_are_no_rates() {
        let line = |second: u32, mbps: f64, sent: f64| {
            json!({"timestamp": format!("2025-08-12T14:00:{second:02}"), "upload_mbps": 0.0, "download_mbps": mbps,
                   "bytes_sent": 5.0, "bytes_recv": sent, "packets_sent": 1, "packets_recv": 1, "anomalies": []})
        };
        let content = json!([
            line(0, 0.0, 1e9),
            line(10, 12.5e6 * 8.0 / 1024.0 / 1024.0, 2e9),
            line(20, 0.0, 2e9),
            line(30, 0.0, 3e9),
            line(40, 0.0, 1e3),
            line(50, 1.0, 1e3),
        ]);
        let origin = Origin {
            zone: TimeZone::UTC,
            names: HashMap::new(),
        };
        let imported = read(content.to_string().as_bytes(), &origin).expect("a file");
        let totals: Vec<Observed> = imported.records.iter().map(total).collect();
        let first = Observed::Missing(Missing::FirstReading);
        let expected = [
            first,
            Observed::Value(12_500_000.0),
            Observed::Value(0.0),
            first,
            first,
            Observed::Value(131_072.0),
        ];
        assert_eq!(totals, expected);
        let elapsed: Vec<bool> = imported.records.iter().map(|r| r.elapsed.is_some()).collect();
        assert_eq!(elapsed, [false, true, true, false, false, true]);
    }
}
