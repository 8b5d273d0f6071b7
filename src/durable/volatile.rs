//! A disk for tests that keeps files in memory and loses, on a crash, what was not synced. It can be made to fail.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::disk::{Append, Disk, Fill, Source};

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: usize,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, File>,
    /// Bytes that can still be written.
    room: Option<usize>,
    /// What every change fails with.
    refusal: Option<io::ErrorKind>,
}

/// Clones share their files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Volatile(Arc<Mutex<State>>);

impl Volatile {
    /// The machine loses power: unsynced bytes vanish.
    pub(crate) fn crash(&self) {
        self.crash_keeping(0);
    }

    /// As [`Self::crash`], but the first `lucky` unsynced bytes of each file made it to the disk.
    pub(crate) fn crash_keeping(&self, lucky: usize) {
        for file in self.state().files.values_mut() {
            let kept = (file.synced + lucky).min(file.bytes.len());
            file.bytes.truncate(kept);
            file.synced = kept;
        }
    }

    /// From now on only this many bytes can be written; `None` is no limit.
    pub(crate) fn limit(&self, room: Option<usize>) {
        self.state().room = room;
    }

    /// From now on every change fails like this; `None` ends it.
    pub(crate) fn refuse(&self, kind: Option<io::ErrorKind>) {
        self.state().refusal = kind;
    }

    /// Puts a file there.
    pub(crate) fn put(&self, path: impl Into<PathBuf>, bytes: &[u8]) {
        let file = File {
            bytes: bytes.to_vec(),
            synced: bytes.len(),
        };
        self.state().files.insert(path.into(), file);
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
        let synced = bytes.len();
        state.files.insert(path.to_owned(), File { bytes, synced });
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

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|state, path| {
            state.allow()?;
            let (taken, full) = state.take(bytes.len());
            file(state, path)?.bytes.write_all(&bytes[..taken])?;
            full
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|state, path| {
            state.allow()?;
            let file = file(state, path)?;
            file.synced = file.bytes.len();
            Ok(())
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(|state, path| {
            state.allow()?;
            let file = file(state, path)?;
            file.bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            file.synced = file.synced.min(file.bytes.len());
            Ok(())
        })
    }
}
