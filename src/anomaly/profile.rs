//! The usual day and the usual week: a mean for each hour of the day, and what each day of the week adds to it.
//!
//! Both learn slowly and clipped, so that one bad night does not become the usual night, and say nothing before they
//! have seen enough: a profile that speaks after three days takes the first weekend for an incident.

use serde::{Deserialize, Serialize};

use super::{
    calendar::{DAYS, HOURS, PARTS, Place},
    memory::Tick,
};

/// An hour speaks when it was seen on more days than this.
const DAYS_SILENT: u8 = 5;
/// In an hour seen on no more days than this everything is learnt: there is no scale to clip by yet.
const DAYS_OPEN: u8 = 2;
/// A part of the week speaks when it was seen in more weeks than this.
const WEEKS_SILENT: u8 = 2;
/// Weight of a new value in the mean of its hour.
const WEIGHT: f32 = 0.01;
/// Weight of a new value in its part of the week, which comes round more rarely.
const WEEK_WEIGHT: f32 = 0.02;
/// No value pulls a mean further than if it lay this many usual distances away.
const CLIP: f32 = 5.0;
/// The same for the usual distance itself.
const DISTANCE_CLIP: f32 = 8.0;
const DISTANCE_WEIGHT: f32 = 0.002;
/// The usual distance is known after this many values.
const DISTANCE_KNOWN: u32 = 50;
/// An hour's first values tell its mean, not the distance from it.
const SETTLING: u16 = 3;

/// What is usual for one transform of the value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Profile {
    hours: [f32; HOURS],
    /// Distance of each part of the week from the mean of its hours.
    parts: [[f32; PARTS]; DAYS],
    /// Usual distance of a value from the mean of its hour.
    distance: f32,
    distances: u32,
}

/// What a usual value is the usual of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// The last hours.
    Lately,
    /// This hour of the day.
    Hour,
    /// This hour of this day of the week.
    Weekday,
}

impl Profile {
    pub(super) const fn new() -> Self {
        Self {
            hours: [0.0; HOURS],
            parts: [[0.0; PARTS]; DAYS],
            distance: 0.0,
            distances: 0,
        }
    }

    /// The usual value at this place; `None` as long as the hour is not known well enough.
    pub(super) fn usual(&self, place: &Place) -> Option<(f32, Usual)> {
        let hour = self.hours[place.hour];
        if place.in_hour.visits <= DAYS_SILENT {
            None
        } else if place.in_part.visits <= WEEKS_SILENT {
            Some((hour, Usual::Hour))
        } else {
            Some((hour + self.parts[place.weekday][place.part], Usual::Weekday))
        }
    }

    /// Learns a value. `size` is the usual size of values.
    pub(super) fn learn(&mut self, value: f64, place: &Place, tick: &Tick, size: f32) {
        let hour = &mut self.hours[place.hour];
        let off = (value - f64::from(*hour)) as f32;
        let settled = place.in_hour.visits > DAYS_OPEN;
        let limit = if settled && self.distances > DISTANCE_KNOWN {
            CLIP * (self.distance + 1e-3 * size)
        } else {
            f32::MAX
        };
        if settled {
            let part = &mut self.parts[place.weekday][place.part];
            *part += weight(WEEK_WEIGHT, place.in_part.values, tick) * (off - *part).clamp(-limit, limit);
        }
        *hour += weight(WEIGHT, place.in_hour.values, tick) * off.clamp(-limit, limit);
        if place.in_hour.values > SETTLING {
            self.learn_distance(off.abs(), tick);
        }
    }

    fn learn_distance(&mut self, distance: f32, tick: &Tick) {
        self.distances = self.distances.saturating_add(1);
        let limit = if self.distances > DISTANCE_KNOWN {
            DISTANCE_CLIP * self.distance + 1e-12
        } else {
            f32::MAX
        };
        let weight = (DISTANCE_WEIGHT * tick.pace).max(1.0 / self.distances as f32);
        self.distance += weight * (distance.min(limit) - self.distance);
    }
}

/// Weight of the newest of `values`: a plain mean at first, then a moving one.
fn weight(moving: f32, values: u16, tick: &Tick) -> f32 {
    (moving * tick.pace).max(1.0 / f32::from(values.max(1)))
}
