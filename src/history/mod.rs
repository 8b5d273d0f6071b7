//! The memory of the host: JSON Lines files below the data folder. Today only their limits; nothing is stored yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problems;

/// Limits of what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Records kept in each stream; a record is one run of a collector.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub records: u32,
    /// Bytes each stream may take on disk, 256 MiB unless given.
    #[schemars(range(min = 1_048_576))]
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            records: 10_000,
            max_bytes: 256 * 1024 * 1024,
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, _problems: &mut Problems) {}
}
