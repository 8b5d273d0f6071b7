//! A stretch of history summed up: averages, peaks, availability, busiest hours, alerts. Pure: records and
//! transitions in, one [`Analysis`] out. Values that cannot be right count as missing.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;
use smol_str::SmolStr;

use super::{Record, Stream, exchange::transition_time};
use crate::sample::Observed;

/// The signal by which hours are busy.
const BUSY: &str = "network_total_bytes_per_second";

/// The signal by which devices are available.
const AVAILABILITY: &str = "device_up";

/// A stretch of time: from its begin on, up to and with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Begin.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
}

impl Window {
    fn holds(self, at: Timestamp) -> bool {
        at > self.from && at <= self.to
    }

    fn seconds(self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64()
    }
}

/// A stretch of history in few numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// What was looked at.
    pub window: Window,
    /// Every signal of every subject, by stream.
    pub signals: Vec<Summary>,
    /// Every device that had a state at some time.
    pub devices: Vec<Availability>,
    /// Local hours of the day with traffic, the busiest first.
    pub hours: Vec<Traffic>,
    /// Alerts by rule and severity.
    pub alerts: Vec<Alerts>,
}

/// One signal of one subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Where it is recorded.
    pub stream: Stream,
    /// Name of the signal.
    pub signal: SmolStr,
    /// The subject; empty for the host.
    pub subject: SmolStr,
    /// Values.
    pub count: usize,
    /// Readings without a value, or with one that cannot be right.
    pub missing: usize,
    /// Average of the values.
    pub mean: f64,
    /// At most this in 95 of 100 values.
    pub p95: f64,
    /// Highest value.
    pub max: Extreme,
    /// Lowest value.
    pub min: Extreme,
}

/// A highest or lowest value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Extreme {
    /// The value.
    pub value: f64,
    /// When it was first seen.
    pub at: Timestamp,
}

/// How much of the time a device was up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Availability {
    /// Name of the device.
    pub device: SmolStr,
    /// Share of the known time in which it was up.
    pub ratio: f64,
    /// Share of the whole time in which its state was known.
    pub coverage: f64,
    /// Seconds it was down.
    pub down_seconds: f64,
}

/// Traffic of one hour of the day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Traffic {
    /// Local hour, 0 to 23.
    pub hour: i8,
    /// Mean rate of the host in bytes per second.
    pub mean: f64,
    /// Highest rate.
    pub max: f64,
    /// Values behind them.
    pub count: usize,
}

/// Alerts of one rule and severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alerts {
    /// Name of the rule.
    pub rule: String,
    /// Severity at the time.
    pub severity: String,
    /// How many began to fire.
    pub fired: usize,
    /// How many ended.
    pub resolved: usize,
}

impl Analysis {
    /// Sums up everything within the window.
    pub fn of(
        window: Window,
        zone: &TimeZone,
        records: impl IntoIterator<Item = (Stream, Record)>,
        transitions: impl IntoIterator<Item = Value>,
    ) -> Self {
        let mut analyzer = Analyzer::new(window, zone.clone());
        for (stream, record) in records {
            analyzer.record(stream, &record);
        }
        for transition in transitions {
            analyzer.transition(&transition);
        }
        analyzer.finish()
    }
}

/// Takes one record after another, for those who read them from a file.
#[derive(Debug)]
pub struct Analyzer {
    window: Window,
    zone: TimeZone,
    signals: BTreeMap<(&'static str, SmolStr, SmolStr), Values>,
    devices: BTreeMap<SmolStr, Known>,
    hours: BTreeMap<i8, Traffic>,
    alerts: BTreeMap<(String, String), (usize, usize)>,
}

#[derive(Debug)]
struct Values {
    stream: Stream,
    plausible: Vec<f64>,
    missing: usize,
    max: Option<Extreme>,
    min: Option<Extreme>,
}

#[derive(Debug, Default)]
struct Known {
    seconds: f64,
    up: f64,
}

impl Analyzer {
    /// Looks at what is within the window; hours are those of the zone.
    #[must_use]
    pub fn new(window: Window, zone: TimeZone) -> Self {
        Self {
            window,
            zone,
            signals: BTreeMap::new(),
            devices: BTreeMap::new(),
            hours: BTreeMap::new(),
            alerts: BTreeMap::new(),
        }
    }

