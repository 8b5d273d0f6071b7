//! Records summed up per signal and subject over 5 minutes, an hour and a day, aligned to UTC. Each run counts the same
//! in a mean; of `device_up` that is the share of runs in which it was up. Implausible values and missing ones are only
//! counted. Where the clock was set back, a bucket can have several rows, of different records: together they are it.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    nested::{Every, Nested},
    record::{Item, quote},
};
use crate::sample::Observed;

/// Lengths of the buckets in seconds, and how files call them.
pub(super) const LEVELS: [(i64, &str); 3] = [(300, "5m"), (3600, "1h"), (86_400, "1d")];

/// Rows of a level that wait to be written, at most: as many as an import or the loss of a roll-up can make.
const WAITING: usize = 12_000;

/// What many values were.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Summary {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    pub(super) count: u64,
    pub(super) missing: u64,
}

/// As it stands in a file: smallest, mean and largest value, how many there were, how many were missing.
#[derive(Serialize, Deserialize)]
pub(super) struct Cell(Option<f64>, Option<f64>, Option<f64>, u64, u64);

impl Summary {
    pub(super) fn add(&mut self, observed: Observed) {
        match observed {
            Observed::Value(value) if value.is_finite() => self.merge(&Self {
                min: value,
                max: value,
                sum: value,
                count: 1,
                missing: 0,
            }),
            _ => self.missing += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            (self.min, self.max) = (other.min, other.max);
        } else if other.count > 0 {
            self.min = self.min.min(other.min);
            self.max = self.max.max(other.max);
        }
        self.sum += other.sum;
        self.count += other.count;
        self.missing += other.missing;
    }

    /// `None` when no value was there.
    pub(super) fn mean(&self) -> Option<f64> {
        // Rounding must not lead out of the range of what was seen.
        (self.count > 0).then(|| (self.sum / self.count as f64).clamp(self.min, self.max))
    }

    pub(super) fn of_cell(cell: &Cell) -> Self {
        let Cell(Some(min), Some(mean), Some(max), count, missing) = *cell else {
            return Self {
                missing: cell.4,
                ..Self::default()
            };
        };
        Self {
            min,
            max,
            sum: mean * count as f64,
            count,
            missing,
        }
    }
}

/// Beginning of the bucket of `step` seconds that holds `at`.
pub(super) fn floor(at: Timestamp, step: i64) -> Timestamp {
    let second = at.as_nanosecond().div_euclid(1_000_000_000);
    let second = i64::try_from(second).unwrap_or_default();
    Timestamp::from_second(second - second.rem_euclid(step)).unwrap_or(at)
}

/// Summaries by signal and subject.
pub(super) type Series = BTreeMap<SmolStr, BTreeMap<SmolStr, Summary>>;

/// The summary of one series, made where there is none.
pub(super) fn slot<'a>(series: &'a mut Series, signal: &str, subject: &SmolStr) -> &'a mut Summary {
    // Two look-ups, so that only a new signal costs a copy of its name.
    if !series.contains_key(signal) {
        series.insert(signal.into(), BTreeMap::new());
    }
    let subjects = series.entry(signal.into()).or_default();
    subjects.entry(subject.clone()).or_default()
}

/// One bucket, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) start: Timestamp,
    /// Time of the record that came last: where to go on after a restart.
    pub(super) to: Timestamp,
    pub(super) series: Series,
}

impl Row {
    fn new(start: Timestamp) -> Self {
        Self {
            start,
            to: start,
            series: Series::new(),
        }
    }

    /// How many series it has.
    pub(super) fn len(&self) -> usize {
        self.series.values().map(BTreeMap::len).sum()
    }

    fn merge(&mut self, other: &Self) {
        self.to = other.to;
        let is_new = self.series.is_empty();
        for (signal, subjects) in &other.series {
            for (subject, summary) in subjects {
                slot(&mut self.series, signal, subject).merge(summary);
            }
        }
        if is_new {
            self.pack();
        }
    }

    /// Makes the maps anew: ones that grew by insertions are half empty, and series rarely come later.
    fn pack(&mut self) {
        for subjects in self.series.values_mut() {
            *subjects = std::mem::take(subjects).into_iter().collect();
        }
    }

    /// Its line, with the line break.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = String::with_capacity(1024);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{{\"t\":\"{}\",\"to\":\"{:.3}\",\"r\":{{",
            self.start, self.to
        );
        for (place, (signal, subjects)) in self.series.iter().enumerate() {
            text.push_str(if place > 0 { "}," } else { "" });
            quote(&mut text, signal);
            text.push_str(":{");
            for (place, (subject, summary)) in subjects.iter().enumerate() {
                text.push_str(if place > 0 { "," } else { "" });
                quote(&mut text, subject);
                text.push(':');
                let (count, missing) = (summary.count, summary.missing);
                let _ = match summary.mean() {
                    Some(mean) => write!(
                        text,
                        "[{:?},{mean:?},{:?},{count},{missing}]",
                        summary.min, summary.max
                    ),
                    None => write!(text, "[null,null,null,0,{missing}]"),
                };
            }
        }
        text.push_str(if self.series.is_empty() { "}}\n" } else { "}}}\n" });
        text.into_bytes()
    }

    /// Reads one line.
    pub(super) fn decode(line: &[u8]) -> Result<Self, serde_json::Error> {
        let mut series = Series::new();
        let head = Nested::read(line, Every, |signal: &SmolStr, subject, cell: Cell| {
            slot(&mut series, signal, &subject).merge(&Summary::of_cell(&cell));
        })?;
        Ok(Self {
            start: head.at,
            to: head.to.unwrap_or(head.at),
            series,
        })
    }
}

