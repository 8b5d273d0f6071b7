//! The one place of the command line that opens history to read it: a running instance may be writing it.

use std::{io, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::Place;
use crate::{
    cli::times::Range,
    durable::Os,
    history::{Error, Reader, Record, Stream},
};

fn ends(range: Range) -> (Timestamp, Timestamp) {
    (
        range.from.unwrap_or(Timestamp::MIN),
        range.to.unwrap_or(Timestamp::MAX),
    )
}

/// What reads these streams of this place; the others are as if they were empty.
pub(in crate::cli) fn reader(place: &Place, streams: &[Stream]) -> Result<Reader, Error> {
    Reader::open(Arc::new(Os), &place.data_dir, &place.config.history, streams)
}

/// Records of a stream, as they come from the disk. Lines that are none are passed over.
pub(in crate::cli) fn records(
    reader: &Reader,
    stream: Stream,
    range: Range,
) -> Result<impl Iterator<Item = io::Result<Record>>, Error> {
    let (from, to) = ends(range);
    let mut records = reader.records(stream, from, to)?;
    Ok(std::iter::from_fn(move || match records.next() {
        Some(record) => Some(Ok(record)),
        None => records.take_failure().map(|error| Err(io::Error::other(error))),
    }))
}

/// Transitions of alerts, the newest last.
pub(in crate::cli) fn transitions(reader: &Reader, range: Range) -> Result<Vec<Value>, Error> {
    let (from, to) = ends(range);
    reader.transitions(from, to, usize::MAX)
}
