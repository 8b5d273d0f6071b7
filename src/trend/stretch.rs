//! The part of a series that tells where it is heading: since it was emptied, unless that happens all the time.

use super::{Point, deviation};

/// A fall by so many usual steps is no usual step.
const STEPS: f64 = 12.0;
/// Nor is it one below this share of what the series covers.
const SHARE: f64 = 0.1;
/// A series that fell so often lives by it.
const OFTEN: usize = 3;

/// The last stretch of `points` without a fall.
pub(super) fn last(points: &[Point]) -> &[Point] {
    let mut steps: Vec<f64> = steps(points).collect();
    let usual = deviation(&mut steps).unwrap_or_default();
    let values = || points.iter().map(|point| point.value);
    let lowest = values().min_by(f64::total_cmp).unwrap_or_default();
    let highest = values().max_by(f64::total_cmp).unwrap_or_default();
    let least = (STEPS * usual).max(SHARE * (highest - lowest));
    // What fell and rose again within a few points was a moment, not an end.
    let is_fall = |place: usize| {
        let before = lowest_of(points.get(place.saturating_sub(3)..place).unwrap_or_default());
        let after = highest_of(points.get(place..points.len().min(place + 3)).unwrap_or_default());
        before
            .zip(after)
            .is_some_and(|(before, after)| before - after > least)
    };
    let falls: Vec<usize> = (1..points.len()).filter(|place| is_fall(*place)).collect();
    match falls.last() {
        Some(place) if falls.len() < OFTEN => points.get(*place..).unwrap_or_default(),
        _ => points,
    }
}

fn steps(points: &[Point]) -> impl Iterator<Item = f64> {
    let pairs = points.windows(2);
    pairs.filter_map(|pair| Some(pair.last()?.value - pair.first()?.value))
}

fn lowest_of(points: &[Point]) -> Option<f64> {
    points.iter().map(|point| point.value).min_by(f64::total_cmp)
}

fn highest_of(points: &[Point]) -> Option<f64> {
    points.iter().map(|point| point.value).max_by(f64::total_cmp)
}
