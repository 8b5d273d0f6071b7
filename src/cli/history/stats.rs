//! `history stats`: how much is remembered, and of which time.

use jiff::Timestamp;
use serde_json::json;

use super::{Place, store};
use crate::{
    app::chain,
    cli::{
        Form,
        answer::{Answer, Exit},
        table::{Side, table},
    },
    figures,
    history::Stats,
};

pub(super) fn answer(place: &Place, form: Form) -> Answer {
    match (store::reader(place).map(|reader| reader.stats()), form) {
        (Err(error), _) => Answer::failure(Exit::WorldsFault, format_args!("failed to {}", chain(&error))),
        (Ok(all), Form::Text) => Answer::fine(text(&all)),
        (Ok(all), Form::Json) => Answer::fine(format!("{:#}\n", json!({"streams": all}))),
    }
}

fn text(all: &[Stats]) -> String {
    let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| format!("{at:.0}"));
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