/// One level: the bucket in progress and those that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) live: Option<Row>,
    pub(super) waiting: Vec<Row>,
}

/// Sums a record up. A bucket that ends goes to those that wait, and into the next level.
pub(super) fn absorb<'a>(levels: &mut [Level], at: Timestamp, items: impl Iterator<Item = Item<'a>>) {
    let Some((step, row)) = open(levels, at, 0) else {
        return;
    };
    debug_assert_eq!(step, LEVELS[0].0);
    row.to = at;
    let is_new = row.series.is_empty();
    for item in items {
        slot(&mut row.series, item.signal, item.subject).add(item.observed);
    }
    if is_new {
        row.pack();
    }
}

/// Sums up a row of the level below `level`.
pub(super) fn absorb_row(levels: &mut [Level], below: &Row, level: usize) {
    if let Some((_, row)) = open(levels, below.start, level) {
        row.merge(below);
    }
}

/// Ends all buckets in progress, finest first.
pub(super) fn end(levels: &mut [Level]) {
    let mut place = 0;
    while let Some(level) = levels.get_mut(place) {
        place += 1;
        if let Some(ended) = level.live.take() {
            level.waiting.push(ended.clone());
            absorb_row(levels, &ended, place);
        }
    }
}

/// The bucket in progress that `at` belongs to; another one that is in progress ends.
fn open(levels: &mut [Level], at: Timestamp, level: usize) -> Option<(i64, &mut Row)> {
    let (step, _) = *LEVELS.get(level)?;
    let start = floor(at, step);
    let ended = levels.get_mut(level)?.live.take_if(|live| live.start != start);
    if let Some(ended) = ended {
        absorb_row(levels, &ended, level + 1);
        let waiting = &mut levels.get_mut(level)?.waiting;
        waiting.push(ended);
        if waiting.len() > WAITING {
            waiting.remove(0);
        }
    }
    let row = levels.get_mut(level)?.live.get_or_insert_with(|| Row::new(start));
    Some((step, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Missing;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn feed(levels: &mut [Level], second: i64, observed: Observed) {
        let subject = SmolStr::new_static("eth0");
        let item = Item {
            signal: "a_ratio",
            subject: &subject,
            observed,
        };
        absorb(levels, at(second), [item].into_iter());
    }

    #[test]
    fn a_bucket_ends_with_the_first_record_behind_it_and_feeds_the_next_level() {
        let mut levels: [Level; 3] = Default::default();
        for second in (0..7200).step_by(30) {
            feed(&mut levels, second, Observed::Value(second as f64));
        }
        let [five, hour, day] = &levels;
        assert_eq!((five.waiting.len(), hour.waiting.len()), (23, 1));
        let summary = hour.waiting[0].series["a_ratio"]["eth0"];
        assert_eq!((summary.min, summary.max, summary.count), (0.0, 3570.0, 120));
        assert_eq!(summary.mean(), Some(1785.0));
        let day = day.live.as_ref().expect("in progress");
        assert_eq!((day.start, day.to), (at(0), at(3570)));
    }

    #[test]
    fn missing_and_implausible_values_are_counted_and_rows_read_back() {
        let mut levels: [Level; 3] = Default::default();
        feed(&mut levels, 10, Observed::Missing(Missing::NoSample));
        let row = |levels: &[Level; 3]| levels[0].live.clone().expect("in progress");
        let empty = row(&levels);
        assert_eq!(Row::decode(&empty.encode()).expect("decodes"), empty);
        feed(&mut levels, 20, Observed::Implausible(9e12));
        feed(&mut levels, 30, Observed::Value(-2.5));
        feed(&mut levels, 40, Observed::Value(-1.5));
        let row = row(&levels);
        let line = row.encode();
        assert_eq!(
            String::from_utf8_lossy(&line),
            "{\"t\":\"1970-01-01T00:00:00Z\",\"to\":\"1970-01-01T00:00:40.000Z\",\"r\":{\"a_ratio\":{\"eth0\":[-2.5,-2.0,-1.5,2,2]}}}\n"
        );
        assert_eq!(Row::decode(&line).expect("decodes"), row);
        assert_eq!(super::super::record::end_of(&line), Some(at(40)));
    }

    #[test]
    fn a_clock_set_back_makes_a_second_row_of_the_same_bucket() {
        let mut levels: [Level; 3] = Default::default();
        for second in [299, 301, 299, 600] {
            feed(&mut levels, second, Observed::Value(1.0));
        }
        let starts: Vec<_> = levels[0].waiting.iter().map(|row| row.start).collect();
        assert_eq!(starts, [at(0), at(300), at(0)]);
    }
}
