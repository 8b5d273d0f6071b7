//! One process per folder: a lock that the system releases when its holder ends, however it ends.

use std::{
    fs,
    io::{Read, Seek, Write},
    path::Path,
};

use super::Error;

const NAME: &str = "lock";

/// Held for as long as this process may write to the folder.
#[derive(Debug)]
pub struct Lock {
    _file: fs::File,
}

impl Lock {
    /// Takes the folder; fails with [`Error::InUse`] while another process has it.
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Windows lets nobody read a locked file; then the number stays unknown.
                let _ = file.read_to_string(&mut text);
                return Err(Error::InUse {
                    path: folder.to_owned(),
                    holder: text.trim().parse().ok(),
                });
            }
            Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        let note = format!("{}\n", std::process::id());
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note.as_bytes()));
        // Only for the message of the next one: a full disk does not matter here.
        drop(noted);
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Lock::take(folder.path()).expect("free");
        let error = Lock::take(folder.path()).expect_err("taken");
        assert!(matches!(error, Error::InUse { holder: Some(id), .. } if id == std::process::id()));
        drop(first);
        Lock::take(folder.path()).expect("free again");
    }
}
