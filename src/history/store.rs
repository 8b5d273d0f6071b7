//! Records what it is given: one writer per stream, each on its own, so that one that cannot write costs its own
//! records only. A stream that failed is tried again with the next record.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Instant,
};

use jiff::Timestamp;
use serde_json::Value;
use smol_str::SmolStr;
use tracing::{info, warn};

use super::{
    Config, Error, Reader, Record, Stream,
    file::{Limits, Line, TimedLog},
    metrics::{Counts, Telemetry},
    reader::FOLDER,
    record::{Item, encode, kept},
    rollup::{LEVELS, Level, absorb, end},
    state::{Shared, StreamState, Which, format, levels_of, lock},
    uptime::{Book, Exposed, Hold},
};
use crate::{
    clock::Now,
    durable::{self, Disk},
    sample::{Batch, Family, Scope},
};

/// Rows kept in each roll-up.
const ROWS: u64 = 10_000;
/// Rows of the finest level that wait to be written together, as a sync costs more than they do. A restart makes them
/// anew from the records.
const TOGETHER: usize = 4;
/// Rows with more series than this are written alone: they take more memory than their sync takes time.
const LONG: usize = 1_000;

/// The history, to be written to.
pub struct Store {
    reader: Reader,
    folder: std::path::PathBuf,
    config: Config,
    slots: [Mutex<Slot>; Stream::ALL.len()],
    telemetry: Telemetry,
    /// Follows the devices, once it is told how.
    book: Mutex<Option<Book>>,
}

/// The writer of a stream, unless it could not be opened.
#[derive(Default)]
struct Slot {
    writer: Option<Writer>,
    is_failing: bool,
}

impl Store {
    /// Opens the history below the data folder. Never fails as a whole: a stream that cannot be opened is named in the
    /// log and counted, and opened with its next record if that is possible then.
    #[must_use]
    pub fn open(disk: Arc<dyn Disk>, data: &Path, config: &Config) -> Self {
        let store = Self {
            reader: Reader::empty(disk, data, config),
            folder: data.join(FOLDER),
            config: config.clone(),
            slots: Default::default(),
            telemetry: Telemetry::default(),
            book: Mutex::default(),
        };
        for stream in Stream::ALL {
            // It is logged and counted.
            let _ = store.with(stream, |_| Ok(()));
        }
        store
    }

    /// What reads this history.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Records an interval run; durable when it returns `Ok`. News between runs and collectors without a stream are
    /// not recorded.
    pub fn append(&self, batch: &Batch) -> Result<(), Error> {
        let stream = Stream::of_collector(batch.collector).filter(|_| batch.scope == Scope::Whole);
        let Some(stream) = stream else {
            return Ok(());
        };
        let line = Line {
            at: kept(batch.at.wall),
            bytes: encode(batch),
        };
        self.record(stream, &line, |levels, at| {
            absorb(levels, at, batch.readings.iter().map(Item::of_batch));
        })
    }