    /// Takes a record in; one outside the window is passed over.
    pub fn record(&mut self, stream: Stream, record: &Record) {
        if !self.window.holds(record.at) {
            return;
        }
        for seen in &record.readings {
            let key = (stream.name(), seen.signal.clone(), seen.subject.clone());
            let values = self.signals.entry(key).or_insert_with(|| Values::of(stream));
            let Observed::Value(value) = seen.observed else {
                values.missing += 1;
                continue;
            };
            values.add(value, record.at);
            match seen.signal.as_str() {
                AVAILABILITY => self.device(&seen.subject, value, record),
                BUSY => self.hour(value, record.at),
                _ => {}
            }
        }
    }

    /// A state holds for the time since the run before, or what of it lies in the window.
    fn device(&mut self, device: &SmolStr, value: f64, record: &Record) {
        let within = record.at.duration_since(self.window.from).as_secs_f64();
        let seconds = record.elapsed.unwrap_or_default().as_secs_f64().min(within);
        let known = self.devices.entry(device.clone()).or_default();
        known.seconds += seconds;
        known.up += seconds * value;
    }

    fn hour(&mut self, rate: f64, at: Timestamp) {
        let hour = self.zone.to_datetime(at).hour();
        let fresh = Traffic {
            hour,
            mean: 0.0,
            max: rate,
            count: 0,
        };
        let known = self.hours.entry(hour).or_insert(fresh);
        known.count += 1;
        known.mean += (rate - known.mean) / known.count as f64;
        known.max = known.max.max(rate);
    }

    /// Takes a transition of an alert in; one outside the window is passed over.
    pub fn transition(&mut self, transition: &Value) {
        if !transition_time(transition).is_some_and(|at| self.window.holds(at)) {
            return;
        }
        let text = |key: &str| transition.get(key).and_then(Value::as_str);
        let (from, to) = (text("from"), text("to"));
        let begins = matches!(from, None | Some("pending"));
        // What is new and over at once was known by one moment only, and did both.
        let fired = begins && (to != Some("pending")) && (from.is_none() || to != Some("resolved"));
        let resolved = to == Some("resolved") && from != Some("pending");
        if fired || resolved {
            let word = |key| text(key).unwrap_or_default().to_owned();
            let counts = self.alerts.entry((word("rule"), word("severity"))).or_default();
            counts.0 += usize::from(fired);
            counts.1 += usize::from(resolved);
        }
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Analysis {
        let seconds = self.window.seconds();
        let signals = self.signals.into_iter();
        let signals = signals.filter_map(|((_, signal, subject), values)| values.sum_up(signal, subject));
        let devices = self.devices.into_iter().filter(|(_, known)| known.seconds > 0.0);
        let devices = devices.map(|(device, known)| Availability {
            device,
            ratio: known.up / known.seconds,
            coverage: (known.seconds / seconds).min(1.0),
            down_seconds: known.seconds - known.up,
        });
        let mut hours: Vec<Traffic> = self.hours.into_values().collect();
        hours.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        let alerts = self.alerts.into_iter();
        let alerts = alerts.map(|((rule, severity), (fired, resolved))| Alerts {
            rule,
            severity,
            fired,
            resolved,
        });
        Analysis {
            window: self.window,
            signals: signals.collect(),
            devices: devices.collect(),
            hours,
            alerts: alerts.collect(),
        }
    }
}

impl Values {
    const fn of(stream: Stream) -> Self {
        Self {
            stream,
            plausible: Vec::new(),
            missing: 0,
            max: None,
            min: None,
        }
    }

    fn add(&mut self, value: f64, at: Timestamp) {
        self.plausible.push(value);
        let extreme = Extreme { value, at };
        if self.max.is_none_or(|max| value > max.value) {
            self.max = Some(extreme);
        }
        if self.min.is_none_or(|min| value < min.value) {
            self.min = Some(extreme);
        }
    }

    /// `None` without any value.
    fn sum_up(mut self, signal: SmolStr, subject: SmolStr) -> Option<Summary> {
        self.plausible.sort_unstable_by(f64::total_cmp);
        let count = self.plausible.len();
        let rank = (count * 95).div_ceil(100);
        Some(Summary {
            stream: self.stream,
            signal,
            subject,
            count,
            missing: self.missing,
            mean: self.plausible.iter().sum::<f64>() / count as f64,
            p95: *self.plausible.get(rank.checked_sub(1)?)?,
            max: self.max?,
            min: self.min?,
        })
    }
}

#[cfg(test)]
#[path = "analysis_tests.rs"]
mod tests;
