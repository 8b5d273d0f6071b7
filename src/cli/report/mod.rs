//! `report`: how available devices were, to be shown to whoever runs the line.

mod csv;
mod html;

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::json;
use smol_str::SmolStr;

use super::{
    answer::{Answer, Exit},
    flags::Flags,
    history::{Place, place, reader},
    times::Times,
};
use crate::{
    app::{chain, hold},
    clock::Clock,
    history::{
        Error, Stream,
        uptime::report::{Limits, Report, Request as Asked, Subject},
    },
};

pub(super) const EXAMPLES: &str = "\
Examples:
  netkestrel report --month 2026-10 --output october.html
  netkestrel report --from 2026-10-01 --to 2026-10-15 --format csv > october.csv

Without times it tells of the last 30 days. Months and days are those of `timezone`. Time in which nothing could be
known is no part of availability; how much was known is shown as coverage.";

/// How far back it looks unless told.
const USUAL: Duration = Duration::from_hours(30 * 24);

/// What to report.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Month to report, such as `2026-10`
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["from", "to"], value_parser = month)]
    month: Option<Date>,
    #[command(flatten)]
    times: Times,
    /// Form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Kind,
    /// File to write instead of standard output; it appears when it is whole
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Kind {
    /// One page that opens anywhere and prints on A4
    #[default]
    Html,
    /// One device a row
    Csv,
    /// Everything, for programs
    Json,
}

/// The first day of the month.
fn month(text: &str) -> Result<Date, String> {
    let refuse = || "accepted: a year and a month, such as `2026-10`".to_owned();
    let is_month = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
    let date = is_month.then(|| format!("{text}-01").parse().ok()).flatten();
    date.ok_or_else(refuse)
}

pub(super) fn answer(flags: &Flags, request: &Request) -> Answer {
    let place = match place(flags).and_then(|place| place.must_exist().map(|()| place)) {
        Ok(place) => place,
        Err(refusal) => return refusal,
    };
    let now = Clock::System.now().wall;
    let (from, to) = match request.window(now, &place.zone()) {
        Ok(window) => window,
        Err(refusal) => return refusal,
    };
    let report = match report(&place, (from, to), now) {
        Ok(report) => report,
        Err(error) => return failure(&format_args!("{}", chain(&error))),
    };
    let written = match request.format {
        Kind::Html => html::write(&report, &place.zone(), now).map_err(|error| chain(&error)),
        Kind::Csv => csv::write(&report).map_err(|error| chain(&error)),
        Kind::Json => Ok(format!("{:#}\n", json!(report))),
    };
    match (written, &request.output) {
        (Err(error), _) => failure(&format_args!("write the report: {error}")),
        (Ok(text), None) => Answer::fine(text),
        (Ok(text), Some(path)) => match save(path, text.as_bytes()) {
            Ok(()) => Answer::fine(String::new()),
            Err(error) => failure(&format_args!("write {}: {error}", path.display())),
        },
    }
}

fn failure(what: &std::fmt::Arguments<'_>) -> Answer {
    Answer::failure(Exit::WorldsFault, format_args!("failed to {what}"))
}

impl Request {
    /// The stretch that is asked for, as far as it has passed.
    fn window(&self, now: Timestamp, zone: &TimeZone) -> Result<(Timestamp, Timestamp), Answer> {
        let refuse = |text: String| Answer::failure(Exit::UsersFault, text);
        let (from, to) = if let Some(first) = self.month {
            let moment = |date: Date| date.to_zoned(zone.clone()).map(|day| day.timestamp());
            let next = first.checked_add(1.month());
            let window = next.and_then(|next| Ok((moment(first)?, moment(next)?)));
            window.map_err(|error| refuse(format!("--month: {error}")))?
        } else {
            let range = self.times.range(now, zone)?;
            let to = range.to.unwrap_or(now);
            let usual = || to.checked_sub(USUAL).unwrap_or(Timestamp::MIN);
            (range.from.unwrap_or_else(usual), to)
        };
        if from >= now {
            let from = super::times::full(from, zone);
            return Err(refuse(format!(
                "there is nothing to report yet: it would begin at {from}"
            )));
        }
        Ok((from, to.min(now)))
    }
}

fn report(place: &Place, (from, to): (Timestamp, Timestamp), now: Timestamp) -> Result<Report, Error> {
    let reader = reader(place, &[Stream::Devices])?;
    let ledger = reader.ledger(None)?;
    let until = reader.known_until(&ledger, hold(&place.config), now);
    let config = &place.config.collectors.devices;
    let mut devices: Vec<Subject> = config
        .watched()
        .map(|target| Subject {
            name: target.display_name().into(),
            group: target.group.as_str().into(),
            address: target.address.as_str().into(),
            slo: target.slo.map(|slo| slo.0),
        })
        .collect();
    // Devices that came by themselves, or are no longer configured, as far as something is known of them.
    let listed: BTreeSet<SmolStr> = devices.iter().map(|device| device.name.clone()).collect();
    let others = ledger.devices().filter(|device| {
        !listed.contains(device.as_str()) && ledger.sums(device, (from, to), until).known() > 0
    });
    devices.extend(others.map(|device| Subject {
        name: device.clone(),
        ..Subject::default()
    }));
    let asked = Asked {
        from,
        to,
        zone: place.zone(),
        devices,
        limits: Limits {
            loss: config.degraded.loss.0,
            round_trip: config.degraded.rtt.as_secs_f64(),
        },
    };
    Report::of(&asked, &reader, &ledger, until, now)
}

fn save(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
