//! Reads the history beside the writer, or alone: on handles of its own, never holding up recording.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tracing::warn;

use super::{
    Config, Error, Query, Stream,
    record::{Record, time_of},
    state::{Pieces, Shared, StreamState, lock},
    uptime::{self, Hold, Ledger},
};
use crate::durable::Disk;

/// Name of the folder below the data folder.
pub(super) const FOLDER: &str = "history";

/// A way to what is remembered. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) streams: [Shared; Stream::ALL.len()],
    /// How devices stand, where this process follows them.
    pub(super) devices: uptime::Shared,
    folder: PathBuf,
    limit: u64,
}

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Which stream.
    pub stream: Stream,
    /// Records in it.
    pub records: u64,
    /// Records it keeps; the clean-up begins at a tenth more, at least at 100 more.
    pub limit: u64,
    /// Bytes on disk, with the roll-ups.
    pub bytes: u64,
    /// Time of the first record.
    pub oldest: Option<Timestamp>,
    /// Time of the record that came last.
    pub newest: Option<Timestamp>,
    /// Lines that could not be read.
    pub corrupt: u64,
}

impl Reader {
    /// Reads these streams of the history below the data folder without a lock and without changing anything; another
    /// process may be writing it. Fails where a file of them cannot be read or is of a newer version. The other
    /// streams are as if they were empty.
    pub fn open(
        disk: Arc<dyn Disk>,
        data: &Path,
        config: &Config,
        streams: &[Stream],
    ) -> Result<Self, Error> {
        let reader = Self::empty(disk, data, config);
        for &stream in streams {
            let mut state = lock(reader.shared(stream));
            state.load(&*reader.disk, stream)?;
            // The other process moves lines, so that no place in a file holds.
            state.records.index = None;
            state.rollups.iter_mut().for_each(|file| file.index = None);
        }
        Ok(reader)
    }

    /// A history in which nothing was looked at yet.
    pub(super) fn empty(disk: Arc<dyn Disk>, data: &Path, config: &Config) -> Self {
        let folder = data.join(FOLDER);
        Self {
            disk,
            streams: Stream::ALL.map(|stream| Shared::new(StreamState::new(stream, &folder).into())),
            devices: uptime::Shared::default(),
            folder,
            limit: config.records.into(),
        }
    }

    /// Looks at how devices stood, from memory and without causes; `None` where this process follows none.
    pub fn standing<T>(&self, look: impl FnOnce(&uptime::Tracker) -> T) -> Option<T> {
        self.devices.look(look)
    }

    /// How devices stood, one or all of them, from the disk and with causes.
    pub fn ledger(&self, only: Option<&str>) -> Result<Ledger, Error> {
        uptime::read(&*self.disk, &self.folder, Ledger::with_causes(only))
    }

    /// Up to when anything is known at `now` of what another process follows: as far as the stream of devices, which
    /// must be open, and the ledger tell.
    #[must_use]
    pub fn known_until(&self, ledger: &Ledger, hold: Hold, now: Timestamp) -> Timestamp {
        let seen = lock(self.shared(Stream::Devices)).records.newest;
        hold.until(seen.max(ledger.newest()), now)
    }

    pub(super) fn shared(&self, stream: Stream) -> &Shared {
        let [bandwidth, system, devices, alerts] = &self.streams;
        match stream {
            Stream::Bandwidth => bandwidth,
            Stream::System => system,
            Stream::Devices => devices,
            Stream::Alerts => alerts,
        }
    }

    /// Records of these times, both included, in the order in which they were recorded; that is by time, unless the
    /// clock was set back. Read from the disk as they are asked for.
    pub fn records(&self, stream: Stream, from: Timestamp, to: Timestamp) -> Result<Records, Error> {
        let pieces = lock(self.shared(stream)).records.view(&*self.disk, from, to)?;
        Ok(Records {
            pieces,
            line: Vec::new(),
            range: (from, to),
            skipped: 0,
            failure: None,
        })
    }

    /// The newest `limit` transitions of alerts of these times, newest last, each as it was recorded, with its time in
    /// `t`.
    pub fn transitions(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<Value>, Error> {
        let mut records = self.records(Stream::Alerts, from, to)?;
        let mut newest = std::collections::VecDeque::new();
        while let Some(line) = records.next_line() {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => newest.push_back(value),
                Err(_) => continue,
            }
            if newest.len() > limit {
                newest.pop_front();
            }
        }
        records.failure.map_or_else(|| Ok(newest.into()), Err)
    }

    /// About `points` points of one signal of one subject, each with smallest, mean and largest value.
    pub fn course(
        &self,
        signal: &str,
        subject: &str,
        (from, to): (Timestamp, Timestamp),
        points: usize,
    ) -> Result<Vec<(Timestamp, f64, f64, f64)>, Error> {
        for stream in [Stream::Bandwidth, Stream::System, Stream::Devices] {
            let mut query = Query::new(stream, from, to);
            query.max_points = points;
            query.signals = vec![signal.to_owned()];
            query.subjects = vec![subject.to_owned()];
            let answer = self.query(&query)?;
            if let Some(series) = answer.series.into_iter().next() {
                let points = series.points.iter();
                return Ok(points
                    .map(|point| (point.at, point.min, point.mean, point.max))
                    .collect());
            }
        }
        Ok(Vec::new())
    }

    /// What each stream holds.
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        let stats = Stream::ALL.map(|stream| {
            let state = lock(self.shared(stream));
            let rollups = state.rollups.iter();
            let (bytes, corrupt) =
                rollups.fold((0, 0), |sum, file| (sum.0 + file.bytes, sum.1 + file.corrupt));
            Stats {
                stream,
                records: state.records.records,
                limit: self.limit,
                bytes: state.records.bytes + bytes,
                oldest: state.records.oldest,
                newest: state.records.newest,
                corrupt: state.records.corrupt + corrupt,
            }
        });
        stats.into()
    }
}

/// Records as they come from the disk. Damaged ones are passed over.
pub struct Records {
    pieces: Option<Pieces>,
    line: Vec<u8>,
    range: (Timestamp, Timestamp),
    skipped: u64,
    failure: Option<Error>,
}

impl Records {
    /// How many lines could not be read so far.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Why it ended before the last record, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// As [`Self::failure`], told once.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// The next line of these times.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            match self.pieces.as_mut()?.next_into(&mut self.line) {
                Ok(None) => return None,
                Ok(Some(_)) => {}
                Err(source) => {
                    warn!(error = %source, "failed to read the history to its end");
                    let path = std::path::PathBuf::from(FOLDER);
                    self.failure = Some(Error::Read { path, source });
                    self.pieces = None;
                    return None;
                }
            }
            match time_of(&self.line) {
                Some(at) if at >= self.range.0 && at <= self.range.1 => return Some(&self.line),
                Some(_) => {}
                None => self.skipped += 1,
            }
        }
    }
}

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let read = Record::decode(self.next_line()?);
            match read {
                Ok(record) => return Some(record),
                Err(_) => self.skipped += 1,
            }
        }
    }
}
