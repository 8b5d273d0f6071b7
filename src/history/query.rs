//! A question about a stretch of time and its answer: per signal and subject, buckets of smallest, mean and largest
//! value, so that no peak is lost however long the stretch. What was not recorded is absent.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeTuple};
use serde_json::Value;
use smol_str::SmolStr;

use super::{
    Error, Reader, Stream,
    nested::{Nested, Wanted},
    record::{Form, time_of},
    rollup::{Cell, LEVELS, Row, Summary, floor},
    state::{Pieces, StreamState, lock},
};
use crate::figures::Unit;

/// More points than this are never given.
const MOST_POINTS: usize = 10_000;

/// Steps in seconds from which one is taken where none is given, or too short a one.
const NICE: [i64; 11] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300];

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Of which stream.
    pub stream: Stream,
    /// From when on, included.
    pub from: Timestamp,
    /// Up to when, included.
    pub to: Timestamp,
    /// Length of a bucket; the shortest of some round ones that `max_points` allows unless given. It is rounded up to
    /// whole seconds, from 5 minutes on to a multiple of them, and likewise from an hour and from a day on.
    pub step: Option<Duration>,
    /// Points in each series at most, and at least 2; of the stream `alerts`, transitions.
    pub max_points: usize,
    /// Only these signals; all if empty.
    pub signals: Vec<String>,
    /// Only these subjects; all if empty.
    pub subjects: Vec<String>,
}

impl Query {
    /// All series of a stream in these times, 300 points each.
    #[must_use]
    pub fn new(stream: Stream, from: Timestamp, to: Timestamp) -> Self {
        Self {
            stream,
            from,
            to,
            step: None,
            max_points: 300,
            signals: Vec::new(),
            subjects: Vec::new(),
        }
    }

    /// Seconds from bucket to bucket.
    fn step_seconds(&self) -> i64 {
        let points = i64::try_from(self.max_points.clamp(2, MOST_POINTS)).unwrap_or(i64::MAX);
        let fits = |step: &i64| buckets(self.from, self.to, *step) <= points;
        let asked = self.step.map_or(1, |step| {
            let whole = step.as_secs() + u64::from(step.subsec_nanos() > 0);
            i64::try_from(whole).unwrap_or(i64::MAX / 4).max(1)
        });
        if let Some(step) = Some(round_up(asked)).filter(fits) {
            return step;
        }
        let mut steps = NICE.into_iter().filter(|step| *step > asked);
        if let Some(step) = steps.find(fits) {
            return step;
        }
        let span = self.to.as_second().saturating_sub(self.from.as_second()).max(0);
        let mut step = round_up(asked.max(span / points).max(LEVELS[0].0));
        // Aligned buckets stand out at both ends of the stretch.
        while !fits(&step) {
            step = round_up(step + 1);
        }
        step
    }
}

/// The next length that a level can give.
fn round_up(step: i64) -> i64 {
    let levels = LEVELS.iter().rev();
    let unit = levels
        .map(|(unit, _)| *unit)
        .find(|unit| step >= *unit)
        .unwrap_or(1);
    step.saturating_add(unit - 1) / unit * unit
}

fn buckets(from: Timestamp, to: Timestamp, step: i64) -> i64 {
    (to.as_second().div_euclid(step) - from.as_second().div_euclid(step)) + 1
}

/// What was recorded, as the interface gives it:
///
/// ```json
/// {"stream":"system","from":"2026-11-25T11:00:00Z","to":"2026-11-25T12:00:00Z","step_seconds":60,
///  "series":[{"signal":"cpu_usage_ratio","subject":"","unit":"ratio","points":[[1795604400,0.1,0.25,0.9,2]]}]}
/// ```
///
/// A point is the Unix time its bucket begins, smallest, mean and largest value, and how many values there were. The
/// stream `alerts` has `transitions` in place of `step_seconds`, and no series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Of which stream.
    pub stream: Stream,
    /// From when on.
    pub from: Timestamp,
    /// Up to when.
    pub to: Timestamp,
    /// Seconds from bucket to bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<i64>,
    /// By signal and subject.
    pub series: Vec<Answered>,
    /// Transitions of alerts, newest last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitions: Option<Vec<Value>>,
}

/// One signal of one subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answered {
    /// Name of the signal.
    pub signal: SmolStr,
    /// Which interface, mount, disk, sensor or device; empty for the host.
    pub subject: SmolStr,
    /// Such as `bytes_per_second`; none for plain numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// Buckets in which a value was seen, oldest first.
    pub points: Vec<Point>,
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When it begins.
    pub at: Timestamp,
    /// Smallest value.
    pub min: f64,
    /// Mean of all values.
    pub mean: f64,
    /// Largest value.
    pub max: f64,
    /// How many values there were.
    pub count: u64,
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(5)?;
        tuple.serialize_element(&self.at.as_second())?;
        tuple.serialize_element(&self.min)?;
        tuple.serialize_element(&self.mean)?;
        tuple.serialize_element(&self.max)?;
        tuple.serialize_element(&self.count)?;
        tuple.end()
    }
}

