//! `history stats`: how much is remembered, and of which time.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::{Place, store};
use crate::{
    app::chain,
    cli::{
        Form,
        answer::{Answer, Exit},
        table::{Side, table},
        times::full,
    },
    figures,
    history::{Stats, Stream},
};

pub(super) fn answer(place: &Place, form: Form) -> Answer {
    if let Err(refusal) = place.must_exist() {
        return refusal;
    }
    let (mut all, mut complaint) = (Vec::new(), String::new());
    for stream in Stream::ALL {
        match store::reader(place, &[stream]) {
            Ok(reader) => all.extend(reader.stats().into_iter().filter(|stats| stats.stream == stream)),
            Err(error) => {
                let _ = writeln!(complaint, "netkestrel: failed to {}", chain(&error));
            }
        }
    }
    let text = match form {
        Form::Text => text(&all, &place.zone()),
        Form::Json => format!("{:#}\n", json!({"streams": all})),
    };
    let exit = if complaint.is_empty() {
        Exit::Fine
    } else {
        Exit::WorldsFault
    };
    Answer {
        text,
        complaint,
        exit,
    }
}

fn text(all: &[Stats], zone: &TimeZone) -> String {
    let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| full(at, zone));
    let row = |stats: &Stats| {
        [
            stats.stream.name().to_owned(),
            stats.records.to_string(),
            stats.limit.to_string(),
            time(stats.oldest),
            time(stats.newest),
            figures::size(stats.bytes as f64),
            stats.corrupt.to_string(),
        ]
    };
    let rows: Vec<[String; 7]> = all.iter().map(row).collect();
    let columns = [
        ("stream", Side::Left),
        ("records", Side::Right),
        ("limit", Side::Right),
        ("first", Side::Left),
        ("last", Side::Left),
        ("size", Side::Right),
        ("damaged", Side::Right),
    ];
    table(columns, &rows)
}
