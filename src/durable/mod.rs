//! Files that survive: append-only logs of JSON lines and documents that are replaced as a whole. What was
//! acknowledged is on disk; a torn last line costs that line only; a damaged file is set aside and never emptied; a
//! file of a newer version is refused untouched. Imports nothing of ours and knows nothing of what it keeps.

mod disk;
mod document;
mod lock;
mod log;
mod space;
#[cfg(test)]
pub(crate) mod volatile;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::{
    disk::{Append, Disk, Fill, Os, Source, sweep},
    document::Document,
    lock::Lock,
    log::{Lines, Log},
};

/// What is in a file, and how: the first line of every file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Such as `history/bandwidth`.
    pub kind: &'static str,
    /// Newest version this program reads, and the one it writes.
    pub version: u32,
}

impl Format {
    /// Whether the first line of the file at `path` says that it is of this format. `Ok(false)` is damage.
    pub fn check(self, first_line: &[u8], path: &Path) -> Result<bool, Error> {
        Header::check(first_line, self, path)
    }
}

/// Why a file could not be used as wanted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{action} {}", path.display())]
    Io {
        /// What was attempted, such as `write`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A newer program wrote it; it stays as it is.
    #[error(
        "read {}: it is of version {found}, and this program knows versions up to {known}; it stays untouched",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// Another process uses the folder.
    #[error("use {}: another instance does already{}", path.display(), holder.map_or(String::new(), |id| format!(" (process {id})")))]
    InUse {
        /// Which folder.
        path: PathBuf,
        /// Number of the process that uses it, if it said so.
        holder: Option<u32>,
    },
}

impl Error {
    /// Whether the file system is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }

    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The first line of a file.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Header {
    netkestrel: String,
    version: u32,
}

impl Header {
    fn line(format: Format) -> String {
        format!(
            "{{\"netkestrel\":\"{}\",\"version\":{}}}\n",
            format.kind, format.version
        )
    }

    /// Whether the line is a header of this format. `Ok(false)` is damage.
    fn check(line: &[u8], format: Format, path: &Path) -> Result<bool, Error> {
        let Ok(header) = serde_json::from_slice::<Self>(line) else {
            return Ok(false);
        };
        if header.version > format.version {
            return Err(Error::Newer {
                path: path.to_owned(),
                found: header.version,
                known: format.version,
            });
        }
        Ok(header.netkestrel == format.kind)
    }
}

/// A name beside `path` under which damage is kept; the first that is free.
fn aside(disk: &dyn Disk, path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut names = (1..).map(|number| path.with_file_name(format!("{name}.damaged.{number}")));
    names.find(|name| !disk.exists(name)).unwrap_or_default()
}
