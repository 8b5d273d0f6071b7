//! Local times without a zone as moments, by the zone and the order in the file.
//!
//! When clocks go back, an hour comes twice. Which of the two a record means is told by its neighbours: in the order
//! of time the first part is the first hour, and from where local time jumps back it is the second. Without a jump,
//! the records are taken for the first hour. A time that no clock of the zone showed, as clocks went forward, is taken
//! an hour later, as the clocks of that zone are set.

use std::ops::Range;

use jiff::{
    Timestamp, ToSpan,
    civil::DateTime,
    tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone},
};

/// A full file is a block of this many records, the newest first, with later ones behind it.
const BLOCK: usize = 10_000;

/// Threads of one run write in any order; a jump of the clock is longer.
const DISORDER_SECONDS: i64 = 60;

/// A text that is no local time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoTime {
    /// Which record, from 1 on.
    pub(super) record: usize,
    /// What it says.
    pub(super) text: String,
}

/// The moments of the times of a whole file, in its order and cut to milliseconds.
pub(super) fn instants(texts: &[&str], zone: &TimeZone) -> Result<Vec<Timestamp>, NoTime> {
    let mut local = Vec::with_capacity(texts.len());
    let mut moments = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let fail = |_| NoTime {
            record: index + 1,
            text: (*text).to_owned(),
        };
        let time: DateTime = text.parse().map_err(fail)?;
        let candidates = zone.to_ambiguous_timestamp(time);
        local.push(Local { time, candidates });
        moments.push(candidates.compatible().map_err(fail)?);
    }
    let middle = BLOCK.min(local.len());
    for block in [0..middle, middle..local.len()] {
        for run in repeated(&local, block.clone()) {
            settle(&local, run, &block, &mut moments);
        }
    }
    Ok(moments.into_iter().map(to_milliseconds).collect())
}

struct Local {
    time: DateTime,
    candidates: AmbiguousTimestamp,
}

impl Local {
    fn comes_twice(&self) -> bool {
        matches!(self.candidates.offset(), AmbiguousOffset::Fold { .. })
    }

    /// Seconds of local time since another.
    fn seconds_since(&self, other: &Self) -> i64 {
        self.time.duration_since(other.time).as_secs()
    }
}

/// The longest runs of records in the block whose times come twice.
fn repeated(local: &[Local], block: Range<usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let twice = block.filter(|index| local.get(*index).is_some_and(Local::comes_twice));
    for index in twice {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

fn settle(local: &[Local], run: Range<usize>, block: &Range<usize>, moments: &mut [Timestamp]) {
    let order: Vec<usize> = if newest_first(local, &run, block) {
        run.rev().collect()
    } else {
        run.collect()
    };
    let (mut second, mut before): (bool, Option<&Local>) = (false, None);
    for index in order {
        let (Some(this), Some(moment)) = (local.get(index), moments.get_mut(index)) else {
            continue;
        };
        if let Some(before) = before {
            let step = this.seconds_since(before);
            second = (second || step < -DISORDER_SECONDS) && this.time.date() == before.time.date();
        }
        if second && let Ok(later) = this.candidates.later() {
            *moment = later;
        }
        before = Some(this);
    }
}

/// Whether the records of the run stand newest first: told by most steps, or by the neighbours of a short run.
fn newest_first(local: &[Local], run: &Range<usize>, block: &Range<usize>) -> bool {
    let inside = local.get(run.clone()).unwrap_or_default();
    let steps: i64 = inside.windows(2).map(step).sum();
    if steps.abs() >= 3 {
        return steps < 0;
    }
    let wide = run.start.saturating_sub(1).max(block.start)..(run.end + 1).min(block.end);
    let around = local.get(wide).unwrap_or_default();
    match (around.first(), around.last()) {
        (Some(first), Some(last)) if first.time != last.time => last.time < first.time,
        _ => steps < 0,
    }
}

fn step(pair: &[Local]) -> i64 {
    match pair {
        [a, b] => b.seconds_since(a).signum(),
        _ => 0,
    }
}

fn to_milliseconds(moment: Timestamp) -> Timestamp {
    let below = moment.as_nanosecond().rem_euclid(1_000_000);
    let below = i64::try_from(below).unwrap_or_default();
    moment.checked_sub(below.nanoseconds()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(texts: &[&str]) -> Vec<String> {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let moments = instants(texts, &zone).expect("times");
        moments.iter().map(|at| format!("{at:.0}")).collect()
    }

    #[test]
    fn summer_and_winter_have_their_own_distance_to_utc() {
        let found = berlin(&["2025-08-12T14:03:21.123456", "2025-12-12T14:03:21"]);
        assert_eq!(found, ["2025-08-12T12:03:21Z", "2025-12-12T13:03:21Z"]);
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_by_the_order() {
        let day = "2025-10-26T";
        let times = [
            "01:50:00", "02:20:00", "02:50:00", "02:20:00", "02:50:00", "03:20:00",
        ];
        let texts: Vec<String> = times.iter().map(|time| format!("{day}{time}")).collect();
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut expected = ["23:50", "00:20", "00:50", "01:20", "01:50", "02:20"];
        for _ in ["oldest first", "newest first"] {
            let found = berlin(&texts);
            let found: Vec<&str> = found.iter().map(|text| &text[11..16]).collect();
            assert_eq!(found, expected);
            texts.reverse();
            expected.reverse();
        }
    }

    #[test]
    fn without_a_jump_it_is_the_first_and_what_no_clock_showed_is_later() {
        assert_eq!(berlin(&["2025-10-26T02:30:00"]), ["2025-10-26T00:30:00Z"]);
        assert_eq!(berlin(&["2025-03-30T02:30:00"]), ["2025-03-30T01:30:00Z"]);
    }

    #[test]
    fn what_is_no_time_is_named() {
        let error = instants(&["2025-08-12T14:03:21", "yesterday"], &TimeZone::UTC).expect_err("no time");
        let (record, text) = (2, "yesterday".to_owned());
        assert_eq!(error, NoTime { record, text });
    }
}
