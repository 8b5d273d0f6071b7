//! One value in a file of its own, replaced as a whole.

use std::{
    io::{self, Read},
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use super::{Error, Format, Header, aside, disk::Disk};

/// A file that holds one `T` as JSON below a header.
pub struct Document<T> {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    format: Format,
    /// Whether it may be written: unreadable is not empty, and what is there must not be replaced by nothing.
    is_ours: bool,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Document<T> {
    /// The document at `path`, which need not exist.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, path: impl Into<PathBuf>, format: Format) -> Self {
        Self {
            disk,
            path: path.into(),
            format,
            is_ours: true,
            of: PhantomData,
        }
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether values are saved at all: not when the last [`load`](Self::load) failed.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// The value; `None` when there is no file, or only a damaged one, which is then set aside. A file that cannot be
    /// read, such as one of a newer version, is not written any more.
    pub fn load(&mut self) -> Result<Option<T>, Error> {
        let loaded = self.read();
        self.is_ours = loaded.is_ok();
        loaded
    }

    fn read(&self) -> Result<Option<T>, Error> {
        let mut bytes = Vec::new();
        let read = self
            .disk
            .open(&self.path)
            .and_then(|mut file| file.read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &self.path)(error)),
            Ok(_) => {}
        }
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len());
        let (header, content) = bytes.split_at(end);
        let value = if Header::check(header, self.format, &self.path)? {
            serde_json::from_slice(content)
        } else {
            Err(serde::de::Error::custom(
                "the first line is no header of this kind",
            ))
        };
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let aside = aside(&*self.disk, &self.path);
                self.disk
                    .rename(&self.path, &aside)
                    .map_err(Error::io("set aside", &self.path))?;
                warn!(
                    path = %self.path.display(), aside = %aside.display(), %error,
                    "a damaged file was set aside and a new one is begun"
                );
                Ok(None)
            }
        }
    }

    /// Replaces the value; durable when this returns `Ok`, unchanged when it returns `Err`. Does nothing when the file is
    /// not [ours](Self::is_ours).
    pub fn save(&self, value: &T) -> Result<(), Error> {
        if !self.is_ours {
            return Ok(());
        }
        let result = self.disk.replace(&self.path, &mut |file| {
            file.write_all(Header::line(self.format).as_bytes())?;
            serde_json::to_writer(&mut *file, value)?;
            file.write_all(b"\n")
        });
        result.map_err(Error::io("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::volatile::Volatile, *};

    const FORMAT: Format = Format {
        kind: "test",
        version: 1,
    };

    fn document(disk: &Volatile) -> Document<Vec<u32>> {
        Document::new(Arc::new(disk.clone()), "/d/state.json", FORMAT)
    }

    #[test]
    fn what_was_saved_is_loaded_also_after_a_crash() {
        let disk = Volatile::default();
        assert_eq!(document(&disk).load().expect("no file is no error"), None);
        document(&disk).save(&vec![1, 2]).expect("saved");
        disk.crash();
        assert_eq!(document(&disk).load().expect("readable"), Some(vec![1, 2]));
    }

    #[test]
    fn damage_is_set_aside_and_a_newer_version_is_left_alone() {
        let disk = Volatile::default();
        disk.put("/d/state.json", b"{\"netkestrel\":\"test\",\"version\":1}\n[1,");
        assert_eq!(document(&disk).load().expect("damage is no error"), None);
        assert!(disk.exists(Path::new("/d/state.json.damaged.1")));

        let newer = b"{\"netkestrel\":\"test\",\"version\":2}\n[1]";
        disk.put("/d/state.json", newer);
        let error = document(&disk).load().expect_err("is newer");
        assert!(
            matches!(
                error,
                Error::Newer {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(disk.content("/d/state.json"), newer);
    }
}
