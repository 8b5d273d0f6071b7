//! History in the forms of others: records out as CSV, JSON lines and OpenMetrics, records in from the files of the
//! Python system. Opens nothing and stores nothing: it turns records into bytes and bytes into records.

mod csv;
mod fresh;
mod json;
mod openmetrics;
pub mod python;

use std::io;

pub use self::{
    csv::{write_csv, write_transitions_csv},
    fresh::{Counts, fresh, fresh_transitions, time as transition_time},
    json::{write_json, write_transitions_json},
    openmetrics::{Labels, write_openmetrics},
};

/// Why records could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output did not take them.
    #[error("write the export")]
    Write(#[from] io::Error),
    /// They could not be read.
    #[error("read the history")]
    Read(#[source] io::Error),
}

impl Error {
    /// Whether the reader of the output went away, as `| head` does.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<::csv::Error> for Error {
    fn from(error: ::csv::Error) -> Self {
        // By the kind of what the output said, a closed pipe is known.
        Self::Write(match error.into_kind() {
            ::csv::ErrorKind::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
        })
    }
}
