//! One line of history: an interval run of a collector with all that was seen.

use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::sample::Observed;

/// One interval run.
///
/// On disk a record is one line of JSON, by signal and then by subject; the host's subject is empty. A number is a
/// value; `{"implausible": 9e12}` is one that cannot be right; a word such as `"counter_reset"` says why there is none.
///
/// ```json
/// {"t":"2026-11-25T11:00:00.123Z","e":30.0,"r":{"network_receive_bytes_per_second":{"eth0":1250.5,"eth1":"first_reading"}}}
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When the sources were read (`t`).
    pub at: Timestamp,
    /// Time since the run before (`e`, in seconds); `None` on the first.
    pub elapsed: Option<Duration>,
    /// Everything that was seen (`r`).
    pub readings: Vec<Seen>,
}

/// One signal of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Name of the signal; also one that this version no longer knows.
    pub signal: SmolStr,
    /// Which interface, mount, disk, sensor or device; empty for the host.
    pub subject: SmolStr,
    /// What was seen.
    pub observed: Observed,
}
