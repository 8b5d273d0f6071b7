//! The slope between the points of a stretch, and how sure it is.

use super::{Point, deviation, median};

/// So many points are compared with each other at most; of more, every second, third, ... is taken.
const MOST: usize = 700;
/// Stretches without a rhythm are cut into so many parts to see their unrest.
const PARTS: f64 = 8.0;
/// This share of the distances from the level is at most the rhythm.
const USUAL: f64 = 0.95;

/// What the slopes between points tell.
pub(super) struct Slopes {
    pub(super) median: f64,
    /// Its standard deviation.
    pub(super) deviation: f64,
    /// The value at the end of the stretch, on the line.
    pub(super) level: f64,
    /// How far values are from the line, without what the walk adds.
    pub(super) rhythm: f64,
    /// Of the walk, per square root of a second.
    pub(super) unrest: f64,
    /// How many differences the deviations were read from.
    pub(super) freedom: f64,
}

impl Slopes {
    /// Compares points of which one is a multiple of `period` after the other, or just not close without a period.
    pub(super) fn of(points: &[Point], span: f64, period: Option<f64>) -> Option<Self> {
        let thinned: Vec<Point> = points
            .iter()
            .copied()
            .step_by(points.len().div_ceil(MOST))
            .collect();
        let step = span / thinned.len() as f64;
        let is_pair = |lag: f64| match period {
            Some(period) => {
                let periods = (lag / period).round();
                periods >= 1.0 && (lag - periods * period).abs() <= step * 0.6
            }
            None => lag >= span / 4.0,
        };
        let mut slopes = Vec::new();
        for (place, early) in thinned.iter().enumerate() {
            for late in thinned.iter().skip(place + 1) {
                let lag = late.unix - early.unix;
                if is_pair(lag) {
                    slopes.push((late.value - early.value) / lag);
                }
            }
        }
        let slope = median(&mut slopes)?;
        let part = period.unwrap_or(span / PARTS);
        let end = thinned.last()?.unix;
        let levels = levels(&thinned, end, part, slope);
        let mut added: Vec<f64> = levels.windows(2).map(|pair| pair[0] - pair[1]).collect();
        let parts = added.len().max(1) as f64;
        // Of few parts the median of distances is not to be trusted, and their mean square is.
        let unrest = spread(&added).max(deviation(&mut added)?);
        let level = *levels.first()?;
        let mut distances: Vec<f64> = thinned
            .iter()
            .filter(|point| end - point.unix <= part)
            .map(|point| (point.value - level - slope * (point.unix - end)).abs())
            .collect();
        distances.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length"
        )]
        let usual = (distances.len() as f64 * USUAL) as usize;
        let rhythm = *distances.get(usual.min(distances.len().checked_sub(1)?))?;
        Some(Self {
            median: slope,
            deviation: unrest / (part * parts.sqrt()),
            level,
            rhythm,
            unrest: unrest / part.sqrt(),
            freedom: parts,
        })
    }
}

/// The middle of each part, brought to the end of the stretch along the slope; the last part first.
fn levels(points: &[Point], end: f64, part: f64, slope: f64) -> Vec<f64> {
    let mut levels = Vec::new();
    let mut values = Vec::new();
    let mut edge = end - part;
    for point in points.iter().rev() {
        if point.unix <= edge {
            levels.extend(median(&mut values));
            values.clear();
            edge -= part;
        }
        values.push(point.value + slope * (end - point.unix));
    }
    // What is left is no whole part.
    if points.first().is_some_and(|first| first.unix - edge < part * 0.1) {
        levels.extend(median(&mut values));
    }
    levels
}

fn spread(values: &[f64]) -> f64 {
    let squares = values.iter().map(|value| value * value);
    (squares.sum::<f64>() / values.len().max(1) as f64).sqrt()
}
