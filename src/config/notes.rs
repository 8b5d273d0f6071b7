//! What a configuration asks for that this version does not do, or that a user may have overlooked. Accepted all
//! the same, so that one file serves this version and later ones; the defaults give no note.

use super::Config;

impl Config {
    /// What the user should know though nothing is wrong.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes_on_notifiers();
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

    fn notes_on_notifiers(&self) -> Vec<String> {
        let notifiers = &self.notifiers;
        let mut notes = Vec::new();
        if !notifiers.email.server.is_empty() || !notifiers.email.recipients.is_empty() {
            notes.push("this version does not send mail yet: `notifiers.email` has no effect".to_owned());
        }
        notes.extend(notifiers.email.notes());
        if !notifiers.alertmanager.urls.is_empty() {
            notes.push(
                "this version does not send to Alertmanager yet: `notifiers.alertmanager` has no effect"
                    .to_owned(),
            );
        }
        if !notifiers.webhook.urls.is_empty() {
            notes.push(
                "this version does not call webhooks yet: `notifiers.webhook` has no effect".to_owned(),
            );
        }
        notes
    }
}
