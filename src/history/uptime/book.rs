//! The log of transitions on disk, and what is known of it in memory. What cannot be written waits for the next entry.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tracing::warn;

use super::{Exposed, Hold, Ledger, Tracker, entry::Entry, metrics::Figures};
use crate::{
    clock::Now,
    durable::{self, Disk, Format, Log},
    history::{Error, state::Pieces},
    sample::{Batch, Family, Scope},
};

const FORMAT: Format = Format {
    kind: "history/transitions",
    version: 1,
};
const NAME: &str = "transitions.jsonl";
/// Beyond this the file is written anew, with old days condensed.
const ROOM: u64 = 16 * 1024 * 1024;
/// Bytes that wait for a disk that does not take them; more are lost.
const WAITING: usize = 1024 * 1024;
/// Old days are condensed in memory this often.
const CONDENSE: SignedDuration = SignedDuration::from_hours(24);

/// What is known, shared with readers.
#[derive(Debug, Clone, Default)]
pub(in crate::history) struct Shared(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    tracker: Option<Tracker>,
    hold: Option<Hold>,
    figures: Figures,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is a single step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what is known; `None` where nothing is followed.
    pub(in crate::history) fn look<T>(&self, look: impl FnOnce(&Tracker) -> T) -> Option<T> {
        self.lock().tracker.as_ref().map(look)
    }

    /// Devices are to be up for these shares of the known time from now on.
    pub(in crate::history) fn set_objectives(&self, objectives: BTreeMap<SmolStr, f64>) {
        self.lock().figures.objectives = objectives;
    }

    /// Metrics tell this of every device from now on.
    pub(in crate::history) fn set_exposed(&self, exposed: Exposed) {
        self.lock().figures.exposed = exposed;
    }

    /// Present values of [`super::METRICS`].
    pub(in crate::history) fn families(&self) -> Vec<Family> {
        let state = self.lock();
        let families = state
            .hold
            .map(|hold| state.figures.families(hold, Instant::now()));
        families.unwrap_or_default()
    }
}

/// Writes the log and follows the devices.
pub(in crate::history) struct Book {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    log: Option<Log>,
    shared: Shared,
    waiting: Vec<u8>,
    condensed: Timestamp,
    /// No clean-up below this size: beyond what it may hold, and what the last one left.
    not_below: u64,
}

impl Book {
    /// Opens the log in this folder and goes on from it; `seen` is the last sign of life that other files hold. Where
    /// that fails, devices are followed from now on and nothing is written until it is possible.
    pub(in crate::history) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        shared: Shared,
        (seen, hold): (Option<Timestamp>, Hold),
        now: Now,
    ) -> Self {
        let ledger = read(&*disk, folder, Ledger::default()).unwrap_or_else(|error| {
            warn!(error = %error, cause = ?std::error::Error::source(&error), "uptime begins anew");
            Ledger::default()
        });
        let mut book = Self {
            path: folder.join(NAME),
            disk,
            log: None,
            shared,
            waiting: Vec::new(),
            condensed: now.wall,
            not_below: ROOM,
        };
        let (tracker, entry) = Tracker::resume(ledger, seen, hold, now);
        {
            let mut state = book.shared.lock();
            state.tracker = Some(tracker);
            state.hold = Some(hold);
        }
        // What fails is tried again with the next entry.
        let _ = book.write(&entry.map(|entry| vec![entry]).unwrap_or_default(), now.wall);
        book
    }

    /// Devices are asked at other intervals from now on.
    pub(in crate::history) fn set_hold(&self, hold: Hold) {
        let mut state = self.shared.lock();
        state.hold = Some(hold);
        if let Some(tracker) = &mut state.tracker {
            tracker.set_hold(hold);
        }
    }

    /// Takes in what the collector saw; what came of it is durable when this returns `Ok`.
    pub(in crate::history) fn observe(&mut self, batch: &Batch) -> Result<(), durable::Error> {
        let entries = {
            let mut state = self.shared.lock();
            let State { tracker, figures, .. } = &mut *state;
            let Some(tracker) = tracker else {
                return Ok(());
            };
            let entries = tracker.observe(batch);
            let now = batch.at;
            if now.wall.duration_since(self.condensed).abs() >= CONDENSE {
                self.condensed = now.wall;
                tracker.condense(now.wall);
            }
            if batch.scope == Scope::Whole {
                figures.refresh(tracker, now, !entries.is_empty());
            }
            entries
        };
        self.write(&entries, batch.at.wall)
    }

    /// The program ends: what is not known from now on is written down as such.
    pub(in crate::history) fn end(&mut self, now: Now) -> Result<(), durable::Error> {
        let entry = self
            .shared
            .lock()
            .tracker
            .as_mut()
            .map(|tracker| tracker.end(now));
        self.write(&entry.map(|entry| vec![entry]).unwrap_or_default(), now.wall)
    }

    fn write(&mut self, entries: &[Entry], now: Timestamp) -> Result<(), durable::Error> {
        let lines = entries.iter().flat_map(Entry::encode);
        self.waiting.extend(lines);
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.append();
        if written.is_ok() {
            self.waiting = Vec::new();
            if let Err(error) = self.clean_up(now) {
                warn!(error = %error, "the clean-up of transitions is put off");
            }
        } else if self.waiting.len() > WAITING {
            self.waiting = Vec::new();
        }
        written
    }

    fn append(&mut self) -> Result<(), durable::Error> {
        let log = match &mut self.log {
            Some(log) => log,
            none => none.insert(Log::open(Arc::clone(&self.disk), &self.path, FORMAT)?),
        };
        log.append(&self.waiting)
    }

    /// Writes the file anew when it is too long.
    fn clean_up(&mut self, now: Timestamp) -> Result<(), Error> {
        let Some(log) = self.log.as_mut().filter(|log| log.len() > self.not_below) else {
            return Ok(());
        };
        // What stays may be long: the next time is when it has grown by a fourth.
        self.not_below = log.len() / 4 * 5;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut all = read(&*self.disk, folder, Ledger::with_causes(None))?;
        all.condense(now);
        let entries = all.entries();
        log.replace(&mut |file: &mut dyn Write| -> io::Result<()> {
            entries
                .iter()
                .try_for_each(|entry| file.write_all(&entry.encode()))
        })?;
        self.not_below = ROOM.max(log.len() / 4 * 5);
        Ok(())
    }
}

/// Reads the log in this folder into `ledger`. Lines that are damaged are passed over.
pub(in crate::history) fn read(disk: &dyn Disk, folder: &Path, mut ledger: Ledger) -> Result<Ledger, Error> {
    let path = folder.join(NAME);
    let Some(mut pieces) = Pieces::open(disk, &path, None)? else {
        return Ok(ledger);
    };
    let fail = |source| Error::Read {
        path: path.clone(),
        source,
    };
    let mut line = Vec::new();
    if pieces.header(&mut line).map_err(fail)?.is_some() {
        FORMAT.check(&line, &path)?;
    }
    while pieces.next_into(&mut line).map_err(fail)?.is_some() {
        if let Ok(entry) = Entry::decode(&line) {
            ledger.apply(&entry);
        }
    }
    Ok(ledger)
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
