//! When a value was read. Time that passes is counted in UTC, so that summer time makes no gap and no repetition;
//! the hour of the day and the day of the week are those of the people who make the traffic.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A second, and what the clock on the wall shows in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    unix: i64,
    /// Seconds that local time is ahead of UTC.
    ahead: i32,
}

impl Moment {
    /// `at`, for people who live in `zone`.
    #[must_use]
    pub fn new(at: Timestamp, zone: &TimeZone) -> Self {
        Self {
            unix: at.as_second(),
            ahead: zone.to_offset(at).seconds(),
        }
    }

    /// A local time of which the zone is not known, as seconds since 1970 on the clock on the wall.
    #[must_use]
    pub const fn local(seconds: i64) -> Self {
        Self {
            unix: seconds,
            ahead: 0,
        }
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.unix
    }

    /// The second itself.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        let known = Timestamp::from_second(self.unix);
        known.unwrap_or(if self.unix < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }

    /// Hour of the day, 0 to 23.
    #[must_use]
    pub fn hour(self) -> usize {
        (self.on_the_wall().rem_euclid(DAY) / 3600) as usize
    }

    /// Day of the week, 0 for Monday to 6 for Sunday.
    #[must_use]
    pub fn weekday(self) -> usize {
        // The first of January 1970 was a Thursday.
        (self.day() + 3).rem_euclid(7) as usize
    }

    /// Number of the day since 1970.
    pub(super) fn day(self) -> i64 {
        self.on_the_wall().div_euclid(DAY)
    }

    fn on_the_wall(self) -> i64 {
        self.unix.saturating_add(self.ahead.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_local() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        for (at, hour, weekday) in [
            ("2026-03-28T23:30:00Z", 0, 6),
            ("2026-03-29T00:30:00Z", 1, 6),
            // An hour later the clocks have been put forward.
            ("2026-03-29T01:30:00Z", 3, 6),
            ("2026-11-25T12:00:00Z", 13, 2),
            ("1969-12-31T12:00:00Z", 13, 2),
        ] {
            let moment = Moment::new(at.parse().expect("a time"), &zone);
            assert_eq!((moment.hour(), moment.weekday()), (hour, weekday), "{at}");
        }
    }
}
