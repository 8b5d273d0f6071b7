//! Which records follow upon each other: the Python system wrote no interval and did not say when it began anew.

use std::time::Duration;

use jiff::Timestamp;

/// Gaps this many times longer than usual are pauses.
const PAUSE: i64 = 3;

/// For each time, how long the one before is ago; `None` for the first and after a pause.
pub(super) fn elapsed(times: &[Timestamp]) -> Vec<Option<Duration>> {
    let gap = |pair: &[Timestamp]| match pair {
        [before, at] => at.as_millisecond() - before.as_millisecond(),
        _ => 0,
    };
    let gaps: Vec<i64> = times.windows(2).map(gap).collect();
    let longest = usual(&gaps).saturating_mul(PAUSE);
    let known = gaps.iter().map(|gap| {
        let fits = (1..=longest).contains(gap);
        fits.then(|| Duration::from_millis(gap.unsigned_abs()))
    });
    std::iter::once(None).chain(known).take(times.len()).collect()
}

/// The median of what is above 0.
fn usual(gaps: &[i64]) -> i64 {
    let mut gaps: Vec<i64> = gaps.iter().copied().filter(|gap| *gap > 0).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_no_interval() {
        let times =
            [0, 30, 60, 91, 4_000, 4_030].map(|second| Timestamp::from_second(second).expect("a time"));
        let seconds: Vec<_> = elapsed(&times)
            .into_iter()
            .map(|e| e.map(|e| e.as_secs()))
            .collect();
        assert_eq!(seconds, [None, Some(30), Some(30), Some(31), None, Some(30)]);
        assert_eq!(elapsed(&[]), []);
    }
}
