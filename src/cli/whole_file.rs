//! A file that appears when it is whole, or not at all.

use std::{
    io::{self, BufWriter},
    path::Path,
};

use tempfile::NamedTempFile;

/// Lets `write` fill a temporary file beside `path` and puts it there. `fail` makes errors of the files themselves those
/// of the caller.
pub(super) fn write<E>(
    path: &Path,
    fail: impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut BufWriter<NamedTempFile>) -> Result<(), E>,
) -> Result<(), E> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(&fail)?;
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    let file = out.into_inner().map_err(|error| fail(error.into_error()))?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
