//! The one place of the command line that opens history: lines of a stream, as records or transitions.

use std::{io, path::Path, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    durable::{self, Format, Log, Os},
    history::{
        Record, Stream,
        exchange::{line, transition_time},
    },
};

/// A stretch of time; `None` is open.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Range {
    pub(in crate::cli) from: Option<Timestamp>,
    pub(in crate::cli) to: Option<Timestamp>,
}

impl Range {
    fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }
}

/// The log of a stream.
pub(super) fn open(data_dir: &Path, stream: Stream) -> Result<Log, durable::Error> {
    let kind = match stream {
        Stream::Bandwidth => "history/bandwidth",
        Stream::System => "history/system",
        Stream::Devices => "history/devices",
        Stream::Alerts => "history/alerts",
    };
    let path = data_dir.join("history").join(format!("{}.jsonl", stream.name()));
    Log::open(Arc::new(Os), path, Format { kind, version: 1 })
}

/// Records of a stream, in the order of the file. A line that is none is passed over.
pub(in crate::cli) fn records(
    data_dir: &Path,
    stream: Stream,
    range: Range,
) -> Result<impl Iterator<Item = io::Result<Record>>, durable::Error> {
    let lines = lines(data_dir, stream)?;
    let records = lines.filter_map(|line| line.map(|line| line::decode(&line)).transpose());
    Ok(records.filter(move |record| record.as_ref().map_or(true, |record| range.holds(record.at))))
}

/// Transitions of alerts, in the order of the file.
pub(in crate::cli) fn transitions(
    data_dir: &Path,
    range: Range,
) -> Result<impl Iterator<Item = io::Result<Value>>, durable::Error> {
    let lines = lines(data_dir, Stream::Alerts)?;
    let values = lines.filter_map(|line| {
        line.map(|line| serde_json::from_slice::<Value>(&line).ok())
            .transpose()
    });
    Ok(values.filter(move |value| {
        let at = value.as_ref().map(transition_time);
        at.map_or(true, |at| at.is_some_and(|at| range.holds(at)))
    }))
}

fn lines(
    data_dir: &Path,
    stream: Stream,
) -> Result<impl Iterator<Item = io::Result<Vec<u8>>>, durable::Error> {
    let mut lines = open(data_dir, stream)?.lines()?;
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = lines.next_into(&mut line).transpose()?;
        Some(read.map(|_| line))
    }))
}
