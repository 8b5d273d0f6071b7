//! What a configuration asks for that this version does not do, or that a user may have overlooked. Accepted all
//! the same, so that one file serves this version and later ones; the defaults give no note.

use super::Config;
use crate::collectors;

impl Config {
    /// What the user should know though nothing is wrong.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let devices = self.collectors.devices.names();
        let devices: Vec<&str> = devices.iter().map(AsRef::as_ref).collect();
        let mut notes = self.rules.notes(&collectors::signals(), &devices);
        notes.extend(self.notifiers.notes());
        notes
    }
}
