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
    app::{chain, hold},
    clock::Clock,
    figures::{self, Unit},
    history::{self, Analysis, Analyzer, Availability, Reader, Stream, Window, uptime::Standing},
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
        (Ok(analysis), Form::Text) => Answer::fine(text(&analysis, &place.zone())),
        (Ok(analysis), Form::Json) => {
            let value = serde_json::to_value(&analysis).unwrap_or_default();
            Answer::fine(format!("{value:#}\n"))
        }
    }
}

fn analyze(place: &Place, window: Window) -> Result<Analysis, Error> {
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
    Ok(analysis)
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

fn text(analysis: &Analysis, zone: &TimeZone) -> String {
    let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let Window { from, to } = analysis.window;
    let mut text = format!("From {} to {}\n", local(from), local(to));
    let parts = [
        ("Signals", signals(analysis, &local)),
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
