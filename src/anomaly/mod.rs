//! Anomalies: one detector per series says how new each value is, and why, from the values before it alone.
//!
//! ```text
//! value ──┬─> lane as it is ─────┬─> seven views ──> surprise ──> hold ──> score 0..1
//!         └─> lane of logarithms ┘    each with the range it ever had
//!         └─> step in usual steps ──────────────────────────────────────> spike sigmas
//! ```
//!
//! People call odd what they have not seen before. So each lane looks at a series in seven ways (the value, its level
//! over 16 and 64 samples, its jump, its distance from the usual of the hour and the day of the week for a moment and
//! for a while, its course), and each view remembers the lowest and highest it ever was. A value that stays within all
//! of them is no news, however improbable. One that leaves one of them is a surprise, as large as the part by which it
//! leaves, in proportion to the range and the spread of that view, and to the age of the view: on the first day all is
//! new. The surprises of all views are one (`(Σ s⁴)^¼`), and of one event one is told.
//!
//! - **Memory** is 22 days on the clock on the wall, in nine blocks, so that a change is an event once and then the new
//!   usual. Its size is fixed: below 4 KB a series, and an update allocates nothing.
//! - **Nothing is known in advance**: no bounds, no length, no season but day and week.
//! - **Two tracks**: novelty decides what is told; spikes, which may be common, only mark a curve. One score cannot be
//!   both: what stands out locally every hour is no news, and a new level that is reached slowly has no spike.
//! - **Pauses** are no values. A short one is stepped over; after a day the short views begin anew and the long ones stay.
//!
//! [`Watch`] holds the detectors of all series, gives them what is read, and has [`policy`] decide what is done about the
//! anomalies of many series: which are shown, and which events are told.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is remembered is f32 by design; indexes are below the length of small arrays"
)]

mod calendar;
mod config;
mod detector;
mod envelope;
mod explain;
mod hold;
mod lane;
mod least;
mod memory;
mod metrics;
mod moment;
pub mod policy;
mod profile;
mod recent;
mod saved;
mod series;
mod shapes;
mod shown;
mod signals;
mod spike;
mod telling;
mod verdict;
mod version;
mod watch;

pub use self::{
    config::Config,
    detector::Detector,
    envelope::Side,
    lane::View,
    least::least,
    metrics::{METRICS, Overview},
    moment::Moment,
    profile::Usual,
    saved::{Saved, Store},
    shown::{Anomaly, Event, Standing, Tale},
    signals::watchable,
    verdict::{Record, Verdict},
    watch::{Level, Watch},
};