impl Reader {
    /// Answers a query from the records, or from the finest roll-up that gives the step. Where the records do not
    /// reach back as far as the query and the roll-ups do, these answer, with their longer step.
    pub fn query(&self, query: &Query) -> Result<Answer, Error> {
        let mut answer = Answer {
            stream: query.stream,
            from: query.from,
            to: query.to,
            step_seconds: None,
            series: Vec::new(),
            transitions: None,
        };
        if query.stream == Stream::Alerts {
            let limit = query.max_points.clamp(1, MOST_POINTS);
            answer.transitions = Some(self.transitions(query.from, query.to, limit)?);
            return Ok(answer);
        }
        let mut step = query.step_seconds();
        let (pieces, mut found) = {
            let state = lock(self.shared(query.stream));
            if step < LEVELS[0].0 && is_longer_rolled_up(&state, query.from) {
                step = LEVELS[0].0;
            }
            let level = LEVELS.iter().rposition(|(unit, _)| step >= *unit);
            let mut found = Found::new(query, step);
            // Under one lock, so that a bucket is either in progress or in the file.
            let file = level.and_then(|level| state.rollups.get(level));
            let from = if file.is_some() {
                floor(query.from, step)
            } else {
                query.from
            };
            let pieces = file.unwrap_or(&state.records).view(&*self.disk, from, query.to)?;
            if let Some(level) = level {
                found.in_progress(&state, level);
            }
            (pieces, found)
        };
        if let Some(pieces) = pieces {
            found.read(pieces).map_err(|source| Error::Read {
                path: query.stream.name().into(),
                source,
            })?;
        }
        answer.step_seconds = Some(step);
        answer.series = found.answered();
        Ok(answer)
    }
}

fn is_longer_rolled_up(state: &StreamState, from: Timestamp) -> bool {
    let [rollup, ..] = &state.rollups;
    let Some(oldest) = state.records.oldest else {
        return rollup.oldest.is_some();
    };
    let begins = floor(oldest, LEVELS[0].0);
    oldest > from && rollup.oldest.is_some_and(|rolled| rolled < begins)
}

type Buckets = BTreeMap<SmolStr, BTreeMap<SmolStr, BTreeMap<i64, Summary>>>;

/// What was found so far.
struct Found<'a> {
    query: &'a Query,
    step: i64,
    buckets: Buckets,
}

impl<'a> Found<'a> {
    fn new(query: &'a Query, step: i64) -> Self {
        let buckets = Buckets::new();
        Self { query, step, buckets }
    }

    /// Rows that are not in the file of this level.
    fn in_progress(&mut self, state: &StreamState, level: usize) {
        let live = state
            .levels
            .iter()
            .take(level + 1)
            .filter_map(|level| level.live.as_ref());
        let waiting = state.levels.get(level).map(|level| level.waiting.iter());
        for row in waiting.into_iter().flatten().chain(live) {
            self.row(row);
        }
    }

    fn row(&mut self, row: &Row) {
        if !self.covers(row.start) {
            return;
        }
        let bucket = floor(row.start, self.step).as_second();
        for (signal, subjects) in row.series.iter().filter(|(signal, _)| self.query.signal(signal)) {
            for (subject, summary) in subjects.iter().filter(|(subject, _)| self.query.subject(subject)) {
                add(&mut self.buckets, signal, subject.clone(), bucket, summary);
            }
        }
    }

    fn covers(&self, start: Timestamp) -> bool {
        start >= floor(self.query.from, self.step) && start <= self.query.to
    }

    fn read(&mut self, mut pieces: Pieces) -> std::io::Result<()> {
        let mut line = Vec::new();
        let is_rollup = self.step >= LEVELS[0].0;
        while pieces.next_into(&mut line)?.is_some() {
            let Some(at) = time_of(&line) else { continue };
            let is_wanted = if is_rollup {
                self.covers(at)
            } else {
                at >= self.query.from && at <= self.query.to
            };
            if is_wanted {
                self.line(&line, at, is_rollup);
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], at: Timestamp, is_rollup: bool) {
        let bucket = floor(at, self.step).as_second();
        let buckets = &mut self.buckets;
        // What cannot be read was counted when it was loaded.
        let _ = if is_rollup {
            Nested::read(line, self.query, |signal: &SmolStr, subject, cell: Cell| {
                add(buckets, signal, subject, bucket, &Summary::of_cell(&cell));
            })
        } else {
            Nested::read(line, self.query, |signal: &SmolStr, subject, Form(observed)| {
                let mut summary = Summary::default();
                summary.add(observed);
                add(buckets, signal, subject, bucket, &summary);
            })
        };
    }

    fn answered(self) -> Vec<Answered> {
        let mut series = Vec::new();
        for (signal, subjects) in self.buckets {
            for (subject, buckets) in subjects {
                let points = buckets.iter().filter_map(point).collect();
                series.push(Answered {
                    unit: unit(&signal),
                    signal: signal.clone(),
                    subject,
                    points,
                });
            }
        }
        series
    }
}

fn add(buckets: &mut Buckets, signal: &SmolStr, subject: SmolStr, bucket: i64, summary: &Summary) {
    let subjects = match buckets.get_mut(signal) {
        Some(subjects) => subjects,
        None => buckets.entry(signal.clone()).or_default(),
    };
    let series = subjects.entry(subject).or_default();
    series.entry(bucket).or_default().merge(summary);
}

fn point((second, summary): (&i64, &Summary)) -> Option<Point> {
    Some(Point {
        at: Timestamp::from_second(*second).ok()?,
        min: summary.min,
        mean: summary.mean()?,
        max: summary.max,
        count: summary.count,
    })
}

fn unit(signal: &str) -> Option<&'static str> {
    Some(match Unit::of(signal) {
        Unit::Ratio => "ratio",
        Unit::BytesPerSecond => "bytes_per_second",
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
        Unit::Celsius => "celsius",
        Unit::PerSecond => "per_second",
        Unit::Up => "up",
        Unit::Number => return None,
    })
}

impl Query {
    fn signal(&self, name: &str) -> bool {
        self.signals.is_empty() || self.signals.iter().any(|wanted| wanted == name)
    }

    fn subject(&self, name: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|wanted| wanted == name)
    }
}

impl Wanted for &Query {
    fn signal(&self, name: &str) -> bool {
        Query::signal(self, name)
    }
    fn subject(&self, name: &str) -> bool {
        Query::subject(self, name)
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
