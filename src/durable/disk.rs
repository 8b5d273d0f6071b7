//! Where files lie: the operating system's files, behind a trait so that tests can lose what was not synced.

use std::{
    fmt, fs,
    io::{self, BufWriter, Read, Seek, Write},
    path::Path,
};

/// Something to read from.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// A file that grows at its end.
pub trait Append: Send {
    /// How many bytes it has.
    fn size(&self) -> io::Result<u64>;
    /// Writes all of `bytes` from byte `place` on, which is in the file or at its end.
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns once all that was written survives a crash of the machine.
    fn sync(&mut self) -> io::Result<()>;
    /// Writes all of `bytes` over others, from byte `place` on, and returns once they survive a crash of the machine.
    fn write_over(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_at(place, bytes)?;
        self.sync()
    }
    /// Takes away all but the first `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// Writes the content of a file.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// A place for files.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file to read.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>>;
    /// Opens a file to append to; it is made, private to this user, where there is none.
    fn append(&self, path: &Path) -> io::Result<Box<dyn Append>>;
    /// Gives a file new content, as a whole or not at all; durable when it returns.
    fn replace(&self, path: &Path, fill: Fill<'_>) -> io::Result<()>;
    /// Renames a file; durable when it returns.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> bool;
    /// Makes a folder, private to this user, and those above it, unless they are there.
    fn make_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// How the names of files begin that are being written and then take the place of another.
const UNFINISHED: &str = ".new-";

/// Takes away what a process that was killed had begun to write in this folder. Only for whoever holds its lock.
pub fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // What cannot be taken away only wastes space.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl Disk for Os {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(fs::File::open(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn Append>> {
        let is_new = !path.exists();
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        if is_new {
            sync_folder(path)?;
        }
        Ok(Box::new(file))
    }

    fn replace(&self, path: &Path, fill: Fill<'_>) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // Made with mode 0600.
        let mut fresh = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        {
            let mut writer = BufWriter::with_capacity(64 * 1024, fresh.as_file_mut());
            fill(&mut writer)?;
            writer.flush()?;
        }
        fresh.as_file().sync_all()?;
        fresh.persist(path).map_err(|error| error.error)?;
        sync_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder(to)
    }

    fn exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)
    }
}

impl Append for fs::File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, place)
    }

    #[cfg(not(unix))]
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(io::SeekFrom::Start(place))?;
        self.write_all(bytes)
    }

    #[cfg(target_os = "linux")]
    fn write_over(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        let done = write_through(self, place, bytes);
        if done == bytes.len() {
            return Ok(());
        }
        // Where that is not to be had, or a part is missing; an error that matters comes again.
        let rest = bytes.get(done..).unwrap_or_default();
        self.write_at(place + done as u64, rest)?;
        self.sync()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Writes and makes durable in one call, which costs less than two; gives how many bytes are both.
#[cfg(target_os = "linux")]
fn write_through(file: &fs::File, place: u64, bytes: &[u8]) -> usize {
    use rustix::io::{ReadWriteFlags, pwritev2};
    pwritev2(file, &[io::IoSlice::new(bytes)], place, ReadWriteFlags::DSYNC).unwrap_or(0)
}

/// Makes names in the folder of `path` durable.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Windows keeps names durable by itself and opens no folders.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
