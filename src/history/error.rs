//! Why something could not be recorded or read.

use std::{io, path::PathBuf};

use super::Stream;
use crate::durable;

/// What failed. Texts complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was recorded; the next record is tried again.
    #[error("record to the history of {}", stream.name())]
    Write {
        /// Of which stream.
        stream: Stream,
        /// Why.
        #[source]
        source: durable::Error,
    },
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] durable::Error),
    /// A file could not be read.
    #[error("read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
