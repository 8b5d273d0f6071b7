//! How one device stood over time: marks from which on it stood so. Old days with many changes are condensed to how
//! long it stood how; then the order within the day is lost and the sums are not. Later knowledge wins: what is set
//! from a moment on replaces everything that was held true behind it, so that outages are dated back and a clock that
//! is set back repeats nothing.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{Outage, Standing, Sums, moment};

/// Milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;

/// What a device was from a mark on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Is(Standing),
    /// Several within this day, which is condensed.
    Mixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: i64,
    pub(super) state: State,
}

/// A condensed day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) sums: Sums,
    /// Outages that began in it.
    pub(super) outages: u32,
}

/// One device's past, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Course {
    marks: Vec<Mark>,
    /// By their first moment.
    days: BTreeMap<i64, Day>,
    /// Why it stood so from a mark on; only kept where someone asks for it.
    notes: BTreeMap<i64, SmolStr>,
}

impl Course {
    /// How it stands by the last mark.
    pub(super) fn present(&self) -> Standing {
        match self.marks.last().map(|mark| mark.state) {
            Some(State::Is(standing)) => standing,
            Some(State::Mixed) | None => Standing::Unknown,
        }
    }

    /// Since when it stands like that.
    pub(super) fn since(&self) -> Option<i64> {
        self.marks.last().map(|mark| mark.at)
    }

    /// From `from` on it stood so.
    pub(super) fn set(&mut self, from: i64, standing: Standing, note: Option<&SmolStr>) {
        self.forget_from(from);
        let state = State::Is(standing);
        let before = self.marks.last().map(|mark| mark.state);
        if before != Some(state) && !(before.is_none() && standing == Standing::Unknown) {
            if self.marks.is_empty() {
                // Most devices stand as they stood for very long.
                self.marks.reserve_exact(1);
            }
            self.marks.push(Mark { at: from, state });
            if let Some(note) = note.filter(|note| !note.is_empty()) {
                self.notes.insert(from, note.clone());
            }
        }
    }

    /// Nothing was seen from `from` to `to`, or to the next that is set; behind it, it stands as before.
    pub(super) fn gap(&mut self, from: i64, to: Option<i64>) {
        let present = self.present();
        let note = self.notes.last_key_value().map(|(_, note)| note.clone());
        // Of no length: the clock was set back and what is true stays so.
        if to != Some(from) {
            self.set(from, Standing::Unknown, None);
        }
        if let Some(to) = to {
            self.set(to, present, note.as_ref());
        }
    }

    /// A condensed day that begins at `start`, behind which it stood `then`.
    pub(super) fn set_day(&mut self, start: i64, day: Day, then: Standing) {
        self.forget_from(start);
        self.days.insert(start, day);
        let state = State::Mixed;
        self.marks.push(Mark { at: start, state });
        let state = State::Is(then);
        self.marks.push(Mark {
            at: start + DAY,
            state,
        });
    }

    fn forget_from(&mut self, from: i64) {
        while self.marks.pop_if(|mark| mark.at >= from).is_some() {}
        self.days.split_off(&from);
        self.notes.split_off(&from);
    }

    /// Stretches in which the state is one, each from and to, within these times. Before the first mark nothing was
    /// known.
    fn stretches(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64, Mark)> {
        let first = self
            .marks
            .partition_point(|mark| mark.at <= from)
            .saturating_sub(1);
        let marks = self.marks.get(first..).unwrap_or_default();
        let begin = marks.first().map_or(to, |mark| mark.at);
        let unknown = Mark {
            at: i64::MIN,
            state: State::Is(Standing::Unknown),
        };
        let ends = marks.iter().skip(1).map(|mark| mark.at).chain([i64::MAX]);
        let known = marks.iter().zip(ends).map(|(mark, end)| (mark.at, end, *mark));
        std::iter::once((i64::MIN, begin, unknown))
            .chain(known)
            .map(move |(start, end, mark)| (start.max(from), end.min(to), mark))
            .filter(|(start, end, _)| start < end)
    }

    /// How long it stood how from `from` to `to`. In a condensed day that is cut, shares are those of the whole day.
    pub(super) fn sums(&self, from: i64, to: i64) -> Sums {
        let mut sums = Sums::default();
        for (start, end, mark) in self.stretches(from, to) {
            match mark.state {
                State::Is(standing) => sums.add(standing, end - start),
                State::Mixed => {
                    let day = self.days.get(&mark.at).map(|day| day.sums).unwrap_or_default();
                    // From the beginning of the day each time, so that parts of it add up.
                    let upto = |at: i64| day.scaled(at - mark.at, DAY);
                    let (before, mut within) = (upto(start), upto(end));
                    within.merge(&before.negated());
                    sums.merge(&within);
                }
            }
        }
        sums
    }

