//! One line of the log of transitions. Each is a step for a [`super::Ledger`]; steps taken in the order of the file
//! lead to what is known, also where the clock was set back.
//!
//! ```json
//! {"t":"2026-11-25T11:00:08Z","changes":[{"device":"router","is":"down","since":"2026-11-25T11:00:05Z","why":"no answer"}]}
//! {"t":"2026-11-25T12:00:00Z","gap":{"from":"2026-11-25T11:30:00Z"}}
//! {"t":"2026-09-01T00:00:00Z","days":{"router":[[86000000,400000,0,0,0,0],2,"up"]}}
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Standing, Sums};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// When it was written.
    pub(super) t: Timestamp,
    /// Devices that stand otherwise than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
    /// A time in which nothing was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gap: Option<Gap>,
    /// Condensed days that begin at `t`: how long the device stood how, outages that began, how it stood then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) days: BTreeMap<SmolStr, (Sums, u32, Standing)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) device: SmolStr,
    pub(super) is: Standing,
    /// The time of the line unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub(super) why: SmolStr,
}

/// Behind it, what was true before is true again; without an end, nothing is until it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gap {
    pub(super) from: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Timestamp>,
}

impl Entry {
    pub(super) fn new(t: Timestamp) -> Self {
        Self {
            t,
            changes: Vec::new(),
            gap: None,
            days: BTreeMap::new(),
        }
    }

    /// Its line, with the line break.
    pub(super) fn encode(&self) -> Vec<u8> {
        // Strings and numbers alone cannot fail.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub(super) fn decode(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}
