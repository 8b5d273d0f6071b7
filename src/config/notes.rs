//! What a configuration asks for that this version does not do, or that a user may have overlooked. Accepted all
//! the same, so that one file serves this version and later ones; the defaults give no note.

use super::Config;
use crate::collectors;

impl Config {
    /// What the user should know though nothing is wrong.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let devices = self.collectors.devices.names();
        let mut notes: Vec<String> = self.parents_note().into_iter().collect();
        notes.extend(self.rules.notes(&collectors::signals(), &devices));
        notes.extend(self.notifiers.notes());
        notes
    }

    fn parents_note(&self) -> Option<String> {
        let mut targets = self.collectors.devices.targets.iter();
        targets.any(|target| !target.parents.is_empty()).then(|| {
            "this version knows no topology yet: `parents` in `collectors.devices.targets` has no effect, and a device \
             behind one that is down is told as down"
                .to_owned()
        })
    }
}
