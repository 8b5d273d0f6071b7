//! The configuration section of packet analysis. This version does not capture; it says so when asked to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problems;

/// Settings of packet analysis.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether packets are captured and analysed. Not in this version.
    pub enabled: bool,
    /// Interfaces to capture on.
    pub interfaces: Vec<String>,
}

impl Config {
    pub(super) fn validate(&self, problems: &mut Problems) {
        if self.enabled {
            problems.push(
                "enabled",
                "this version does not capture packets; only `false` is accepted",
            );
        }
    }
}
