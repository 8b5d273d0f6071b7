//! The report as a table: one device a row.

use crate::history::uptime::{
    Standing,
    report::{Figure, Line, Report},
};

const COLUMNS: [&str; 24] = [
    "device",
    "group",
    "address",
    "from",
    "to",
    "uptime_ratio",
    "coverage_ratio",
    "up_seconds",
    "down_seconds",
    "unreachable_seconds",
    "unknown_seconds",
    "maintenance_seconds",
    "paused_seconds",
    "outages",
    "longest_seconds",
    "mttr_seconds",
    "mtbf_seconds",
    "slo_ratio",
    "loss_mean",
    "loss_p95",
    "loss_max",
    "round_trip_mean_seconds",
    "round_trip_p95_seconds",
    "round_trip_max_seconds",
];

pub(super) fn write(report: &Report) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for line in &report.devices {
        writer.write_record(row(report, line))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn row(report: &Report, line: &Line) -> [String; COLUMNS.len()] {
    let subject = &line.subject;
    let maybe = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let seconds = |standing| line.sums.seconds(standing).to_string();
    let figure = |figure: Option<Figure>, part: fn(Figure) -> f64| maybe(figure.map(part));
    [
        subject.name.to_string(),
        subject.group.to_string(),
        subject.address.to_string(),
        report.from.to_string(),
        report.to.to_string(),
        maybe(line.uptime_ratio),
        line.coverage_ratio.to_string(),
        seconds(Standing::Up),
        seconds(Standing::Down),
        seconds(Standing::Unreachable),
        seconds(Standing::Unknown),
        seconds(Standing::Maintenance),
        seconds(Standing::Paused),
        line.record.outages.to_string(),
        maybe(line.record.longest_seconds),
        maybe(line.record.mttr_seconds),
        maybe(line.record.mtbf_seconds),
        maybe(subject.slo),
        figure(line.loss, |figure| figure.mean),
        figure(line.loss, |figure| figure.p95),
        figure(line.loss, |figure| figure.max),
        figure(line.round_trip, |figure| figure.mean),
        figure(line.round_trip, |figure| figure.p95),
        figure(line.round_trip, |figure| figure.max),
    ]
}
