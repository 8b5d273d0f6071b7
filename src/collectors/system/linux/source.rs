//! Reads small files of the kernel into one buffer and hands their bytes to a parser.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::collectors::Error;

/// More than any of these files can hold; a root that points at something endless must not fill the memory.
const LARGEST: u64 = 16 << 20;

/// What is wrong with the content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Counted from 1; `None` when something is missing from the file as a whole.
    line: Option<usize>,
    detail: String,
}

impl Malformed {
    /// Something wrong in a line, counted from 1.
    pub(super) fn in_line(line: usize, detail: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            detail: detail.into(),
        }
    }

    /// Something that the file lacks.
    pub(super) fn in_file(detail: impl Into<String>) -> Self {
        Self {
            line: None,
            detail: detail.into(),
        }
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// A buffer that every file is read into, one after the other.
#[derive(Debug, Default)]
pub(super) struct Source {
    buffer: Vec<u8>,
}

impl Source {
    /// The whole content of a file.
    pub(super) fn read(&mut self, path: &Path) -> Result<&[u8], Error> {
        self.fill(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(&self.buffer)
    }

    /// What `parse` makes of a file.
    pub(super) fn parse<T>(
        &mut self,
        path: &Path,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Error> {
        parse(self.read(path)?).map_err(|malformed| Error::Parse {
            what: path.display().to_string(),
            detail: malformed.to_string(),
        })
    }

    /// The content of an optional one-line file, without white space around it.
    pub(super) fn line(&mut self, path: &Path) -> io::Result<&[u8]> {
        self.fill(path)?;
        Ok(self.buffer.trim_ascii())
    }

    fn fill(&mut self, path: &Path) -> io::Result<()> {
        self.buffer.clear();
        File::open(path)?.take(LARGEST).read_to_end(&mut self.buffer)?;
        Ok(())
    }
}

/// Lines with their numbers, counted from 1.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = text.split(|byte| *byte == b'\n');
    lines.enumerate().map(|(index, line)| (index + 1, line))
}

/// The words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// A word as an unsigned number; `what` names it in the error.
pub(super) fn number(line: usize, what: &str, word: &[u8]) -> Result<u64, Malformed> {
    let parsed = str::from_utf8(word).ok().and_then(|word| word.parse().ok());
    parsed.ok_or_else(|| {
        let shown = String::from_utf8_lossy(word);
        Malformed::in_line(line, format!("{what} is `{shown}`, not a number"))
    })
}

/// A word as a number with fractions, finite and not negative; `what` names it in the error.
pub(super) fn fraction(line: usize, what: &str, word: &[u8]) -> Result<f64, Malformed> {
    let parsed = str::from_utf8(word)
        .ok()
        .and_then(|word| word.parse::<f64>().ok());
    parsed
        .filter(|value| value.is_finite() && *value >= 0.0)
        .ok_or_else(|| {
            let shown = String::from_utf8_lossy(word);
            Malformed::in_line(line, format!("{what} is `{shown}`, not a number"))
        })
}
