//! Silences: people ask not to hear of some alerts for a while.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{matcher::Matcher, name};

/// Which alerts are not told, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name for good.
    pub id: SmolStr,
    /// Which alerts.
    pub matching: Matcher,
    /// From when on.
    pub starts: Timestamp,
    /// Until when.
    pub ends: Timestamp,
    /// Who asked for it; free text.
    pub by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// A silence; the same parts make the same name.
    #[must_use]
    pub fn new(matching: Matcher, (starts, ends): (Timestamp, Timestamp), by: &str, comment: &str) -> Self {
        let picked = serde_json::to_string(&matching).unwrap_or_default();
        let times = [starts.to_string(), ends.to_string()];
        Self {
            id: name::stable("silence", &[&picked, &times[0], &times[1], by, comment]),
            matching,
            starts,
            ends,
            by: by.to_owned(),
            comment: comment.to_owned(),
        }
    }

    /// Whether it holds at that moment.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.starts <= at && at < self.ends
    }
}
