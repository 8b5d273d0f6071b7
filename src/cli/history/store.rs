//! The one place of the command line that opens history to read it: a running instance may be writing it.

use std::{io, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::Place;
use crate::{
    durable::Os,
    history::{Error, Reader, Record, Stream},
};

/// A stretch of time; `None` is open.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Range {
    pub(in crate::cli) from: Option<Timestamp>,
    pub(in crate::cli) to: Option<Timestamp>,
}

impl Range {
    fn ends(self) -> (Timestamp, Timestamp) {
        (
            self.from.unwrap_or(Timestamp::MIN),
            self.to.unwrap_or(Timestamp::MAX),
        )
    }
}

/// What reads the history of this place.
pub(in crate::cli) fn reader(place: &Place) -> Result<Reader, Error> {
    Reader::open(Arc::new(Os), &place.data_dir, &place.config.history)
}

/// Records of a stream, as they come from the disk. Lines that are none are passed over.
pub(in crate::cli) fn records(
    reader: &Reader,
    stream: Stream,
    range: Range,
) -> Result<impl Iterator<Item = io::Result<Record>>, Error> {
    let (from, to) = range.ends();
    let mut records = reader.records(stream, from, to)?;
    Ok(std::iter::from_fn(move || match records.next() {
        Some(record) => Some(Ok(record)),
        None => records.take_failure().map(|error| Err(io::Error::other(error))),
    }))
}

/// Transitions of alerts, the newest last.
pub(in crate::cli) fn transitions(reader: &Reader, range: Range) -> Result<Vec<Value>, Error> {
    let (from, to) = range.ends();
    reader.transitions(from, to, usize::MAX)
}
