//! Which hours and which days of the week were seen how often, so that a usual value is told only where there is one.

use serde::{Deserialize, Serialize};

use super::moment::Moment;

pub(super) const HOURS: usize = 24;
pub(super) const DAYS: usize = 7;
/// Parts that a day of the week is cut into: two hours each, as a week gives each part few values.
pub(super) const PARTS: usize = 12;

/// Counts of one series; the same for everything that is known about its hours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Calendar {
    /// The last day on which each hour was seen.
    last: [i32; HOURS],
    /// On how many days it was seen, and how many values it gave.
    hours: [Seen; HOURS],
    /// The day and part of the last value.
    visit: (i32, u8),
    /// In how many weeks each part was seen, and how many values it gave.
    parts: [[Seen; PARTS]; DAYS],
}

/// How often something was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Visits: days of an hour, weeks of a part.
    pub(super) visits: u8,
    pub(super) values: u16,
}

/// One sample's place in the calendar, itself counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) hour: usize,
    pub(super) weekday: usize,
    pub(super) part: usize,
    pub(super) in_hour: Seen,
    pub(super) in_part: Seen,
}

impl Calendar {
    pub(super) const fn new() -> Self {
        const NEVER: Seen = Seen { visits: 0, values: 0 };
        Self {
            last: [i32::MIN; HOURS],
            hours: [NEVER; HOURS],
            visit: (i32::MIN, 0),
            parts: [[NEVER; PARTS]; DAYS],
        }
    }

    /// Takes note of a sample.
    pub(super) fn note(&mut self, at: Moment) -> Place {
        let (hour, weekday) = (at.hour(), at.weekday());
        let part = hour * PARTS / HOURS;
        let day = i32::try_from(at.day()).unwrap_or(i32::MAX);
        let in_hour = &mut self.hours[hour];
        in_hour.count(self.last[hour] != day);
        self.last[hour] = day;
        let visit = (day, part as u8);
        let in_part = &mut self.parts[weekday][part];
        in_part.count(self.visit != visit);
        self.visit = visit;
        Place {
            hour,
            weekday,
            part,
            in_hour: *in_hour,
            in_part: *in_part,
        }
    }
}

impl Seen {
    fn count(&mut self, first_of_visit: bool) {
        self.visits = self.visits.saturating_add(first_of_visit.into());
        self.values = self.values.saturating_add(1);
    }
}
