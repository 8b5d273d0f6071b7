//! The state of alerts on disk. A file that cannot be used never stops the program: one of a newer version stays
//! untouched and nothing is saved, a damaged one is set aside and a new one begun.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::{Alert, Notice, Silence, track::Track};
use crate::durable::{Disk, Document, Error, Format};

const FILE: &str = "alerts.json";
const FORMAT: Format = Format {
    kind: "alerts/state",
    version: 1,
};

/// Everything an engine needs to go on after a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Saved {
    /// By rule and subject.
    pub(super) tracks: Vec<Track>,
    /// Alerts that are over, the oldest first.
    pub(super) recent: Vec<Alert>,
    /// Silences that are not over.
    pub(super) silences: Vec<Silence>,
    /// Notices that no outbox has taken over yet, the oldest first.
    pub outgoing: Vec<Notice>,
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
            Err(problem @ Error::Newer { .. }) => {
                error!(error = %problem, "alerts begin anew and are not saved");
                None
            }
            Err(problem) => {
                warn!(error = %problem, "alerts begin anew and are not saved");
                None
            }
        }
    }

    /// Whether states are saved at all.
    #[must_use]
    pub fn saves(&self) -> bool {
        self.document.is_ours()
    }

    /// Saves; durable when it returns `Ok`. Does nothing when the file is not ours to write.
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
        let newer = b"{\"netkestrel\":\"alerts/state\",\"version\":9}\n{}".as_slice();
        let damaged = b"{\"netkestrel\":\"alerts/state\",\"version\":1}\n{\"tracks\":[".as_slice();
        for (content, saves) in [(newer, false), (damaged, true)] {
            let disk = Volatile::default();
            disk.put("/d/alerts.json", content);
            let mut store = Store::new(Arc::new(disk.clone()), Path::new("/d"));
            assert_eq!(store.load(), None);
            assert_eq!(store.saves(), saves);
            store.save(&Saved::default()).expect("saves or does nothing");
            assert_eq!(disk.content("/d/alerts.json") == newer, !saves);
            assert_eq!(disk.exists(Path::new("/d/alerts.json.damaged.1")), saves);
        }
    }
}
