//! What a run of a collector returns: what it could read, and what it could not.
//! A part that fails costs its own samples; the rest is still served.

use std::{io, path::PathBuf};

/// A source that could not be read or understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the operating system could not be read.
    #[error("read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file was read, but its content is not what it should be.
    #[error("understand {what}: {detail}")]
    Parse {
        /// Which file or message.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A call to the operating system failed.
    #[error("{call}")]
    System {
        /// What was attempted, such as `dump the interfaces over netlink`.
        call: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A library that reads the system failed.
    #[error("{call}: {detail}")]
    Library {
        /// What was attempted.
        call: &'static str,
        /// What the library said.
        detail: String,
    },
}

/// Data and the failures met on the way to it.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What could be read.
    pub data: T,
    /// What could not; empty means success.
    pub failures: Vec<Error>,
}

impl<T> Outcome<T> {
    /// A run without failures.
    pub fn ok(data: T) -> Self {
        Self {
            data,
            failures: Vec::new(),
        }
    }
}

impl<T: Default> Outcome<T> {
    /// A run that read nothing.
    #[must_use]
    pub fn failed(error: Error) -> Self {
        Self {
            data: T::default(),
            failures: vec![error],
        }
    }
}
