//! What is known of all devices: the entries of the log, taken one after another.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Outage, OutageRecord, Standing, Sums,
    course::{Course, DAY, Day, Mark, State},
    entry::{Change, Entry},
    millis, moment, span,
};

/// Longer ago than this, days with many changes are condensed: a month is exact to the millisecond.
const EXACT: i64 = 35 * DAY;
/// Longer ago than this, nothing is known.
const KEPT: i64 = 400 * DAY;

/// How devices stood.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub(super) courses: BTreeMap<SmolStr, Course>,
    /// Whether causes are kept: they are long.
    with_causes: bool,
    /// Only this device; all unless given.
    only: Option<SmolStr>,
    /// When the last entry was written.
    newest: Option<Timestamp>,
    /// How many courses there were when the map was last packed.
    packed: usize,
}

impl Ledger {
    /// One that keeps causes, of one device or of all.
    pub(in crate::history) fn with_causes(only: Option<&str>) -> Self {
        Self {
            with_causes: true,
            only: only.map(SmolStr::new),
            ..Self::default()
        }
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        self.newest = Some(entry.t);
        for change in &entry.changes {
            let from = millis(change.since.unwrap_or(entry.t));
            let note = Some(&change.why).filter(|_| self.with_causes);
            if let Some(course) = self.course(&change.device) {
                course.set(from, change.is, note);
            }
        }
        if let Some(gap) = entry.gap {
            let (from, to) = (millis(gap.from), gap.to.map(millis));
            self.courses.values_mut().for_each(|course| course.gap(from, to));
        }
        self.pack();
        for (device, (sums, outages, then)) in &entry.days {
            let day = Day {
                sums: *sums,
                outages: *outages,
            };
            if let Some(course) = self.course(device) {
                course.set_day(millis(entry.t), day, *then);
            }
        }
    }

    /// Makes a map of many new devices anew: one that grew by insertions is half empty.
    fn pack(&mut self) {
        if self.courses.len() > self.packed / 8 * 9 {
            self.courses = std::mem::take(&mut self.courses).into_iter().collect();
            self.packed = self.courses.len();
        }
    }

    fn course(&mut self, device: &SmolStr) -> Option<&mut Course> {
        if self.only.as_ref().is_some_and(|only| only != device) {
            return None;
        }
        Some(self.courses.entry(device.clone()).or_default())
    }

    /// Condenses what is old, as seen at `now`, and forgets what is older.
    pub(super) fn condense(&mut self, now: Timestamp) {
        let now = millis(now);
        for course in self.courses.values_mut() {
            course.condense(now - EXACT, now - KEPT);
        }
    }

    /// Forgets devices of which nothing is known, and that `is_watched` does not name.
    pub(super) fn forget_strangers(&mut self, is_watched: impl Fn(&SmolStr) -> bool) {
        self.courses
            .retain(|device, course| is_watched(device) || !course.is_empty());
    }

    /// Entries that lead to the same, in the order of time.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries: BTreeMap<i64, Entry> = BTreeMap::new();
        for (device, course) in &self.courses {
            let mut marks = course.marks().peekable();
            while let Some((Mark { at, state }, day, note)) = marks.next() {
                let entry = entries.entry(at).or_insert_with(|| Entry::new(moment(at)));
                let next = marks.peek().map(|(mark, ..)| mark.state);
                match (state, day) {
                    (State::Is(is), _) => entry.changes.push(Change {
                        device: device.clone(),
                        is,
                        since: None,
                        why: note.cloned().unwrap_or_default(),
                    }),
                    (State::Mixed, Some(day)) => {
                        let then = match next {
                            Some(State::Is(then)) => then,
                            Some(State::Mixed) | None => Standing::Unknown,
                        };
                        entry.days.insert(device.clone(), (day.sums, day.outages, then));
                    }
                    (State::Mixed, None) => {}
                }
            }
        }
        entries.into_values().collect()
    }

    /// When the last entry was written.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Names of the devices, in order.
    pub fn devices(&self) -> impl Iterator<Item = &SmolStr> {
        self.courses.keys()
    }

    /// How long a device stood how within `(from, to)`. Nothing is known behind `until`.
    #[must_use]
    pub fn sums(&self, device: &str, (from, to): (Timestamp, Timestamp), until: Timestamp) -> Sums {
        let none = Course::default();
        let course = self.courses.get(device).unwrap_or(&none);
        sums(course, (millis(from), millis(to)), millis(until))
    }

    /// Since when a device stood how, oldest first, and why; condensed days have no standing of their own.
    #[must_use]
    pub fn standings(&self, device: &str) -> Vec<(Timestamp, Option<Standing>, SmolStr)> {
        let marks = self.courses.get(device).into_iter().flat_map(Course::marks);
        let standings = marks.map(|(mark, _, note)| {
            let standing = match mark.state {
                State::Is(standing) => Some(standing),
                State::Mixed => None,
            };
            (moment(mark.at), standing, note.cloned().unwrap_or_default())
        });
        standings.collect()
    }

    /// Outages of a device that touch `(from, to)`, oldest first, and what they were together. Nothing is known behind
    /// `until`.
    #[must_use]
    pub fn outages(
        &self,
        device: &str,
        (from, to): (Timestamp, Timestamp),
        until: Timestamp,
    ) -> (Vec<Outage>, OutageRecord) {
        let up = self.sums(device, (from, to), until).of(Standing::Up);
        let (begin, end) = (millis(from), millis(to.min(until)).max(millis(from)));
        let found = self.courses.get(device).map(|course| course.outages(begin, end));
        let (outages, more) = found.unwrap_or_default();
        let record = OutageRecord::of(&outages, more, (from, to), up);
        (outages, record)
    }
}

/// As [`Ledger::sums`].
pub(super) fn sums(course: &Course, (from, to): (i64, i64), until: i64) -> Sums {
    let known = to.min(until).max(from);
    let mut sums = course.sums(from, known);
    sums.add(Standing::Unknown, (to - known).max(0));
    sums
}

/// The sums of the last `window` before `now`.
pub(super) fn window(course: &Course, window: std::time::Duration, now: i64, until: i64) -> Sums {
    sums(course, (now.saturating_sub(span(window)), now), until)
}
