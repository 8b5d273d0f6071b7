//! Whether the wall clock can be trusted for records.

use super::check::Check;
use crate::{
    clock::Clock,
    sys::time_status::{self, Discipline},
};

const NAME: &str = "clock";

/// A clock before this is one that was never set: the program did not exist then.
const EARLIEST_YEAR: i16 = 2026;

pub(super) fn check() -> Check {
    let wall = Clock::System.now().wall;
    judge(wall, time_status::discipline())
}

fn judge(wall: jiff::Timestamp, discipline: Discipline) -> Check {
    let time = format!("{wall:.0}");
    if wall.to_zoned(jiff::tz::TimeZone::UTC).year() < EARLIEST_YEAR {
        return Check::fail(
            NAME,
            format!("{time} is in the past"),
            "Set the clock, for instance with `timedatectl set-ntp true`.",
        );
    }
    match discipline {
        Discipline::Synchronised => Check::ok(NAME, format!("{time}, synchronised")),
        Discipline::Unknown => Check::ok(
            NAME,
            format!("{time}; whether it is synchronised is not told here"),
        ),
        Discipline::Free => Check::warn(
            NAME,
            format!("{time}, kept right by nobody as far as the kernel knows"),
            "Run chrony, systemd-timesyncd or ntpd, unless the hypervisor sets the clock.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    #[test]
    fn judges_year_and_discipline() {
        for (wall, discipline, verdict) in [
            ("2026-11-22T21:00:00Z", Discipline::Synchronised, Verdict::Ok),
            ("2026-11-22T21:00:00Z", Discipline::Unknown, Verdict::Ok),
            ("2026-11-22T21:00:00Z", Discipline::Free, Verdict::Warn),
            ("1970-01-01T00:03:00Z", Discipline::Synchronised, Verdict::Fail),
        ] {
            let check = judge(wall.parse().expect(wall), discipline);
            assert_eq!(check.verdict, verdict, "{wall} {discipline:?}");
        }
    }
}