    /// From now on follows how devices stand, which [`Self::observe`] tells, and for how long that holds. Time since the
    /// last sign of life of a former process is known to nobody.
    pub fn follow_devices(&self, hold: Hold, now: Now) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = &*book {
            return book.set_hold(hold);
        }
        let seen = lock(self.reader.shared(Stream::Devices)).records.newest;
        let (disk, devices) = (Arc::clone(&self.reader.disk), self.reader.devices.clone());
        *book = Some(Book::open(disk, &self.folder, devices, (seen, hold), now));
    }

    /// From now on metrics tell of these objectives: by device, the share of the known time for which it is to be up.
    pub fn set_objectives(&self, objectives: BTreeMap<SmolStr, f64>) {
        self.reader.devices.set_objectives(objectives);
    }

    /// From now on metrics tell this of the uptime of every device.
    pub fn set_exposed(&self, exposed: Exposed) {
        self.reader.devices.set_exposed(exposed);
    }

    /// Takes in what the collector `devices` saw, also between interval runs; changes are durable when it returns `Ok`.
    pub fn observe(&self, batch: &Batch) -> Result<(), Error> {
        if Stream::of_collector(batch.collector) != Some(Stream::Devices) {
            return Ok(());
        }
        self.in_book(|book| book.observe(batch))
    }

    /// Writes down that the program ends, and that nobody knows how devices stand from now on.
    pub fn end(&self, now: Now) -> Result<(), Error> {
        self.in_book(|book| book.end(now))
    }

    fn in_book(&self, act: impl FnOnce(&mut Book) -> Result<(), durable::Error>) -> Result<(), Error> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let done = book.as_mut().map_or(Ok(()), act);
        done.map_err(|source| {
            self.count_unrecorded(Stream::Devices);
            warn!(error = %source, "a change of a device is not on disk yet");
            Error::Write {
                stream: Stream::Devices,
                source,
            }
        })
    }

    /// Records the transition of an alert: the fields of `transition`, an object, behind the time.
    pub fn append_transition(&self, at: Timestamp, transition: &Value) -> Result<(), Error> {
        self.record(Stream::Alerts, &transition_line(at, transition), |_, _| {})
    }

    /// Takes in records of other times, in the order of time and without those that are there already; gives how many
    /// were added. They are summed up, too, also where the records themselves are more than the store keeps.
    pub fn import(&self, stream: Stream, records: &[Record]) -> Result<u64, Error> {
        let mut records: Vec<&Record> = records.iter().collect();
        records.sort_by_key(|record| record.at);
        let lines = records.iter().map(|record| Line {
            at: kept(record.at),
            bytes: record.encode(),
        });
        let lines = lines.collect();
        let counts = self.telemetry.of(stream);
        self.with(stream, |writer| writer.import(lines, counts))
    }

    /// As [`Self::import`], for transitions of alerts.
    pub fn import_transitions<'a>(
        &self,
        transitions: impl IntoIterator<Item = (Timestamp, &'a Value)>,
    ) -> Result<u64, Error> {
        let lines = transitions
            .into_iter()
            .map(|(at, value)| transition_line(at, value));
        let lines = lines.collect();
        let counts = self.telemetry.of(Stream::Alerts);
        self.with(Stream::Alerts, |writer| writer.import(lines, counts))
    }

    /// Counts something that never came as far as a write.
    pub fn count_unrecorded(&self, stream: Stream) {
        self.telemetry.of(stream).failures.fetch_add(1, Relaxed);
    }

    /// Present values of `METRICS`.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut families = self.telemetry.families(&self.reader.stats());
        families.extend(self.reader.devices.families());
        families
    }

    fn record(
        &self,
        stream: Stream,
        line: &Line,
        sum_up: impl FnOnce(&mut [Level], Timestamp),
    ) -> Result<(), Error> {
        let began = Instant::now();
        let counts = self.telemetry.of(stream);
        self.with(stream, |writer| {
            let line = std::slice::from_ref(line);
            let at = line.first().map(|line| line.at).unwrap_or_default();
            writer
                .records
                .append(line, |state| sum_up(&mut state.levels, at))?;
            counts.appends.fetch_add(1, Relaxed);
            counts.written(at);
            // The record is safe, whatever becomes of this.
            if let Err(error) = writer.keep_up(counts) {
                note_upkeep(stream, counts, &error);
            }
            Ok(())
        })?;
        self.telemetry
            .write_seconds
            .observe(began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Works with the writer of a stream, which is opened first if it is not.
    fn with<T>(
        &self,
        stream: Stream,
        work: impl FnOnce(&mut Writer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut slot = self.slot(stream).lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut *slot;
        let writer = match &mut slot.writer {
            Some(writer) => Ok(writer),
            none => self.open_writer(stream).map(|writer| none.insert(writer)),
        };
        let done = writer.and_then(work);
        match &done {
            Ok(_) if slot.is_failing => info!(stream = stream.name(), "recording goes on"),
            Ok(_) => {}
            Err(error) => self.note(stream, error, slot.is_failing),
        }
        slot.is_failing = done.is_err();
        if done.as_ref().is_err_and(is_of_another_file) {
            slot.writer = None;
        }
        done.map_err(|error| match error {
            Error::File(source) => Error::Write { stream, source },
            other => other,
        })
    }

    fn note(&self, stream: Stream, error: &Error, is_known: bool) {
        self.telemetry.of(stream).failures.fetch_add(1, Relaxed);
        if !is_known {
            let (stream, cause) = (stream.name(), reason(error));
            warn!(stream, error = %error, cause, "nothing is recorded until this is repaired");
        }
    }

    fn open_writer(&self, stream: Stream) -> Result<Writer, Error> {
        let disk = &self.reader.disk;
        // Where it fails, opening the files says so.
        let _ = disk.make_folder(&self.folder);
        let shared = Arc::clone(self.reader.shared(stream));
        let mut writer = Writer::open(disk, shared, stream, &self.config)?;
        let counts = self.telemetry.of(stream);
        if let Err(error) = writer.keep_up(counts) {
            note_upkeep(stream, counts, &error);
        }
        Ok(writer)
    }

    fn slot(&self, stream: Stream) -> &Mutex<Slot> {
        let [bandwidth, system, devices, alerts] = &self.slots;
        match stream {
            Stream::Bandwidth => bandwidth,
            Stream::System => system,
            Stream::Devices => devices,
            Stream::Alerts => alerts,
        }
    }
}

fn note_upkeep(stream: Stream, counts: &Counts, error: &Error) {
    counts.failures.fetch_add(1, Relaxed);
    let (stream, cause) = (stream.name(), reason(error));
    warn!(stream, error = %error, cause, "a roll-up or clean-up is put off");
}

/// Whether someone else changed the file, so that all of it has to be looked at anew.
fn is_of_another_file(error: &Error) -> bool {
    matches!(error, Error::File(durable::Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::InvalidData)
}

fn reason(error: &Error) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn transition_line(at: Timestamp, transition: &Value) -> Line {
    let at = kept(at);
    let mut fields = serde_json::Map::new();
    fields.insert("t".to_owned(), format!("{at:.3}").into());
    match transition {
        Value::Object(more) => fields.extend(
            more.iter()
                .filter(|(key, _)| *key != "t")
                .map(|(key, value)| (key.clone(), value.clone())),
        ),
        other => {
            fields.insert("transition".to_owned(), other.clone());
        }
    }
    let bytes = format!("{}\n", Value::Object(fields)).into_bytes();
    Line { bytes, at }
}

/// Writes one stream.
struct Writer {
    shared: Shared,
    records: TimedLog,
    rollups: Vec<TimedLog>,
}

impl Writer {
    fn open(disk: &Arc<dyn Disk>, shared: Shared, stream: Stream, config: &Config) -> Result<Self, Error> {
        let log = |which, limits| {
            let form = (which, format(stream, which));
            TimedLog::open(Arc::clone(disk), Arc::clone(&shared), form, limits)
        };
        // With roll-ups, each of the three gets an eighth.
        let levels = levels_of(stream);
        let eighth = config.max_bytes / 8;
        let records = Limits {
            records: config.records.into(),
            bytes: config.max_bytes - eighth * levels as u64,
        };
        let rows = Limits {
            records: ROWS,
            bytes: eighth,
        };
        let records = log(Which::Records, records)?;
        let rollups = (0..levels).map(|level| log(Which::Rollup(level), rows));
        let rollups = rollups.collect::<Result<_, durable::Error>>()?;
        let mut state = lock(&shared);
        let fresh = StreamState {
            records: std::mem::take(&mut state.records),
            rollups: std::mem::take(&mut state.rollups),
            levels: Default::default(),
        };
        *state = fresh;
        state.load(&**disk, stream)?;
        drop(state);
        Ok(Self {
            shared,
            records,
            rollups,
        })
    }

    /// Writes the buckets that ended and keeps the limits.
    fn keep_up(&mut self, counts: &Counts) -> Result<(), Error> {
        // All rows before the records they are made of go, and finer ones before coarser ones.
        if self.records.is_beyond() || are_due(&lock(&self.shared).levels) {
            for (level, log) in self.rollups.iter_mut().enumerate() {
                write_ended(&self.shared, level, log)?;
                log.clean_up()?;
            }
        }
        let pruned = self.records.clean_up()?;
        counts.pruned.fetch_add(pruned, Relaxed);
        Ok(())
    }

    fn import(&mut self, mut lines: Vec<Line>, counts: &Counts) -> Result<u64, Error> {
        self.records.merge(&mut lines)?;
        let count = lines.len() as u64;
        if !self.rollups.is_empty() && count > 0 {
            let mut levels: [Level; LEVELS.len()] = Default::default();
            for line in &lines {
                if let Ok(record) = Record::decode(&line.bytes) {
                    absorb(&mut levels, line.at, record.readings.iter().map(Item::of_record));
                }
            }
            end(&mut levels);
            for (level, log) in levels.iter_mut().zip(&mut self.rollups) {
                let mut rows = level.waiting.drain(..).map(|row| row_line(&row)).collect();
                log.merge(&mut rows)?;
            }
        }
        counts.appends.fetch_add(count, Relaxed);
        let pruned = self.records.clean_up()?;
        counts.pruned.fetch_add(pruned, Relaxed);
        Ok(count)
    }
}

/// Whether rows have waited long enough.
fn are_due(levels: &[Level]) -> bool {
    let Some((finest, coarser)) = levels.split_first() else {
        return false;
    };
    let is_long = finest.waiting.iter().any(|row| row.len() > LONG);
    is_long || finest.waiting.len() >= TOGETHER || coarser.iter().any(|level| !level.waiting.is_empty())
}

/// Writes the rows of a level that wait.
fn write_ended(shared: &Shared, level: usize, log: &mut TimedLog) -> Result<(), Error> {
    let rows: Vec<Line> = match lock(shared).levels.get(level) {
        Some(level) => level.waiting.iter().map(row_line).collect(),
        None => Vec::new(),
    };
    if rows.is_empty() {
        return Ok(());
    }
    log.append(&rows, |state| {
        if let Some(level) = state.levels.get_mut(level) {
            level.waiting.drain(..rows.len().min(level.waiting.len()));
        }
    })?;
    Ok(())
}

fn row_line(row: &super::rollup::Row) -> Line {
    Line {
        bytes: row.encode(),
        at: row.start,
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
