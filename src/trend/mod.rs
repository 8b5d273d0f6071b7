//! Where a series is heading: a robust slope with its confidence, and when the series reaches a limit.
//!
//! ```text
//! points ──> stretch since it was emptied ──> slope, unrest, rhythm ──> reaches(limit): never, or earliest..likely..latest
//! ```
//!
//! - The **slope** is the median of the slopes between points (Theil 1950, Sen 1968), which a third of odd points does
//!   not move. Where the points span three days, or three weeks, only points at the same time of the day, or of the
//!   week, are compared (as by Hirsch, Slack and Smith 1982), so that a rhythm is no trend.
//! - The **confidence** takes the series for a walk with a drift: what was added in each day differs from the slope by
//!   its unrest, which adds up, in the past that the slope was read from and in the future that it is told for.
//! - A series that was **emptied** is read from there on, once there is enough of it again. One that is emptied again
//!   and again is read as a whole, and seldom heads anywhere.

mod full;
mod slope;
mod stretch;

use std::time::Duration;

pub use self::full::reaches;
use self::slope::Slopes;

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;
/// Fewer points, or a shorter stretch, tell nothing.
const FEWEST: usize = 24;
const SHORTEST: f64 = 4.0 * HOUR;
/// Rhythms, each with the stretch from which it can be told from a trend.
const RHYTHMS: [(f64, f64); 2] = [(WEEK, 3.0 * WEEK), (DAY, 3.0 * DAY)];
/// Before a whole week was seen its quiet days may be still to come, on which nothing is added.
const BUSY_DAYS: f64 = 5.0 / 7.0;
/// What lies further ahead is never.
const HORIZON: f64 = 10.0 * 365.0 * DAY;

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Unix time in seconds.
    pub unix: f64,
    /// The value, in any unit.
    pub value: f64,
}

/// Where a series is heading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Change per second, in the unit of the values.
    pub slope: f64,
    /// The slope is not smaller, with a confidence of 97.5 %.
    pub lowest: f64,
    /// The slope is not larger, with a confidence of 97.5 %.
    pub highest: f64,
    /// The present value without its rhythm.
    pub level: f64,
    /// How long the stretch is that this was read from.
    pub span: Duration,
    /// How far the rhythm and the noise take the value from the level.
    rhythm: f64,
    /// Standard deviation of what a second adds, per square root of a second.
    unrest: f64,
    /// Standard deviation of the slope.
    deviation: f64,
    /// Within so many standard deviations of what is expected lie 19 of 20.
    within: f64,
}

/// When a series reaches a limit from below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Forecast {
    /// It does not rise, as far as can be told, or the limit is more than ten years away.
    Never,
    /// It is there.
    Reached,
    /// It will, from now on.
    In {
        /// Hardly before.
        earliest: Duration,
        /// As the slope is.
        likely: Duration,
        /// Hardly after; `None` where it may be never.
        latest: Option<Duration>,
    },
}

impl Trend {
    /// Reads the points, which are in the order of their time. `None` while there are too few, or too few since the
    /// series was emptied.
    #[must_use]
    pub fn of(points: &[Point]) -> Option<Self> {
        let points = stretch::last(points);
        let (first, last) = (points.first()?, points.last()?);
        let span = last.unix - first.unix;
        if points.len() < FEWEST || span < SHORTEST {
            return None;
        }
        let rhythm = RHYTHMS.iter().find(|(_, from)| span >= *from);
        let slopes = Slopes::of(points, span, rhythm.map(|(length, _)| *length))?;
        let within = within(slopes.freedom);
        let doubt = within * slopes.deviation;
        Some(Self {
            slope: slopes.median,
            lowest: slopes.median - doubt,
            highest: slopes.median + doubt,
            level: slopes.level,
            span: Duration::from_secs_f64(span),
            rhythm: slopes.rhythm,
            unrest: slopes.unrest,
            deviation: slopes.deviation,
            within,
        })
    }

    /// Whether the series rises, with a confidence of 97.5 %.
    #[must_use]
    pub fn rises(&self) -> bool {
        self.lowest > 0.0
    }

    /// When the series reaches `limit`, its rhythm included.
    #[must_use]
    pub fn reaches(&self, limit: f64) -> Forecast {
        let left = limit - self.level;
        if left <= 0.0 {
            return Forecast::Reached;
        }
        if !self.rises() || left / self.slope > HORIZON {
            return Forecast::Never;
        }
        // How far the walk may have strayed from its drift after so many seconds.
        let astray = |ahead: f64| {
            self.within * (self.unrest * self.unrest * ahead + (self.deviation * ahead).powi(2)).sqrt()
        };
        let quiet = if self.span.as_secs_f64() < WEEK {
            BUSY_DAYS
        } else {
            1.0
        };
        let highest = |ahead: f64| self.slope * ahead + astray(ahead) + self.rhythm;
        let lowest = |ahead: f64| quiet * self.slope * ahead - astray(ahead) - self.rhythm;
        let likely = left / self.slope;
        Forecast::In {
            earliest: seconds(first(likely, |ahead| highest(ahead) >= left)),
            likely: seconds(likely),
            latest: (lowest(HORIZON) >= left).then(|| seconds(first(HORIZON, |ahead| lowest(ahead) >= left))),
        }
    }
}

/// The quantile of Student's distribution within which 19 of 20 lie, by the expansion of Cornish and Fisher (1937).
fn within(freedom: f64) -> f64 {
    1.96 + 2.37 / freedom + 2.82 / (freedom * freedom)
}

/// When `holds` begins to hold, which it does at `end`.
fn first(end: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut no, mut yes) = (0.0, end);
    if holds(no) {
        return no;
    }
    while yes - no > 1.0 {
        let middle = f64::midpoint(no, yes);
        if holds(middle) { yes = middle } else { no = middle }
    }
    yes
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, HORIZON))
}

/// The middle of `values`, which are reordered; `None` of nothing.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    let is_even = values.len().is_multiple_of(2);
    let (_, low, above) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let low = *low;
    let next = above.iter().copied().min_by(f64::total_cmp);
    Some(
        next.filter(|_| is_even)
            .map_or(low, |next| f64::midpoint(low, next)),
    )
}

/// The standard deviation of what is normally distributed, by the median of the distances, which odd values do not move.
fn deviation(values: &mut [f64]) -> Option<f64> {
    let middle = median(values)?;
    for value in &mut *values {
        *value = (*value - middle).abs();
    }
    Some(1.4826 * median(values)?)
}

#[cfg(test)]
mod tests;
