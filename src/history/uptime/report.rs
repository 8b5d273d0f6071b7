//! What one shows to whoever runs the line: how available devices were in a stretch of time, their outages, and loss
//! and response time against limits. Figures only; words and forms are somebody else's.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Serialize;
use smol_str::SmolStr;

use super::{Ledger, Outage, OutageRecord, Standing, Sums};
use crate::history::{Answered, Error, Query, Reader, Stream};

const LOSS: &str = "ping_loss_ratio";
const ROUND_TRIP: &str = "ping_rtt_seconds";
/// Devices whose signals are read at once.
const TOGETHER: usize = 50;
/// For so long there are summaries of five minutes.
const FINE: Duration = Duration::from_hours(34 * 24);
/// Of more devices than this, hours are looked at: finer ones would take long.
const FEW: usize = 200;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// Begin.
    pub from: Timestamp,
    /// End; not in the future.
    pub to: Timestamp,
    /// Whose days are told.
    pub zone: TimeZone,
    /// What is configured, in the order shown.
    pub devices: Vec<Subject>,
    /// Limits of devices that answer.
    pub limits: Limits,
}

/// A device to tell of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Subject {
    /// Its name.
    #[serde(rename = "device")]
    pub name: SmolStr,
    /// Its group; may be empty.
    pub group: SmolStr,
    /// Its address; empty when it is no longer configured.
    pub address: SmolStr,
    /// The share of the time for which it is to be up.
    #[serde(rename = "slo_ratio")]
    pub slo: Option<f64>,
}

/// Beyond these, a device that answers is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// Share of probes lost.
    #[serde(rename = "loss_ratio")]
    pub loss: f64,
    /// Mean response time in seconds.
    #[serde(rename = "round_trip_seconds")]
    pub round_trip: f64,
}

/// A stretch of time in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Begin.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
    /// Limits at the time of the report.
    pub limits: Limits,
    /// Seconds over which each mean of loss and response time was taken of which `p95` tells.
    pub step_seconds: i64,
    /// By device.
    pub devices: Vec<Line>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Which.
    #[serde(flatten)]
    pub subject: Subject,
    /// Share of the known time in which it was up; `None` when nothing is known.
    pub uptime_ratio: Option<f64>,
    /// Share of the time that is known.
    pub coverage_ratio: f64,
    /// Milliseconds by standing, in the order of [`Standing::ALL`].
    #[serde(rename = "milliseconds")]
    pub sums: Sums,
    /// What the outages were together.
    #[serde(flatten)]
    pub record: OutageRecord,
    /// Seconds it might still have been down; only with an objective.
    pub budget_seconds: Option<f64>,
    /// Share of probes lost; `None` without any probe.
    pub loss: Option<Figure>,
    /// Response time in seconds; `None` without any answer.
    pub round_trip: Option<Figure>,
    /// Each local day.
    pub days: Vec<Day>,
    /// Outages, oldest first.
    pub list: Vec<Outage>,
}

/// A signal in three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// Mean of all interval runs.
    pub mean: f64,
    /// At most this in 95 of 100 means over [`Report::step_seconds`].
    pub p95: f64,
    /// The highest of an interval run.
    pub max: f64,
}

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Day {
    /// Which.
    pub date: Date,
    /// Share of the known time in which the device was up.
    pub uptime_ratio: Option<f64>,
    /// Share of the day, as far as it lies in the stretch, that is known.
    pub coverage_ratio: f64,
    /// Seconds down.
    pub down_seconds: f64,
}

