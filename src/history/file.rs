//! One file of history and its limits: appends what is given, and now and then rewrites itself to the newest records.

use std::{
    collections::HashSet,
    hash::BuildHasher,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Error,
    index::Index,
    record::{end_of, time_of},
    state::{FileState, Pieces, Shared, StreamState, Which, lock},
};
use crate::durable::{self, Disk, Format, Log};

/// So many records more are kept before a clean-up even where a tenth is less, as it costs more than they do.
const EXCESS: u64 = 100;

/// How much a file may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The clean-up begins at a tenth more, or [`EXCESS`] where that is more.
    pub(super) records: u64,
    /// Never more than this; the clean-up leaves nine tenths.
    pub(super) bytes: u64,
}

/// A line, with its line break, and its time.
pub(super) struct Line {
    pub(super) bytes: Vec<u8>,
    pub(super) at: Timestamp,
}

/// A log whose lines carry times.
pub(super) struct TimedLog {
    log: Log,
    disk: Arc<dyn Disk>,
    damaged: PathBuf,
    shared: Shared,
    which: Which,
    limits: Limits,
    /// No clean-up before there are so many records: after one that failed.
    not_before: u64,
}

impl TimedLog {
    /// The log behind this file of the shared state, which is loaded afterwards.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        shared: Shared,
        (which, format): (Which, Format),
        limits: Limits,
    ) -> Result<Self, durable::Error> {
        let path = lock(&shared).file(which).path.clone();
        let mut damaged = path.clone().into_os_string();
        damaged.push(".damaged");
        Ok(Self {
            log: Log::open(Arc::clone(&disk), path, format)?,
            disk,
            damaged: damaged.into(),
            shared,
            which,
            limits,
            not_before: 0,
        })
    }

    /// Appends durably, and then does `also` in the same step in which readers come to see the lines.
    pub(super) fn append(
        &mut self,
        lines: &[Line],
        also: impl FnOnce(&mut StreamState),
    ) -> Result<(), durable::Error> {
        match lines {
            [line] => self.log.append(&line.bytes)?,
            lines => {
                let parts: Vec<&[u8]> = lines.iter().map(|line| &*line.bytes).collect();
                self.log.append(&parts.concat())?;
            }
        }
        let taken: u64 = lines.iter().map(|line| line.bytes.len() as u64).sum();
        let mut start = self.log.len().saturating_sub(taken);
        let mut state = lock(&self.shared);
        for line in lines {
            let bytes = line.bytes.len() as u64;
            state.file(self.which).push(start, bytes, line.at);
            start += bytes;
        }
        also(&mut state);
        Ok(())
    }

    /// Whether the next clean-up has something to do.
    pub(super) fn is_beyond(&self) -> bool {
        let (records, _) = self.extent();
        let most = self.limits.records;
        let is_beyond = records > most + (most / 10).max(EXCESS) || self.log.size() > self.limits.bytes;
        is_beyond && records >= self.not_before
    }

    /// Records and their bytes.
    fn extent(&self) -> (u64, u64) {
        let mut state = lock(&self.shared);
        let file = state.file(self.which);
        (file.records, file.bytes)
    }

    /// Rewrites the file to its limits if it went beyond them; gives how many records went.
    pub(super) fn clean_up(&mut self) -> Result<u64, durable::Error> {
        if !self.is_beyond() {
            return Ok(0);
        }
        let (records, bytes) = self.extent();
        let Limits {
            records: most,
            bytes: room,
        } = self.limits;
        let room = if self.log.size() > room {
            room / 10 * 9
        } else {
            room
        };
        let shortened = self.shorten(
            (records, bytes),
            Limits {
                records: most,
                bytes: room,
            },
        );
        self.not_before = if shortened.is_ok() {
            0
        } else {
            records + most / 100 + 1
        };
        shortened
    }

    fn shorten(&mut self, (records, bytes): (u64, u64), to: Limits) -> Result<u64, durable::Error> {
        let mut lines = self.log.lines()?;
        let index = lock(&self.shared).file(self.which).index.take();
        let mut fresh = Fresh {
            left: (records, bytes),
            to,
            state: FileState {
                bytes: self.log.beginning(),
                index: Some(Index::default()),
                ..FileState::default()
            },
        };
        let (disk, damaged) = (&*self.disk, &self.damaged);
        let rewritten = self.log.replace(&mut |file| {
            let mut line = Vec::new();
            while lines.next_into(&mut line)?.is_some() {
                line.push(b'\n');
                match time_of(&line) {
                    Some(at) => fresh.take(&line, at, file)?,
                    None => keep_aside(disk, damaged, &line)?,
                }
            }
            Ok(())
        });
        let mut state = lock(&self.shared);
        let file = state.file(self.which);
        if let Err(error) = rewritten {
            file.index = index;
            return Err(error);
        }
        let fresh = fresh.state;
        let pruned = file.records.saturating_sub(fresh.records);
        *file = FileState {
            path: std::mem::take(&mut file.path),
            corrupt: file.corrupt,
            ..fresh
        };
        Ok(pruned)
    }

    /// Puts lines where their times belong, and the lines that are there already in order, too. Lines that are there
    /// already are left out of `added`.
    pub(super) fn merge(&mut self, added: &mut Vec<Line>) -> Result<(), Error> {
        let mut there = self.places()?;
        let known: HashSet<(Timestamp, u64)> = there.iter().map(|place| (place.at, place.hash)).collect();
        added.retain(|line| !known.contains(&(line.at, hash(&line.bytes))));
        if added.is_empty() {
            return Ok(());
        }
        // The last row of a roll-up has to be the one that got furthest: reading goes on from there at the next start.
        added.sort_by_cached_key(|line| (line.at, end_of(&line.bytes)));
        there.sort_by_key(|place| (place.at, place.to));
        Ok(self.write_merged(&there, added)?)
    }

    /// Every sound line.
    fn places(&self) -> Result<Vec<Place>, Error> {
        let (mut line, mut places) = (Vec::new(), Vec::new());
        let path = self.log.path();
        let Some(mut pieces) = Pieces::open(&*self.disk, path, Some(vec![(0, self.log.len())]))? else {
            return Ok(places);
        };
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        while let Some(start) = pieces.next_into(&mut line).map_err(read)? {
            line.push(b'\n');
            places.extend(time_of(&line).map(|at| Place {
                at,
                to: end_of(&line),
                start,
                bytes: line.len(),
                hash: hash(&line),
            }));
        }
        Ok(places)
    }

    fn write_merged(&mut self, there: &[Place], added: &[Line]) -> Result<(), durable::Error> {
        let index = lock(&self.shared).file(self.which).index.take();
        let mut fresh = FileState {
            bytes: self.log.beginning(),
            index: Some(Index::default()),
            ..FileState::default()
        };
        let path = self.log.path().to_owned();
        let mut source = self.disk.open(&path).ok();
        let rewritten = self.log.replace(&mut |file| {
            let mut added = added.iter().peekable();
            let mut put = |bytes: &[u8], at| {
                fresh.push(fresh.bytes, bytes.len() as u64, at);
                file.write_all(bytes)
            };
            for place in there {
                while let Some(line) =
                    added.next_if(|line| (line.at, end_of(&line.bytes)) < (place.at, place.to))
                {
                    put(&line.bytes, line.at)?;
                }
                let source = source.as_mut().ok_or(io::ErrorKind::NotFound)?;
                let mut old = vec![0; place.bytes];
                source.seek(io::SeekFrom::Start(place.start))?;
                source.read_exact(&mut old)?;
                put(&old, place.at)?;
            }
            for line in added {
                put(&line.bytes, line.at)?;
            }
            Ok(())
        });
        let mut state = lock(&self.shared);
        let file = state.file(self.which);
        match rewritten {
            Ok(()) => {
                *file = FileState {
                    path,
                    corrupt: file.corrupt,
                    ..fresh
                };
                Ok(())
            }
            Err(error) => {
                file.index = index;
                Err(error)
            }
        }
    }
}

/// Where a line stands.
struct Place {
    at: Timestamp,
    to: Option<Timestamp>,
    start: u64,
    bytes: usize,
    hash: u64,
}

fn hash(line: &[u8]) -> u64 {
    foldhash::fast::FixedState::default().hash_one(line)
}

/// A file in the making.
struct Fresh {
    /// Records and bytes of the old file from here on.
    left: (u64, u64),
    to: Limits,
    state: FileState,
}

impl Fresh {
    /// Copies a line, unless it is too old to be kept.
    fn take(&mut self, line: &[u8], at: Timestamp, file: &mut dyn Write) -> io::Result<()> {
        let bytes = line.len() as u64;
        let (records, room) = self.left;
        self.left = (records.saturating_sub(1), room.saturating_sub(bytes));
        if records > self.to.records || room > self.to.bytes {
            return Ok(());
        }
        self.state.push(self.state.bytes, bytes, at);
        file.write_all(line)
    }
}

/// Damage is no record, but it may be of use to people.
fn keep_aside(disk: &dyn Disk, path: &std::path::Path, line: &[u8]) -> io::Result<()> {
    let mut file = disk.append(path)?;
    file.write_at(file.size()?, line)?;
    file.sync()
}
