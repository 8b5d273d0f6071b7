//! `history stats`: how much is remembered, and of which time.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Place, Range, records, store,
    table::{Side, table},
    transitions,
};
use crate::{
    app::chain,
    cli::{
        Form,
        answer::{Answer, Exit},
    },
    durable, figures,
    history::{Stream, exchange::transition_time},
};

#[derive(Debug, Default)]
struct Stats {
    name: &'static str,
    records: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    bytes: u64,
}

pub(super) fn answer(place: &Place, form: Form) -> Answer {
    let all: Result<Vec<Stats>, durable::Error> = Stream::ALL
        .into_iter()
        .map(|stream| count(&place.data_dir, stream))
        .collect();
    match (all, form) {
        (Err(error), _) => Answer::failure(Exit::WorldsFault, format_args!("failed to {}", chain(&error))),
        (Ok(all), Form::Text) => Answer::fine(text(&all)),
        (Ok(all), Form::Json) => {
            let streams: Vec<Value> = all.iter().map(value).collect();
            Answer::fine(format!("{:#}\n", json!({"streams": streams})))
        }
    }
}

fn count(data_dir: &Path, stream: Stream) -> Result<Stats, durable::Error> {
    let mut stats = Stats {
        name: stream.name(),
        bytes: store::open(data_dir, stream)?.len(),
        ..Stats::default()
    };
    if stream == Stream::Alerts {
        let transitions = transitions(data_dir, Range::default())?.map_while(Result::ok);
        stats.add_all(transitions.filter_map(|transition| transition_time(&transition)));
    } else {
        let records = records(data_dir, stream, Range::default())?.map_while(Result::ok);
        stats.add_all(records.map(|record| record.at));
    }
    Ok(stats)
}

impl Stats {
    fn add_all(&mut self, times: impl Iterator<Item = Timestamp>) {
        for at in times {
            self.records += 1;
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
    }
}

fn text(all: &[Stats]) -> String {
    let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| format!("{at:.0}"));
    let row = |stats: &Stats| {
        [
            stats.name.to_owned(),
            stats.records.to_string(),
            time(stats.first),
            time(stats.last),
            figures::size(stats.bytes as f64),
        ]
    };
    let rows: Vec<[String; 5]> = all.iter().map(row).collect();
    let columns = [
        ("stream", Side::Left),
        ("records", Side::Right),
        ("first", Side::Left),
        ("last", Side::Left),
        ("size", Side::Right),
    ];
    table(columns, &rows)
}

fn value(stats: &Stats) -> Value {
    json!({
        "stream": stats.name,
        "records": stats.records,
        "first": stats.first,
        "last": stats.last,
        "bytes": stats.bytes,
    })
}
