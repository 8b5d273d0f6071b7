//! A disk for tests that keeps files in memory and loses, on a crash, what was not synced. It can be made to fail.

use std::{
    collections::BTreeMap,
    io::{self, Cursor},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::disk::{Append, Disk, Fill, Source};

/// Bytes a disk writes as a whole.
const SECTOR: usize = 512;

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    /// What survives a crash.
    synced: Vec<u8>,
    /// Up to here `bytes` and `synced` are the same.
    same: usize,
}

impl File {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            synced: bytes.to_vec(),
            same: bytes.len(),
        }
    }

    fn write_at(&mut self, place: usize, bytes: &[u8]) {
        let over = bytes.len().min(self.bytes.len() - place);
        self.bytes[place..place + over].copy_from_slice(&bytes[..over]);
        self.bytes.extend_from_slice(&bytes[over..]);
        self.same = self.same.min(place);
    }

    fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
        self.same = self.same.min(len);
    }

    fn sync(&mut self) {
        self.synced.truncate(self.same);
        self.synced.extend_from_slice(&self.bytes[self.same..]);
        self.same = self.bytes.len();
    }

    /// What is left after a crash in which the first `lucky` unsynced bytes made it to the disk, where they grow the
    /// file, and the sectors that `made_it` says of those that were there before.
    fn crash(&mut self, lucky: usize, made_it: &mut dyn FnMut() -> bool) {
        let (fresh, old) = (&self.bytes, self.synced.len());
        for sector in self.same / SECTOR..old.min(fresh.len()).div_ceil(SECTOR) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(old).min(fresh.len());
            if made_it() {
                self.synced[range.clone()].copy_from_slice(&fresh[range]);
            }
        }
        if fresh.len() > old {
            let kept = (self.same.max(old) + lucky).min(fresh.len());
            self.synced.extend_from_slice(&fresh[old..kept]);
        }
        *self = Self::of(&self.synced);
    }
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, File>,
    /// Bytes that can still be written.
    room: Option<usize>,
    /// What every change fails with.
    refusal: Option<io::ErrorKind>,
    /// So many syncs more, and every change fails.
    syncs: Option<usize>,
}

/// Clones share their files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Volatile(Arc<Mutex<State>>);

impl Volatile {
    /// The machine loses power: unsynced bytes vanish.
    pub(crate) fn crash(&self) {
        self.crash_keeping(0, 0);
    }

    /// As [`Self::crash`], but the first `lucky` unsynced bytes that each file grew by made it to the disk, and of the
    /// sectors that were overwritten those for which `chance` has a bit, in turns.
    pub(crate) fn crash_keeping(&self, lucky: usize, chance: u64) {
        let mut turn = 0;
        let mut made_it = || {
            turn += 1;
            chance.rotate_right(turn - 1) & 1 == 1
        };
        for file in self.state().files.values_mut() {
            file.crash(lucky, &mut made_it);
        }
    }

    /// From now on only this many bytes can be written; `None` is no limit.
    pub(crate) fn limit(&self, room: Option<usize>) {
        self.state().room = room;
    }

    /// From now on every change fails like this; `None` ends it.
    pub(crate) fn refuse(&self, kind: Option<io::ErrorKind>) {
        let mut state = self.state();
        (state.refusal, state.syncs) = (kind, None);
    }

    /// After so many syncs more one fails, and every change behind it: for a crash at that moment.
    pub(crate) fn die_at_sync(&self, number: usize) {
        self.state().syncs = Some(number);
    }

    /// Puts a file there.
    pub(crate) fn put(&self, path: impl Into<PathBuf>, bytes: &[u8]) {
        self.state().files.insert(path.into(), File::of(bytes));
    }

    /// What is in a file; empty without one.
    pub(crate) fn content(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let state = self.state();
        state
            .files
            .get(path.as_ref())
            .map(|file| file.bytes.clone())
            .unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn allow(&self) -> io::Result<()> {
        self.refusal.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Takes room for as many of `wanted` bytes as there is.
    fn take(&mut self, wanted: usize) -> (usize, io::Result<()>) {
        let Some(room) = &mut self.room else {
            return (wanted, Ok(()));
        };
        let taken = wanted.min(*room);
        *room -= taken;
        let full = || Err(io::ErrorKind::StorageFull.into());
        (taken, if taken < wanted { full() } else { Ok(()) })
    }
}

impl Disk for Volatile {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>> {
        let state = self.state();
        let file = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(file.bytes.clone())))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn Append>> {
        let mut state = self.state();
        state.allow()?;
        state.files.entry(path.to_owned()).or_default();
        Ok(Box::new(Handle {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn replace(&self, path: &Path, fill: Fill<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        fill(&mut bytes)?;
        let mut state = self.state();
        state.allow()?;
        state.take(bytes.len()).1?;
        state.files.insert(path.to_owned(), File::of(&bytes));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.allow()?;
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().files.contains_key(path)
    }
}

struct Handle {
    disk: Volatile,
    path: PathBuf,
}

impl Handle {
    fn with<T>(&self, work: impl FnOnce(&mut State, &Path) -> io::Result<T>) -> io::Result<T> {
        work(&mut self.disk.state(), &self.path)
    }
}

fn file<'s>(state: &'s mut State, path: &Path) -> io::Result<&'s mut File> {
    state
        .files
        .get_mut(path)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

impl Append for Handle {
    fn size(&self) -> io::Result<u64> {
        self.with(|state, path| Ok(file(state, path)?.bytes.len() as u64))
    }

    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|state, path| {
            state.allow()?;
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            let over = bytes.len().min(file(state, path)?.bytes.len() - place);
            // What is written over something needs no room.
            let (taken, full) = state.take(bytes.len() - over);
            file(state, path)?.write_at(place, &bytes[..over + taken]);
            full
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|state, path| {
            state.allow()?;
            if state.syncs == Some(0) {
                (state.syncs, state.refusal) = (None, Some(io::ErrorKind::Other));
            }
            state.syncs = state.syncs.map(|left| left - 1);
            state.allow()?;
            file(state, path)?.sync();
            Ok(())
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(|state, path| {
            state.allow()?;
            file(state, path)?.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            Ok(())
        })
    }
}
