//! What a configuration asks for that this version does not do, or that a user may have overlooked. Accepted all
//! the same, so that one file serves this version and later ones; the defaults give no note.

use super::Config;

impl Config {
    /// What the user should know though nothing is wrong.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notifiers.notes();
        let default = Self::default();
        if !self.rules.0.is_empty() {
            notes.push(
                "this version does not evaluate rules yet: `rules` raises no alert and only moves the limits of health"
                    .to_owned(),
            );
        }
        if self.alerts != default.alerts {
            notes.push("this version raises no alerts yet: `alerts` has no effect".to_owned());
        }
        if self.history != default.history {
            notes.push("this version keeps no history yet: `history` has no effect".to_owned());
        }
        notes
    }
}
