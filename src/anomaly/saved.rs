//! The state of the watch on disk. A file that cannot be used never stops the program: one of a newer version stays
//! untouched and nothing is saved, a damaged one is set aside and a new one begun.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{
    policy::Events,
    series::Kept,
    shown::{Anomaly, KeptTold},
};
use crate::durable::{Disk, Document, Error, Format};

const FILE: &str = "anomalies.json";
/// The version is to be raised together with that of the detector.
const FORMAT: Format = Format {
    kind: "anomalies/state",
    version: 1,
};

/// Everything that a watch needs to go on after a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Saved {
    /// What is known of each series.
    pub(super) series: Vec<Kept>,
    /// Events that were going on.
    pub(super) events: Events,
    /// Those of them that were told.
    pub(super) told: Vec<KeptTold>,
    /// What was shown last, the newest last.
    pub(super) recent: Vec<Anomaly>,
    /// The next number of a series or a group.
    pub(super) next: u32,
}

impl Saved {
    /// When the latest value in it was read, in seconds since 1970; `None` when there is none.
    #[must_use]
    pub fn until(&self) -> Option<i64> {
        self.series.iter().map(|series| series.last).max()
    }
}

/// Where [`Saved`] is kept.
pub struct Store {
    document: Document<Saved>,
}

impl Store {
    /// The state in `folder`.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self {
            document: Document::new(disk, folder.join(FILE), FORMAT),
        }
    }

    /// What was saved; `None` when there is nothing that can be used, and then it says so in the log.
    pub fn load(&mut self) -> Option<Saved> {
        match self.document.load() {
            Ok(saved) => saved,
            Err(error) => {
                warn!(%error, "what is usual is learnt anew and is not saved");
                None
            }
        }
    }

    /// Saves; durable when it returns `Ok`. Does nothing when the file is not ours to write.
    ///
    /// # Errors
    /// When the disk does not take it; what was saved before is still there then.
    pub fn save(&self, saved: &Saved) -> Result<(), Error> {
        self.document.save(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::volatile::Volatile;

    #[test]
    fn a_file_that_cannot_be_used_stops_nothing() {
        let newer = b"{\"netkestrel\":\"anomalies/state\",\"version\":9}\n{}".as_slice();
        let damaged = b"{\"netkestrel\":\"anomalies/state\",\"version\":1}\n{\"series\":[".as_slice();
        for (content, is_replaced) in [(newer, false), (damaged, true)] {
            let disk = Volatile::default();
            disk.put("/d/anomalies.json", content);
            let mut store = Store::new(Arc::new(disk.clone()), Path::new("/d"));
            assert!(store.load().is_none());
            store.save(&Saved::default()).expect("saves or does nothing");
            assert_eq!(disk.content("/d/anomalies.json") != content, is_replaced);
            assert_eq!(disk.exists(Path::new("/d/anomalies.json.damaged.1")), is_replaced);
        }
    }
}
