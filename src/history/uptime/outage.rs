//! Outages of a device and what they say together.

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

/// A time in which a device was down. It begins with the first miss and ends with the first answer; what cannot be
/// known in between does not end it, but is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The first miss.
    pub start: Timestamp,
    /// The first answer, or the moment from which on nothing more was known; `None` while it lasts.
    pub end: Option<Timestamp>,
    /// Milliseconds down in all.
    #[serde(rename = "down_seconds", serialize_with = "seconds")]
    pub down: i64,
    /// Milliseconds down within the stretch that was asked for.
    #[serde(rename = "down_seconds_within", serialize_with = "seconds")]
    pub within: i64,
    /// Why, as the network told.
    pub cause: SmolStr,
}

/// What many outages were together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Record {
    /// How many began within the stretch.
    pub outages: u64,
    /// Seconds down of the longest that touches the stretch.
    pub longest_seconds: Option<f64>,
    /// Mean time to repair: seconds down of those that ended within the stretch, on average.
    pub mttr_seconds: Option<f64>,
    /// Mean time between failures: seconds up within the stretch for each outage that began in it.
    pub mtbf_seconds: Option<f64>,
}

impl Record {
    /// Sums outages up that touch the stretch of `(from, to)`, in which the device was up for `up` milliseconds.
    /// `more` outages began in days of which no more than their number is left.
    #[must_use]
    pub fn of(outages: &[Outage], more: u64, (from, to): (Timestamp, Timestamp), up: i64) -> Self {
        let begun = outages.iter().filter(|outage| outage.start >= from).count() as u64 + more;
        let ended = outages
            .iter()
            .filter(|outage| outage.end.is_some_and(|end| end <= to));
        let (count, down) = ended.fold((0_u64, 0_i64), |(count, down), outage| {
            (count + 1, down + outage.down)
        });
        Self {
            outages: begun,
            longest_seconds: outages.iter().map(|outage| outage.down).max().map(in_seconds),
            mttr_seconds: (count > 0).then(|| in_seconds(down) / count as f64),
            mtbf_seconds: (begun > 0).then(|| in_seconds(up) / begun as f64),
        }
    }
}

fn in_seconds(millis: i64) -> f64 {
    millis as f64 / 1e3
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn seconds<S: serde::Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_seconds(*millis))
}
