//! Settings of the connection to Prometheus Alertmanager.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Section, url};
use crate::problem::Problems;

/// Which Alertmanagers hear of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses of every peer of the cluster, such as `http://alertmanager:9093`; empty means none.
    pub urls: Vec<String>,
}

impl Section for Config {
    fn validate(&self, problems: &mut Problems) {
        url::validate_list(&self.urls, problems);
    }

    fn notes(&self) -> Vec<String> {
        let note = "this version does not send to Alertmanager yet: `notifiers.alertmanager` has no effect";
        (!self.urls.is_empty())
            .then(|| note.to_owned())
            .into_iter()
            .collect()
    }
}
