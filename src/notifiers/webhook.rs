//! Settings of webhooks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Section, url};
use crate::problem::Problems;

/// Which HTTP endpoints hear of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses that receive each alert by POST as JSON; empty means none.
    pub urls: Vec<String>,
}

impl Section for Config {
    fn validate(&self, problems: &mut Problems) {
        url::validate_list(&self.urls, problems);
    }

    fn notes(&self) -> Vec<String> {
        let note = "this version does not call webhooks yet: `notifiers.webhook` has no effect";
        (!self.urls.is_empty())
            .then(|| note.to_owned())
            .into_iter()
            .collect()
    }
}