impl Report {
    /// Sums up what `reader` and `ledger` know. Nothing is known behind `until`. May read for long.
    pub fn of(
        request: &Request,
        reader: &Reader,
        ledger: &Ledger,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let window = (request.from, request.to);
        let is_fine = request.devices.len() <= FEW
            && now.duration_since(request.from) <= FINE.try_into().unwrap_or_default();
        let step = if is_fine { 300 } else { 3600 };
        let mut report = Self {
            from: request.from,
            to: request.to,
            limits: request.limits,
            step_seconds: step,
            devices: Vec::with_capacity(request.devices.len()),
        };
        let days = days(window, &request.zone);
        for subjects in request.devices.chunks(TOGETHER) {
            let mut query = Query::new(Stream::Devices, request.from, request.to);
            query.step = Duration::try_from_secs_f64(step as f64).ok();
            query.max_points = usize::MAX;
            query.signals = vec![LOSS.to_owned(), ROUND_TRIP.to_owned()];
            query.subjects = subjects.iter().map(|subject| subject.name.to_string()).collect();
            let answer = reader.query(&query)?;
            report.step_seconds = answer.step_seconds.unwrap_or(step).max(report.step_seconds);
            let figure = |signal: &str, name: &str| {
                let mut series = answer.series.iter();
                series
                    .find(|series| series.signal == signal && series.subject == name)
                    .and_then(Figure::of)
            };
            for subject in subjects {
                let name = subject.name.as_str();
                let sums = ledger.sums(name, window, until);
                let (list, record) = ledger.outages(name, window, until);
                report.devices.push(Line {
                    uptime_ratio: sums.ratio(),
                    coverage_ratio: sums.coverage(),
                    budget_seconds: subject
                        .slo
                        .filter(|_| sums.known() > 0)
                        .map(|slo| sums.budget(slo)),
                    loss: figure(LOSS, name),
                    round_trip: figure(ROUND_TRIP, name),
                    days: days
                        .iter()
                        .map(|(date, day)| Day::of(*date, &ledger.sums(name, *day, until)))
                        .collect(),
                    subject: subject.clone(),
                    sums,
                    record,
                    list,
                });
            }
        }
        Ok(report)
    }
}

impl Day {
    fn of(date: Date, sums: &Sums) -> Self {
        Self {
            date,
            uptime_ratio: sums.ratio(),
            coverage_ratio: sums.coverage(),
            down_seconds: sums.seconds(Standing::Down),
        }
    }
}

impl Figure {
    fn of(series: &Answered) -> Option<Self> {
        let mut means: Vec<f64> = series.points.iter().map(|point| point.mean).collect();
        means.sort_unstable_by(f64::total_cmp);
        let rank = (means.len() * 95).div_ceil(100);
        let count: u64 = series.points.iter().map(|point| point.count).sum();
        let sum: f64 = series
            .points
            .iter()
            .map(|point| point.mean * point.count as f64)
            .sum();
        Some(Self {
            mean: sum / count as f64,
            p95: *means.get(rank.checked_sub(1)?)?,
            max: series
                .points
                .iter()
                .map(|point| point.max)
                .max_by(f64::total_cmp)?,
        })
    }
}

/// Local days of a stretch, each with the part of it that lies in the stretch.
fn days((from, to): (Timestamp, Timestamp), zone: &TimeZone) -> Vec<(Date, (Timestamp, Timestamp))> {
    let mut days = Vec::new();
    let mut date = zone.to_datetime(from).date();
    let begin = |date: Date| date.to_zoned(zone.clone()).ok().map(|day| day.timestamp());
    let mut start = from;
    while start < to {
        let Some(next) = date.checked_add(1.day()).ok() else {
            break;
        };
        let end = begin(next).unwrap_or(to).min(to);
        days.push((date, (start, end.max(start))));
        (date, start) = (next, end.max(start));
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_zone_and_cover_the_stretch() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let at = |text: &str| text.parse::<Timestamp>().expect(text);
        // Clocks go back on the 25th, which has 25 hours.
        let (from, to) = (at("2026-10-24T10:00:00Z"), at("2026-10-26T12:00:00Z"));
        let days = days((from, to), &zone);
        let hours: Vec<_> = days
            .iter()
            .map(|(date, (from, to))| (date.day(), to.duration_since(*from).as_hours()))
            .collect();
        assert_eq!(hours, [(24, 12), (25, 25), (26, 13)]);
        assert!(days.windows(2).all(|pair| pair[0].1.1 == pair[1].1.0));
        assert_eq!(super::days((to, to), &zone), []);
    }
}