    /// Outages that touch these times, oldest first, and how many began in condensed days, which have no more than
    /// their number. What lasts is counted up to `to`.
    pub(super) fn outages(&self, from: i64, to: i64) -> (Vec<Outage>, u64) {
        let (mut outages, mut current): (Vec<Outage>, Option<Outage>) = (Vec::new(), None);
        let ends = self.marks.iter().skip(1).map(|mark| Some(mark.at)).chain([None]);
        for (mark, end) in self.marks.iter().zip(ends) {
            match mark.state {
                State::Is(Standing::Down) if mark.at < to || current.is_some() => {
                    let outage = current.get_or_insert_with(|| Outage {
                        start: moment(mark.at),
                        end: None,
                        down: 0,
                        within: 0,
                        cause: self.notes.get(&mark.at).cloned().unwrap_or_default(),
                    });
                    let upto = end.unwrap_or(to.max(mark.at));
                    outage.down += upto - mark.at;
                    outage.within += (upto.min(to) - mark.at.max(from)).max(0);
                    outage.end = end.map(moment);
                }
                State::Is(Standing::Up) | State::Mixed => outages.extend(current.take()),
                State::Is(_) => {}
            }
        }
        outages.extend(current);
        outages.retain(|outage| outage.end.is_none_or(|end| end > moment(from)));
        let days = self.days.range(from.saturating_sub(DAY - 1)..to.max(from));
        let more = days.map(|(_, day)| u64::from(day.outages)).sum();
        (outages, more)
    }

    /// Condenses days with several changes that end before `before`, and drops what ended before `oldest`.
    pub(super) fn condense(&mut self, before: i64, oldest: i64) {
        self.drop_before(oldest);
        let is_old = |mark: &Mark| mark.at.div_euclid(DAY) * DAY + DAY <= before;
        let old = self.marks.partition_point(is_old);
        let crowded = |pair: &[Mark]| {
            let [one, next] = pair else { return None };
            let day = one.at.div_euclid(DAY);
            (day == next.at.div_euclid(DAY)).then_some(day * DAY)
        };
        let mut days: Vec<i64> = self
            .marks
            .get(..old)
            .unwrap_or_default()
            .windows(2)
            .filter_map(crowded)
            .collect();
        days.dedup();
        for start in days {
            self.condense_day(start);
        }
    }

    fn condense_day(&mut self, start: i64) {
        let end = start + DAY;
        let first = self.marks.partition_point(|mark| mark.at < start);
        let behind = self.marks.partition_point(|mark| mark.at <= end);
        let sums = self.sums(start, end);
        let (outages, _) = self.outages(start, end);
        let begun = outages
            .iter()
            .filter(|outage| outage.start >= moment(start))
            .count();
        let then = match self.marks.get(behind.wrapping_sub(1)).map(|mark| mark.state) {
            Some(State::Is(standing)) => State::Is(standing),
            // The next day is condensed as well, and stays.
            Some(State::Mixed) | None => State::Mixed,
        };
        let fresh = [
            Mark {
                at: start,
                state: State::Mixed,
            },
            Mark { at: end, state: then },
        ];
        self.marks.splice(first..behind, fresh);
        self.days.insert(
            start,
            Day {
                sums,
                outages: u32::try_from(begun).unwrap_or(u32::MAX),
            },
        );
        let mut later = self.notes.split_off(&start);
        self.notes.append(&mut later.split_off(&end));
    }

    fn drop_before(&mut self, oldest: i64) {
        let gone = self
            .marks
            .partition_point(|mark| mark.at <= oldest)
            .saturating_sub(1);
        self.marks.drain(..gone);
        if let Some(first) = self
            .marks
            .first_mut()
            .filter(|mark| mark.at < oldest && mark.state != State::Mixed)
        {
            first.at = oldest;
        }
        let from = self.marks.first().map_or(i64::MAX, |mark| mark.at);
        self.days = self.days.split_off(&from);
        self.notes = self.notes.split_off(&from);
    }

    /// Whether nothing is known of it at all.
    pub(super) fn is_empty(&self) -> bool {
        let unknown = State::Is(Standing::Unknown);
        self.marks.iter().all(|mark| mark.state == unknown)
    }

    /// Everything, to be written down: when, what, and why.
    pub(super) fn marks(&self) -> impl Iterator<Item = (Mark, Option<&Day>, Option<&SmolStr>)> {
        let marks = self.marks.iter();
        marks.map(|mark| (*mark, self.days.get(&mark.at), self.notes.get(&mark.at)))
    }
}
