//! An append-only file of JSON lines below a header. Appending costs the same however long the file is; reading goes
//! over a handle of its own and never holds up appending.
//!
//! A file that grows with every append makes its file system note a new length and new blocks each time, which is most
//! of what an append costs. So the file is made longer now and then, by some space ahead of the lines, and lines are
//! written over that. It has no line break, so whoever reads the file takes it for a torn line, and to programs that
//! read JSON it is white space. It goes when the log is closed.

use std::{
    io::{self, BufRead, BufReader, Read, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;

use super::{
    Error, Format, Header, aside,
    disk::{Append, Disk, Source},
    space,
};

/// Longer lines are damage, whatever they hold.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// A log that can be appended to.
pub struct Log {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    format: Format,
    /// `None` until the first append, and after a failure that left the file in doubt.
    file: Option<Box<dyn Append>>,
    /// Bytes that are whole lines and were acknowledged.
    len: u64,
    /// Bytes of space behind them.
    ahead: u64,
}

impl Log {
    /// Opens the log at `path`, which need not exist. A torn last line is passed over, and goes with the next append;
    /// a file that does not begin with a header is set aside. Fails when a newer program wrote it or it cannot be read.
    pub fn open(disk: Arc<dyn Disk>, path: impl Into<PathBuf>, format: Format) -> Result<Self, Error> {
        let mut log = Self {
            disk,
            path: path.into(),
            format,
            file: None,
            len: 0,
            ahead: 0,
        };
        let (read, header) = (Error::io("read", &log.path), Header::line(format).len() as u64);
        match log.disk.open(&log.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(log),
            Err(error) => return Err(read(error)),
            Ok(source) => {
                let mut reader = BufReader::with_capacity(64 * 1024, source);
                let first = read_line(&mut reader).map_err(read)?;
                match first {
                    // Torn while it was made: nothing was acknowledged.
                    First::Nothing | First::Torn(_) if first.len() < header => {}
                    First::Line(line) if Header::check(&line, format, &log.path)? => {
                        let read = Error::io("read", &log.path);
                        let (end, whole) = ends(reader.get_mut()).map_err(read)?;
                        log.len = whole.max(line.len() as u64);
                        if whole < end {
                            log.cut().map_err(Error::io("repair", &log.path))?;
                        }
                    }
                    _ => log.set_aside()?,
                }
            }
        }
        Ok(log)
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file that count.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of the file, with the space that is kept ahead.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.len + self.ahead
    }

    /// Where the first line begins in a file that this program wrote.
    #[must_use]
    pub fn beginning(&self) -> u64 {
        Header::line(self.format).len() as u64
    }

    /// Whether nothing was ever appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `lines`, each ending in a line break. All of them are durable when this returns `Ok`, and none of them
    /// is in the log when it returns `Err`.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), Error> {
        let appended = self.try_append(lines);
        if appended.is_err() {
            // The next append looks at the file anew.
            self.file = None;
        }
        let written = appended.map_err(Error::io("write", &self.path))?;
        self.len += written;
        Ok(())
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<u64> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.reopen()?,
        };
        let header = if self.len == 0 {
            Header::line(self.format)
        } else {
            String::new()
        };
        let mut bytes = [header.as_bytes(), lines].concat();
        if let Err(error) = self.write(&mut *file, &mut bytes) {
            // Where even this fails, the next append takes away what is too much.
            let _ = file.truncate(self.len);
            return Err(error);
        }
        self.file = Some(file);
        Ok(bytes.len() as u64)
    }

    /// Writes `bytes` behind the lines, with new space behind them where there is not enough; durable when it returns.
    fn write(&mut self, file: &mut dyn Append, bytes: &mut Vec<u8>) -> io::Result<()> {
        let (len, written) = (self.len, bytes.len());
        let wanted = written as u64;
        if wanted <= self.ahead {
            file.write_over(len, bytes)?;
            self.ahead -= wanted;
            return Ok(());
        }
        if self.ahead > 0 && wanted > space::LARGEST {
            // So that what a crash may leave of it is a beginning, however long it is.
            file.truncate(len)?;
            file.sync()?;
        }
        let fresh = space::behind(len + wanted);
        bytes.resize(written + usize::try_from(fresh).unwrap_or(0), space::BYTE);
        let grown = file.write_at(len, bytes).and_then(|()| file.sync());
        bytes.truncate(written);
        self.ahead = fresh;
        if grown.is_err() && fresh > 0 {
            // The lines alone may still have room.
            self.ahead = 0;
            file.truncate(len)?;
            file.write_at(len, bytes)?;
            return file.sync();
        }
        grown
    }

    /// The file, without what lies behind the last acknowledged line.
    fn reopen(&mut self) -> io::Result<Box<dyn Append>> {
        self.ahead = 0;
        let mut file = self.disk.append(&self.path)?;
        let there = file.size()?;
        if there > self.len {
            file.truncate(self.len)?;
        } else if there < self.len {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file was shortened by someone else",
            ));
        }
        Ok(file)
    }

    /// Takes away what lies behind the last whole line, durably.
    fn cut(&mut self) -> io::Result<()> {
        warn!(path = %self.path.display(), "lines that were being written in a crash are taken away");
        let mut file = self.reopen()?;
        file.sync()
    }

    /// Replaces all lines by those that `fill` writes, as a whole or not at all.
    pub fn replace(&mut self, fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        let header = Header::line(self.format);
        let mut len = 0;
        let result = self.disk.replace(&self.path, &mut |file| {
            let mut counted = Counted { file, len: 0 };
            counted.write_all(header.as_bytes())?;
            fill(&mut counted)?;
            len = counted.len;
            Ok(())
        });
        (self.file, self.ahead) = (None, 0);
        result.map_err(Error::io("rewrite", &self.path))?;
        self.len = len;
        Ok(())
    }

    /// All acknowledged lines below the header, without their line breaks. What is appended meanwhile is not seen.
    pub fn lines(&self) -> Result<Lines, Error> {
        if self.len == 0 {
            return Ok(Lines::none());
        }
        let mut source = self
            .disk
            .open(&self.path)
            .map_err(Error::io("read", &self.path))?;
        let start = header_len(&mut source)
            .and_then(|start| source.seek(SeekFrom::Start(start)))
            .map_err(Error::io("read", &self.path))?;
        Ok(Lines {
            reader: Some(BufReader::with_capacity(64 * 1024, source)),
            left: self.len.saturating_sub(start),
        })
    }

    fn set_aside(&mut self) -> Result<(), Error> {
        let aside = aside(&*self.disk, &self.path);
        self.disk
            .rename(&self.path, &aside)
            .map_err(Error::io("set aside", &self.path))?;
        warn!(
            path = %self.path.display(), aside = %aside.display(),
            "a damaged file was set aside and a new one is begun"
        );
        self.len = 0;
        Ok(())
    }
}

