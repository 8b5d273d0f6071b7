//! What is known of a stream's files: how many records, where which times are, and the buckets in progress. A writer
//! changes it behind a short lock; readers take from it, under that lock, an open file and the pieces to read.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::{
    Error, Stream,
    index::Index,
    record::{Item, Record, end_of, time_of},
    rollup::{LEVELS, Level, Row, absorb, absorb_row, floor},
};
use crate::durable::{Disk, Format, Source};

/// Which file of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Records,
    /// The roll-up of this level.
    Rollup(usize),
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct FileState {
    pub(super) path: PathBuf,
    /// `None` while the file is rewritten, and where another process writes it: then all of it is read.
    pub(super) index: Option<Index>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Lines that could not be read, ever since this process began.
    pub(super) corrupt: u64,
    /// Time of the first record; after the clock was set back not always the earliest.
    pub(super) oldest: Option<Timestamp>,
    /// Time of the record that was written last.
    pub(super) newest: Option<Timestamp>,
}

impl FileState {
    pub(super) fn push(&mut self, start: u64, bytes: u64, at: Timestamp) {
        self.records += 1;
        self.bytes = start + bytes;
        self.oldest.get_or_insert(at);
        self.newest = Some(at);
        if let Some(index) = &mut self.index {
            index.push(start, bytes, at);
        }
    }

    /// The file, opened, and what to read of it for these times; `None` where there is no file.
    pub(super) fn view(
        &self,
        disk: &dyn Disk,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<Pieces>, Error> {
        let pieces = self.index.as_ref().map(|index| index.pieces(from, to));
        if pieces.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        Pieces::open(disk, &self.path, pieces)
    }
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    pub(super) records: FileState,
    pub(super) rollups: [FileState; LEVELS.len()],
    pub(super) levels: [Level; LEVELS.len()],
}

/// A stream's state, shared by its writer and readers.
pub(super) type Shared = Arc<Mutex<StreamState>>;

/// The state; what a thread that panicked left is as good as any, as each change is a single step.
pub(super) fn lock(shared: &Mutex<StreamState>) -> MutexGuard<'_, StreamState> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StreamState {
    /// A stream without records, whose files are in `folder`.
    pub(super) fn new(stream: Stream, folder: &Path) -> Self {
        let name = stream.name();
        let file = |name: String| FileState {
            path: folder.join(name),
            ..FileState::default()
        };
        Self {
            records: file(format!("{name}.jsonl")),
            rollups: LEVELS.map(|(_, level)| file(format!("{name}.{level}.jsonl"))),
            levels: Default::default(),
        }
    }

    pub(super) fn file(&mut self, which: Which) -> &mut FileState {
        match which {
            Which::Rollup(level) if level < LEVELS.len() => {
                self.rollups.get_mut(level).unwrap_or(&mut self.records)
            }
            _ => &mut self.records,
        }
    }

    /// Looks through the files, coarsest first, and sums up again what the roll-ups do not hold yet. Each roll-up says
    /// which record was its last, so that nothing is counted twice or left out, whenever the program ended.
    pub(super) fn load(&mut self, disk: &dyn Disk, stream: Stream) -> Result<(), Error> {
        let mut mark = None;
        for level in (0..levels_of(stream)).rev() {
            let path = self
                .rollups
                .get(level)
                .map(|file| file.path.clone())
                .unwrap_or_default();
            let scanned = scan(disk, &path, format(stream, Which::Rollup(level)), mark)?;
            let mut corrupt = 0;
            each_line(disk, &path, scanned.tail, |line| match Row::decode(line) {
                Ok(row) => absorb_row(&mut self.levels, &row, level + 1),
                Err(_) => corrupt += 1,
            })?;
            let step = LEVELS.get(level).map_or(1, |(step, _)| *step);
            mark = scanned.last.map(|(start, to)| Mark { start, to, step });
            let file = self.file(Which::Rollup(level));
            *file = scanned.state;
            file.corrupt += corrupt;
        }
        let path = self.records.path.clone();
        let scanned = scan(disk, &path, format(stream, Which::Records), mark)?;
        self.records = scanned.state;
        if levels_of(stream) > 0 {
            each_line(disk, &path, scanned.tail, |line| match Record::decode(line) {
                Ok(record) => absorb(
                    &mut self.levels,
                    record.at,
                    record.readings.iter().map(Item::of_record),
                ),
                Err(_) => self.records.corrupt += 1,
            })?;
        }
        Ok(())
    }
}

/// How many roll-ups a stream has: transitions of alerts are not summed up.
pub(super) const fn levels_of(stream: Stream) -> usize {
    match stream {
        Stream::Alerts => 0,
        Stream::Bandwidth | Stream::System | Stream::Devices => LEVELS.len(),
    }
}

