//! What a rule has to say about one subject at one moment. Findings tell a state, not a change: the same one comes
//! again with every batch for as long as it holds, so whoever listens may begin at any time.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{Direction, Severity};
use crate::{
    clock::Now,
    sample::{Missing, Signal},
};

/// One rule, one subject, one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Name of the rule.
    pub rule: SmolStr,
    /// Which interface, mount, disk, sensor or device; empty for the host.
    pub subject: SmolStr,
    /// What was judged.
    pub signal: &'static Signal,
    /// When it was read.
    pub at: Now,
    /// How it was judged.
    pub verdict: Verdict,
}

/// How a rule judges a reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Within all levels, or back beyond the clear value.
    Clear {
        /// The value.
        value: f64,
    },
    /// A level is passed, but not for long enough yet.
    Pending(Breach),
    /// A level was passed for long enough, and the clear value is not reached.
    Firing(Breach),
    /// There is no reading: whatever held before neither goes on nor ends.
    Unknown(Missing),
    /// Another rule that explains this one holds for the subject, such as `device_down` for `loss`.
    Explained {
        /// The rule that explains it.
        by: SmolStr,
    },
    /// The subject no longer exists.
    Gone,
    /// The subject may exist, but the rule is no longer about it.
    NotCovered,
}

/// A level that is passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// Severity of the highest level that was passed for long enough; of a pending one, of the level it waits for.
    pub severity: Severity,
    /// The value, in the signal's unit.
    pub value: f64,
    /// The level of that severity, in the signal's unit.
    pub threshold: f64,
    /// Which side of the level is bad.
    pub when: Direction,
    /// Since when the value has been beyond the rule's first level.
    pub since: Timestamp,
    /// How many devices can be reached only through the subject. Rules do not know: who does fills it in.
    pub behind: usize,
    /// Why, in one sentence for people, without a full stop: `CPU usage is 93.1 %, above 90 % for 10 min`.
    pub explanation: String,
}