impl Drop for Log {
    /// Leaves the file without space.
    fn drop(&mut self) {
        if let Some(file) = self.file.as_mut().filter(|_| self.ahead > 0) {
            // Where it stays, the next append takes it away.
            let _ = file.truncate(self.len);
        }
    }
}

/// Reads the lines of a log.
pub struct Lines {
    reader: Option<BufReader<Box<dyn Source>>>,
    left: u64,
}

impl Lines {
    fn none() -> Self {
        Self {
            reader: None,
            left: 0,
        }
    }

    /// The next line in `line`, without its line break, and how many bytes it took in the file; `None` at the end.
    pub fn next_into(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        line.clear();
        let Some(reader) = self.reader.as_mut().filter(|_| self.left > 0) else {
            return Ok(None);
        };
        let taken = reader.take(self.left).read_until(b'\n', line)? as u64;
        self.left = if taken == 0 { 0 } else { self.left - taken };
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok((taken > 0).then_some(taken))
    }
}

enum First {
    Nothing,
    /// Without a line break at its end.
    Torn(u64),
    Line(Vec<u8>),
}

impl First {
    fn len(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Torn(len) => *len,
            Self::Line(line) => line.len() as u64,
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<First> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    Ok(match line.last() {
        None => First::Nothing,
        Some(b'\n') => First::Line(line),
        Some(_) => First::Torn(line.len() as u64),
    })
}

fn header_len(source: &mut Box<dyn Source>) -> io::Result<u64> {
    source.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(source)
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)?;
    Ok(line.len() as u64)
}

/// Where the last line ends, found from the end of the file backwards, and where the last one ends that has no hole
/// before it.
fn ends(source: &mut Box<dyn Source>) -> io::Result<(u64, u64)> {
    const STEP: u64 = 4 * space::LARGEST;
    let mut stop = source.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while stop > 0 {
        let start = stop.saturating_sub(STEP);
        source.seek(SeekFrom::Start(start))?;
        block.clear();
        source.take(stop - start).read_to_end(&mut block)?;
        if let Some(place) = block.iter().rposition(|byte| *byte == b'\n') {
            let end = start + place as u64 + 1;
            return Ok((end, without_hole(source, end)?));
        }
        stop = start;
    }
    Ok((0, 0))
}

/// Where the last line ends before the space that is left in lines up to `end`, if there is any. A disk may write what
/// was not acknowledged in any order, so some sectors of the last lines may still be as they were before.
fn without_hole(source: &mut Box<dyn Source>, end: u64) -> io::Result<u64> {
    // What is written over space is shorter than that, twice.
    let start = end.saturating_sub(2 * space::LARGEST);
    let mut block = Vec::new();
    source.seek(SeekFrom::Start(start))?;
    source.take(end - start).read_to_end(&mut block)?;
    let Some(hole) = space::hole(start, &block) else {
        return Ok(end);
    };
    let before = block.iter().take(hole).rposition(|byte| *byte == b'\n');
    // A hole that no line begins before is none of ours.
    Ok(before.map_or(end, |place| start + place as u64 + 1))
}

struct Counted<'a> {
    file: &'a mut dyn Write,
    len: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
