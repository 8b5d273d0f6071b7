//! Log set-up: level, format and file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problems;

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Least important level that is written.
    pub level: Level,
    /// Form of a line.
    pub format: Format,
    /// File to write to instead of standard error; rotated.
    pub file: String,
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, _problems: &mut Problems) {}
}

/// Log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Someone must act.
    Error,
    /// Something went wrong and was coped with.
    Warn,
    /// Life cycle.
    #[default]
    Info,
    /// Everything useful when searching for a cause.
    Debug,
    /// Everything.
    Trace,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}
