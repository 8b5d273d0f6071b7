//! `analyze`: the last hours summed up.

use std::io;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Form,
    answer::{Answer, Exit},
    flags::Flags,
    history::{Place, place, reader, records, transitions},
    table::{Side, table},
    times::{Range, Times},
};
use crate::{
    app::{Full, chain, filesystems, hold},
    clock::Clock,
    figures::{self, Unit},
    history::{self, Analysis, Analyzer, Availability, Reader, Stream, Window, uptime::Standing},
    trend::Forecast,
};

/// Hours of the day that are shown to people.
const BUSIEST: usize = 5;

/// What to sum up.
#[derive(clap::Args)]
pub(super) struct Request {
    /// How many hours back
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=87_600),
          conflicts_with_all = ["from", "to"])]
    hours: u32,
    #[command(flatten)]
    times: Times,
}

impl Request {
    /// The stretch that is asked for: up to now, and as many hours, unless the flags say otherwise.
    fn window(&self, place: &Place) -> Result<Window, Answer> {
        let now = Clock::System.now().wall;
        let range = self.times.range(now, &place.zone())?;
        let to = range.to.unwrap_or(now.max(range.from.unwrap_or(now)));
        let back = jiff::SignedDuration::from_hours(self.hours.into());
        let usual = || to.saturating_sub(back).unwrap_or(Timestamp::MIN);
        let from = range.from.unwrap_or_else(usual);
        Ok(Window { from, to })
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Open(#[from] history::Error),
    #[error("read the history")]
    Read(#[from] io::Error),
}

pub(super) fn answer(flags: &Flags, request: &Request, form: Form) -> Answer {
    let place = match place(flags) {
        Ok(place) => place,
        Err(refusal) => return refusal,
    };
    let window = match place.must_exist().and_then(|()| request.window(&place)) {
        Ok(window) => window,
        Err(refusal) => return refusal,
    };
    match (analyze(&place, window), form) {
        (Err(error), _) => Answer::failure(Exit::WorldsFault, format_args!("failed to {}", chain(&error))),
        (Ok((analysis, fulls)), Form::Text) => Answer::fine(text(&analysis, &fulls, &place.zone())),
        (Ok((analysis, fulls)), Form::Json) => {
            let mut value = serde_json::to_value(&analysis).unwrap_or_default();
            value["filesystems"] = fulls.iter().map(as_json).collect();
            Answer::fine(format!("{value:#}\n"))
        }
    }
}

/// What was, and what is to be expected at the end of it.
fn analyze(place: &Place, window: Window) -> Result<(Analysis, Vec<Full>), Error> {
    let range = Range {
        from: Some(window.from),
        to: Some(window.to),
    };
    let mut analyzer = Analyzer::new(window, place.zone());
    let reader = reader(place, &Stream::ALL)?;
    for stream in [Stream::Bandwidth, Stream::System, Stream::Devices] {
        for record in records(&reader, stream, range)? {
            analyzer.record(stream, &record?);
        }
    }
    for transition in transitions(&reader, range)? {
        analyzer.transition(&transition);
    }
    let mut analysis = analyzer.finish();
    from_transitions(&mut analysis, place, &reader)?;
    Ok((analysis, filesystems(&reader, window.to)?))
}

/// Availability as the log of transitions has it, which is exact, unless the records know of more time: they may have
/// been imported, or be older than the log.
fn from_transitions(analysis: &mut Analysis, place: &Place, reader: &Reader) -> Result<(), Error> {
    let ledger = reader.ledger(None)?;
    let until = reader.known_until(&ledger, hold(&place.config), Clock::System.now().wall);
    let Window { from, to } = analysis.window;
    for device in ledger.devices() {
        let sums = ledger.sums(device, (from, to), until);
        let Some(ratio) = sums.ratio() else { continue };
        let exact = Availability {
            device: device.clone(),
            ratio,
            coverage: sums.coverage(),
            down_seconds: sums.seconds(Standing::Down),
        };
        let mut known = analysis.devices.iter_mut();
        match known.find(|known| known.device == *device) {
            Some(known) if known.coverage > exact.coverage => {}
            Some(known) => *known = exact,
            None => analysis.devices.push(exact),
        }
    }
    analysis
        .devices
        .sort_by(|one, other| one.device.cmp(&other.device));
    Ok(())
}

fn text(analysis: &Analysis, fulls: &[Full], zone: &TimeZone) -> String {
    let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let Window { from, to } = analysis.window;
    let mut text = format!("From {} to {}\n", local(from), local(to));
    let parts = [
        ("Signals", signals(analysis, &local)),
        ("Forecast", forecasts(fulls)),
        ("Availability", availability(analysis)),
        ("Busiest hours of the day", hours(analysis)),
        ("Alerts", alerts(analysis)),
    ];
    let (mut nothing, head) = (true, text.clone());
    for (title, part) in parts {
        if let Some(part) = part {
            nothing = false;
            text.extend(["\n", title, "\n", &part]);
        }
    }
    if nothing {
        return format!("{head}Nothing was recorded.\n");
    }
    text
}

fn signals(analysis: &Analysis, local: &impl Fn(Timestamp) -> String) -> Option<String> {
    let rows = analysis
        .signals
        .iter()
        .filter(|summary| summary.signal != "device_up");
    let rows = rows.map(|summary| {
        let unit = Unit::of(&summary.signal);
        [
            summary.signal.to_string(),
            printable(&summary.subject),
            unit.show(summary.mean),
            unit.show(summary.p95),
            unit.show(summary.max.value),
            local(summary.max.at),
        ]
    });
    let columns = [
        ("signal", Side::Left),
        ("subject", Side::Left),
        ("average", Side::Right),
        ("95 %", Side::Right),
        ("peak", Side::Right),
        ("at", Side::Left),
    ];
    filled(columns, &rows.collect::<Vec<_>>())
}

fn forecasts(fulls: &[Full]) -> Option<String> {
    let rows = fulls.iter().map(|full| {
        let [earliest, likely, latest] = match full.forecast {
            Forecast::Never => ["", "not in sight", ""].map(str::to_owned),
            Forecast::Reached => ["now"; 3].map(str::to_owned),
            Forecast::In {
                earliest,
                likely,
                latest,
            } => {
                let latest = latest.map_or_else(|| "never".to_owned(), figures::since);
                [figures::since(earliest), figures::since(likely), latest]
            }
        };
        [printable(&full.mount), likely, earliest, latest]
    });
    let columns = [
        ("filesystem", Side::Left),
        ("full in", Side::Right),
        ("hardly before", Side::Right),
        ("hardly after", Side::Right),
    ];
    filled(columns, &rows.collect::<Vec<_>>())
}

/// `null` stands for never.
fn as_json(full: &Full) -> serde_json::Value {
    let [earliest, likely, latest] = match full.forecast {
        Forecast::Never => [None; 3],
        Forecast::Reached => [Some(0.0); 3],
        Forecast::In {
            earliest,
            likely,
            latest,
        } => [Some(earliest), Some(likely), latest].map(|time| time.map(|time| time.as_secs_f64().round())),
    };
    serde_json::json!({
        "mountpoint": full.mount, "full_seconds": likely,
        "full_seconds_earliest": earliest, "full_seconds_latest": latest,
    })
}

fn availability(analysis: &Analysis) -> Option<String> {
    let rows = analysis.devices.iter().map(|device| {
        let down = std::time::Duration::try_from_secs_f64(device.down_seconds).unwrap_or_default();
        [
            printable(&device.device),
            format!("{:.3} %", device.ratio * 100.0),
            figures::since(down),
            figures::percent(device.coverage),
        ]
    });
    let columns = [
        ("device", Side::Left),
        ("up", Side::Right),
        ("down for", Side::Right),
        ("known", Side::Right),
    ];
    filled(columns, &rows.collect::<Vec<_>>())
}

fn hours(analysis: &Analysis) -> Option<String> {
    let rows = analysis.hours.iter().take(BUSIEST).map(|hour| {
        [
            format!("{:02}:00", hour.hour),
            figures::rate(hour.mean),
            figures::rate(hour.max),
        ]
    });
    let columns = [
        ("hour", Side::Left),
        ("average", Side::Right),
        ("peak", Side::Right),
    ];
    filled(columns, &rows.collect::<Vec<_>>())
}

fn alerts(analysis: &Analysis) -> Option<String> {
    let rows = analysis.alerts.iter().map(|alerts| {
        [
            printable(&alerts.rule),
            printable(&alerts.severity),
            alerts.fired.to_string(),
            alerts.resolved.to_string(),
        ]
    });
    let columns = [
        ("rule", Side::Left),
        ("severity", Side::Left),
        ("fired", Side::Right),
        ("resolved", Side::Right),
    ];
    filled(columns, &rows.collect::<Vec<_>>())
}

/// `None` instead of a head without rows.
fn filled<const N: usize>(columns: [(&str, Side); N], rows: &[[String; N]]) -> Option<String> {
    (!rows.is_empty()).then(|| table(columns, rows))
}

/// Names come from outside: what would move a terminal's cursor is shown, not sent.
fn printable(name: &str) -> String {
    let clean = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    name.chars().map(clean).collect()
}
