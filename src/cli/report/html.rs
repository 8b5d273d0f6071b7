//! The report as one page: no script, nothing from elsewhere, light, and made for paper.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use minijinja::{AutoEscape, Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use crate::{
    build, figures,
    history::uptime::{
        Outage, Standing,
        report::{Day, Figure, Limits, Line, Report},
    },
};

const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("report.html");
/// Outages that are listed of one device; the rest is counted.
const LISTED: usize = 200;

pub(super) fn write(report: &Report, zone: &TimeZone, now: Timestamp) -> Result<String, minijinja::Error> {
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    let mut environment = Environment::new();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template(NAME, TEMPLATE)?;
    let local = |at| local(at, zone);
    let devices = report.devices.iter();
    let page = Page {
        from: local(report.from),
        to: local(report.to),
        zone: zone_name(zone, report.from, report.to),
        made: local(now),
        version: build::VERSION,
        loss_limit: figures::percent(report.limits.loss),
        round_trip_limit: seconds_short(report.limits.round_trip),
        step: figures::since(Duration::from_secs(report.step_seconds.unsigned_abs())),
        is_any_slo: report.devices.iter().any(|line| line.subject.slo.is_some()),
        devices: devices.map(|line| Shown::of(line, report.limits, zone)).collect(),
    };
    environment.get_template(NAME)?.render(Serde(&page))
}

/// What the template shows.
#[derive(Serialize)]
struct Page {
    from: String,
    to: String,
    zone: String,
    made: String,
    version: &'static str,
    loss_limit: String,
    round_trip_limit: String,
    step: String,
    is_any_slo: bool,
    devices: Vec<Shown>,
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// The zone and how far its clocks are from UTC at both ends.
fn zone_name(zone: &TimeZone, from: Timestamp, to: Timestamp) -> String {
    let offset = |at: Timestamp| at.to_zoned(zone.clone()).strftime("UTC%:z").to_string();
    let name = zone.iana_name().unwrap_or("local time");
    let (begin, end) = (offset(from), offset(to));
    if begin == end {
        format!("{name}, {begin}")
    } else {
        format!("{name}, {begin} at the beginning and {end} at the end")
    }
}

/// A device as the page shows it.
#[derive(Serialize)]
struct Shown {
    name: String,
    details: String,
    uptime: String,
    coverage: String,
    is_covered: bool,
    down: String,
    outages: u64,
    longest: String,
    mttr: String,
    mtbf: String,
    slo: String,
    budget: String,
    has_objective: bool,
    is_missed: bool,
    loss: Option<Three>,
    round_trip: Option<Three>,
    parts: Vec<(&'static str, String)>,
    days: Vec<Cell>,
    list: Vec<Listed>,
    unlisted: usize,
}

#[derive(Serialize)]
struct Three {
    mean: String,
    p95: String,
    max: String,
    is_beyond: bool,
}

#[derive(Serialize)]
struct Cell {
    day: i8,
    class: &'static str,
    title: String,
}

#[derive(Serialize)]
struct Listed {
    start: String,
    end: String,
    down: String,
    cause: String,
}

const NONE: &str = "–";

impl Shown {
    fn of(line: &Line, limits: Limits, zone: &TimeZone) -> Self {
        let subject = &line.subject;
        let details = [subject.address.as_str(), subject.group.as_str()];
        let details: Vec<&str> = details.into_iter().filter(|text| !text.is_empty()).collect();
        let record = &line.record;
        let span = |seconds: Option<f64>| seconds.map_or_else(|| NONE.to_owned(), long);
        let parts = Standing::ALL
            .into_iter()
            .map(|standing| (standing.name(), line.sums.seconds(standing)));
        Self {
            name: subject.name.to_string(),
            details: details.join(", "),
            uptime: line.uptime_ratio.map_or_else(|| NONE.to_owned(), precise),
            coverage: precise(line.coverage_ratio),
            is_covered: line.coverage_ratio >= 0.95,
            down: long(line.sums.seconds(Standing::Down)),
            outages: record.outages,
            longest: span(record.longest_seconds),
            mttr: span(record.mttr_seconds),
            mtbf: span(record.mtbf_seconds),
            slo: subject.slo.map_or_else(|| NONE.to_owned(), precise),
            budget: line.budget_seconds.map_or_else(
                || NONE.to_owned(),
                |budget| {
                    let word = if budget < 0.0 { "−" } else { "" };
                    format!("{word}{}", long(budget.abs()))
                },
            ),
            has_objective: subject.slo.is_some(),
            is_missed: line.budget_seconds.is_some_and(|budget| budget < 0.0),
            loss: line
                .loss
                .map(|figure| Three::of(figure, limits.loss, figures::percent)),
            round_trip: line
                .round_trip
                .map(|figure| Three::of(figure, limits.round_trip, seconds_short)),
            parts: parts
                .filter(|(_, seconds)| *seconds > 0.0)
                .map(|(name, seconds)| (name, long(seconds)))
                .collect(),
            days: line.days.iter().map(Cell::of).collect(),
            list: line
                .list
                .iter()
                .take(LISTED)
                .map(|outage| Listed::of(outage, zone))
                .collect(),
            unlisted: line.list.len().saturating_sub(LISTED),
        }
    }
}

impl Three {
    fn of(figure: Figure, limit: f64, show: fn(f64) -> String) -> Self {
        Self {
            mean: show(figure.mean),
            p95: show(figure.p95),
            max: show(figure.max),
            is_beyond: figure.p95 > limit,
        }
    }
}

impl Cell {
    fn of(day: &Day) -> Self {
        let date = day.date;
        let (class, title) = match day.uptime_ratio {
            None => ("unknown", format!("{date}: nothing known")),
            Some(_) if day.down_seconds > 0.0 => {
                let is_long = day.down_seconds >= 3600.0;
                let class = if is_long { "bad" } else { "some" };
                (class, format!("{date}: down for {}", long(day.down_seconds)))
            }
            Some(_) if day.coverage_ratio < 0.5 => (
                "part",
                format!(
                    "{date}: no outage in the {} that is known",
                    figures::percent(day.coverage_ratio)
                ),
            ),
            Some(_) => ("good", format!("{date}: no outage")),
        };
        Self {
            day: date.day(),
            class,
            title,
        }
    }
}

impl Listed {
    fn of(outage: &Outage, zone: &TimeZone) -> Self {
        Self {
            start: local(outage.start, zone),
            end: outage
                .end
                .map_or_else(|| "lasts".to_owned(), |end| local(end, zone)),
            down: long(outage.down as f64 / 1e3),
            cause: outage.cause.to_string(),
        }
    }
}

/// Percent with three decimals, cut off: what was down for a moment is not 100 %.
fn precise(ratio: f64) -> String {
    format!("{:.3} %", (ratio * 100_000.0 + 1e-6).floor() / 1000.0)
}

fn long(seconds: f64) -> String {
    figures::since(Duration::try_from_secs_f64(seconds.round()).unwrap_or_default())
}

fn seconds_short(seconds: f64) -> String {
    figures::span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
