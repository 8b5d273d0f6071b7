//! When something is full, by its growth over weeks, or over hours if it never grew like that before.

use std::time::Duration;

use super::{Forecast, Point, Trend};

/// A rise is as none before from this multiple of the largest one before on.
const UNUSUAL: f64 = 1.5;
/// Smaller rises, as a share of the limit, are none.
const LEAST: f64 = 0.005;

/// When a series reaches `limit`, by its past of days or weeks, and by its last hours in finer steps. A backup that
/// comes every night does not count: hours that rise count where they rise as none before. `None` while neither tells
/// anything.
#[must_use]
pub fn reaches(past: &[Point], hours: &[Point], limit: f64) -> Option<Forecast> {
    let slow = Trend::of(past).map(|trend| trend.reaches(limit));
    let fast = Trend::of(hours).map(|trend| trend.reaches(limit));
    match (slow, fast) {
        (Some(Forecast::Reached), _) | (None, Some(Forecast::Reached)) => Some(Forecast::Reached),
        (Some(slow), Some(fast)) if is_unusual(past, hours, limit) => Some(sooner(slow, fast)),
        (Some(slow), _) => Some(slow),
        (None, fast) => fast,
    }
}

fn sooner(one: Forecast, other: Forecast) -> Forecast {
    let likely = |forecast: Forecast| match forecast {
        Forecast::Reached => Duration::ZERO,
        Forecast::In { likely, .. } => likely,
        Forecast::Never => Duration::MAX,
    };
    if likely(other) < likely(one) { other } else { one }
}

/// Whether the last hours rose as no stretch of their length did before.
fn is_unusual(past: &[Point], hours: &[Point], limit: f64) -> bool {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else {
        return false;
    };
    let length = last.unix - first.unix;
    let before = past.partition_point(|point| point.unix < first.unix);
    let before = past.get(..before).unwrap_or_default();
    let rises = before.iter().enumerate().map(|(place, from)| {
        let within = before
            .iter()
            .skip(place)
            .take_while(|to| to.unix - from.unix <= length);
        within.map(|to| to.value - from.value).fold(0.0, f64::max)
    });
    let largest = rises.fold(0.0, f64::max);
    last.value - first.value > (UNUSUAL * largest).max(LEAST * limit)
}

#[cfg(test)]
mod tests {
    use super::super::HOUR;
    use super::*;

    fn series(step: f64, from: f64, to: f64, value: impl Fn(f64) -> f64) -> Vec<Point> {
        let at = (0..)
            .map(|place: u32| from + f64::from(place) * step)
            .take_while(|at| *at <= to);
        at.map(|unix| Point {
            unix,
            value: value(unix),
        })
        .collect()
    }

    fn forecast(value: impl Fn(f64) -> f64) -> Option<Forecast> {
        let now = 14.0 * 24.0 * HOUR;
        let past = series(HOUR, 0.0, now, &value);
        reaches(&past, &series(300.0, now - 6.0 * HOUR, now, &value), 1.0)
    }

    #[test]
    fn a_program_that_runs_wild_is_seen_within_hours() {
        let begun = (14.0 * 24.0 - 6.0) * HOUR;
        let wild = |unix: f64| 0.5 + 0.05 * ((unix - begun) / HOUR).max(0.0);
        let Some(Forecast::In { likely, .. }) = forecast(wild) else {
            panic!("{:?}", forecast(wild));
        };
        assert!(
            likely.abs_diff(Duration::from_hours(4)) < Duration::from_mins(10),
            "{likely:?}"
        );
    }

    #[test]
    fn what_rises_like_that_every_night_is_no_news() {
        // Six hours up, at once down again, at the same time every day; now at its height.
        let backup = |unix: f64| {
            let hour = (unix / HOUR + 6.0) % 24.0;
            if hour <= 6.0 { 0.5 + 0.05 * hour } else { 0.5 }
        };
        assert_eq!(forecast(backup), Some(Forecast::Never));
    }

    #[test]
    fn without_a_past_the_hours_alone_tell() {
        let now = 6.0 * HOUR;
        let hours = series(300.0, 0.0, now, |unix| 0.4 + 0.1 * unix / HOUR);
        let past = series(HOUR, 0.0, now, |unix| 0.4 + 0.1 * unix / HOUR);
        let told = reaches(&past, &hours, 1.1);
        assert!(
            matches!(told, Some(Forecast::In { likely, .. }) if likely < Duration::from_hours(2)),
            "{told:?}"
        );
        assert_eq!(reaches(&[], &[], 1.0), None);
    }
}