/// What the header of a file says.
pub(super) const fn format(stream: Stream, which: Which) -> Format {
    let kind = match (stream, which) {
        (Stream::Bandwidth, Which::Records) => "history/bandwidth",
        (Stream::System, Which::Records) => "history/system",
        (Stream::Devices, Which::Records) => "history/devices",
        (Stream::Alerts, _) => "history/alerts",
        (_, Which::Rollup(0)) => "history/rollup/5m",
        (_, Which::Rollup(1)) => "history/rollup/1h",
        (_, Which::Rollup(_)) => "history/rollup/1d",
    };
    Format { kind, version: 1 }
}

/// How far a roll-up got.
#[derive(Debug, Clone, Copy)]
struct Mark {
    start: Timestamp,
    to: Timestamp,
    step: i64,
}

struct Scanned {
    state: FileState,
    /// From where on the next roll-up holds nothing.
    tail: u64,
    /// Beginning and last record of the last row.
    last: Option<(Timestamp, Timestamp)>,
}

fn scan(disk: &dyn Disk, path: &Path, format: Format, mark: Option<Mark>) -> Result<Scanned, Error> {
    let mut scanned = Scanned {
        state: FileState {
            path: path.to_owned(),
            index: Some(Index::default()),
            ..FileState::default()
        },
        tail: 0,
        last: None,
    };
    let Some(mut pieces) = Pieces::open(disk, path, None)? else {
        return Ok(scanned);
    };
    let read = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let (mut exact, mut behind, mut line) = (None, None, Vec::new());
    if let Some(header) = pieces.header(&mut line).map_err(read)? {
        // Damage is set aside by the log, and only passed over by who merely reads.
        format.check(&line, path)?;
        scanned.state.bytes = header;
    }
    while let Some(start) = pieces.next_into(&mut line).map_err(read)? {
        let bytes = line.len() as u64 + 1;
        let sound = time_of(&line).filter(|_| serde_json::from_slice::<IgnoredAny>(&line).is_ok());
        let Some(at) = sound else {
            scanned.state.corrupt += 1;
            continue;
        };
        scanned.state.push(start, bytes, at);
        let to = end_of(&line).unwrap_or(at);
        scanned.last = Some((at, to));
        if let Some(mark) = mark {
            if to == mark.to {
                exact = Some(start + bytes);
            } else if behind.is_none() && floor(at, mark.step) > mark.start {
                behind = Some(start);
            }
        }
    }
    let all = if mark.is_some() { u64::MAX } else { 0 };
    scanned.tail = exact.or(behind).unwrap_or(all);
    Ok(scanned)
}

fn each_line(disk: &dyn Disk, path: &Path, from: u64, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
    let Some(mut pieces) = Pieces::open(disk, path, Some(vec![(from, u64::MAX)]))? else {
        return Ok(());
    };
    let mut line = Vec::new();
    loop {
        match pieces.next_into(&mut line) {
            // Other lines were counted before.
            Ok(Some(_)) if time_of(&line).is_some() => take(&line),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(source) => {
                let path = path.to_owned();
                return Err(Error::Read { path, source });
            }
        }
    }
}

/// Lines of some pieces of a file. A last line without an end is none: it is torn, or being written.
pub(super) struct Pieces {
    reader: BufReader<Box<dyn Source>>,
    left: VecDeque<(u64, u64)>,
    place: u64,
    end: u64,
}

impl Pieces {
    /// All of the file as it is now, unless pieces are given; `None` where there is no file.
    pub(super) fn open(
        disk: &dyn Disk,
        path: &Path,
        pieces: Option<Vec<(u64, u64)>>,
    ) -> Result<Option<Self>, Error> {
        let opened = disk.open(path).and_then(|mut source| {
            let pieces = match pieces {
                Some(pieces) => pieces,
                None => vec![(0, source.seek(SeekFrom::End(0))?)],
            };
            Ok((source, pieces))
        });
        match opened {
            Ok((source, pieces)) => Ok(Some(Self {
                reader: BufReader::with_capacity(32 * 1024, source),
                left: pieces.into(),
                place: 0,
                end: 0,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// The first line of the file, if it is whole, and where it ends.
    pub(super) fn header(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        Ok(self.raw(line)?.map(|_| self.place))
    }

    /// The next line without its line break, and where it begins. The header is none.
    pub(super) fn next_into(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        loop {
            match self.raw(line)? {
                Some(_) if line.starts_with(b"{\"netkestrel\":") => {}
                found => return Ok(found),
            }
        }
    }

    fn raw(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        line.clear();
        while self.place >= self.end {
            let Some((start, end)) = self.left.pop_front() else {
                return Ok(None);
            };
            if start != self.place || start == 0 {
                let Ok(_) = self.reader.seek(SeekFrom::Start(start.min(i64::MAX as u64))) else {
                    return Ok(None);
                };
            }
            (self.place, self.end) = (start, end);
        }
        let start = self.place;
        let taken = (&mut self.reader)
            .take(self.end - start)
            .read_until(b'\n', line)?;
        self.place += taken as u64;
        if line.pop() == Some(b'\n') {
            return Ok(Some(start));
        }
        // Behind a torn line there is nothing more.
        (self.place, self.end) = (0, 0);
        self.left.clear();
        line.clear();
        Ok(None)
    }
}
