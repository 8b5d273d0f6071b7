//! Records and transitions as JSON lines, one a line and in the shape in which they are stored, so that an export
//! can be cut, searched and joined with line tools and costs no memory.

use std::io::{self, Write};

use serde_json::Value;

use super::Error;
use crate::history::Record;

/// Writes one record a line, as [`Record`] documents it.
pub fn write_json(
    records: impl IntoIterator<Item = io::Result<Record>>,
    out: &mut impl Write,
) -> Result<(), Error> {
    for record in records {
        out.write_all(&record.map_err(Error::Read)?.encode())?;
    }
    Ok(out.flush()?)
}

/// Writes one transition of an alert a line.
pub fn write_transitions_json(
    transitions: impl IntoIterator<Item = io::Result<Value>>,
    out: &mut impl Write,
) -> Result<(), Error> {
    for transition in transitions {
        writeln!(out, "{}", transition.map_err(Error::Read)?)?;
    }
    Ok(out.flush()?)
}
