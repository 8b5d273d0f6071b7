//! Follows the batches of the collector `devices` and tells which entries they make. What is told of holds for a
//! limited time, and only for time that really passed: a clock that jumps, a suspended host and our own downtime
//! leave a gap, and make neither uptime nor downtime.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::{
    Ledger, Standing, Sums, WINDOWS,
    course::Course,
    entry::{Change, Entry, Gap},
    ledger::window,
    millis, moment, reason,
};
use crate::{
    clock::Now,
    sample::{self, Batch, Reading, Scope, SubjectKind},
};

/// The signal that says how devices stand.
const SIGNAL: &str = "device_up";
/// Clocks are corrected by less than this without anybody noticing.
const JUMP: SignedDuration = SignedDuration::from_secs(1);

/// For how long what was seen is held true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Time between two interval runs.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
}

impl Hold {
    /// What is credited behind the last sign of life when no other came in time.
    fn credited(self) -> Duration {
        self.interval + self.timeout
    }

    /// Up to when anything is known at `now`, on the wall clock alone.
    pub(in crate::history) fn until(self, seen: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let Some(seen) = seen else { return now };
        if now > later(seen, self.overdue()) {
            later(seen, self.credited())
        } else {
            now
        }
    }

    /// When another sign is overdue: runs may be late.
    fn overdue(self) -> Duration {
        self.interval * 2 + self.timeout
    }
}

/// How devices stand, followed from batch to batch.
#[derive(Debug)]
pub struct Tracker {
    ledger: Ledger,
    hold: Hold,
    /// What was agreed on when the last batch came, if that was longer.
    hold_before: Option<Hold>,
    last: Option<Now>,
    /// Devices of the last interval run.
    watched: Vec<SmolStr>,
}

impl Tracker {
    /// Goes on from what a former life left, whose last sign of life was at `seen`. Gives the entry that says so.
    pub(super) fn resume(
        mut ledger: Ledger,
        seen: Option<Timestamp>,
        hold: Hold,
        now: Now,
    ) -> (Self, Option<Entry>) {
        let alive = seen.max(ledger.newest());
        let was_known = ledger
            .courses
            .values()
            .any(|course| course.present() != Standing::Unknown);
        let entry = alive.filter(|_| was_known).map(|alive| Entry {
            gap: Some(Gap {
                from: alive.min(now.wall),
                to: None,
            }),
            ..Entry::new(now.wall)
        });
        if let Some(entry) = &entry {
            ledger.apply(entry);
        }
        ledger.condense(now.wall);
        ledger.forget_strangers(|_| false);
        let tracker = Self {
            ledger,
            hold,
            last: None,
            watched: Vec::new(),
            hold_before: None,
        };
        (tracker, entry)
    }

    /// Begins with nothing.
    #[must_use]
    pub fn new(hold: Hold) -> Self {
        Self {
            ledger: Ledger::default(),
            hold,
            last: None,
            watched: Vec::new(),
            hold_before: None,
        }
    }

    /// From now on devices are asked at other intervals.
    pub fn set_hold(&mut self, hold: Hold) {
        let before = std::mem::replace(&mut self.hold, hold);
        if before.overdue() > hold.overdue() {
            self.hold_before.get_or_insert(before);
        }
    }

    /// What holds until the next batch.
    fn hold(&self) -> Hold {
        self.hold_before.unwrap_or(self.hold)
    }

    /// What is known.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Condenses what is old, and forgets devices of which nothing is known.
    pub(super) fn condense(&mut self, now: Timestamp) {
        self.ledger.condense(now);
        let watched: HashSet<&SmolStr> = self.watched.iter().collect();
        self.ledger.forget_strangers(|device| watched.contains(device));
    }

    /// Devices of the last interval run.
    pub(super) fn watched(&self) -> &[SmolStr] {
        &self.watched
    }

    /// How long a device stood how within the last of each of [`WINDOWS`], from memory.
    #[must_use]
    pub fn windows(&self, device: &str, now: Now) -> Option<[Sums; WINDOWS.len()]> {
        let course = self.ledger.courses.get(device)?;
        let (wall, until) = (millis(now.wall), millis(self.until(now)));
        Some(WINDOWS.map(|(_, length)| window(course, length, wall, until)))
    }

    /// Since when a device stands as it does; `None` where that was never known.
    #[must_use]
    pub fn since(&self, device: &str) -> Option<Timestamp> {
        self.ledger.courses.get(device)?.since().map(moment)
    }

    /// Up to when anything is known at `now`.
    #[must_use]
    pub fn until(&self, now: Now) -> Timestamp {
        let Some(last) = self.last else {
            return now.wall;
        };
        let waited = now.instant.saturating_duration_since(last.instant);
        if waited > self.hold().overdue() {
            later(last.wall, self.hold().credited())
        } else {
            now.wall
        }
    }

    /// Takes a batch in and gives the entries it makes, in order.
    pub(super) fn observe(&mut self, batch: &Batch) -> Vec<Entry> {
        let now = batch.at;
        let last = self.last;
        if last.is_some_and(|last| now.instant < last.instant) {
            // Overtaken by news; the next run tells what is true.
            return Vec::new();
        }
        self.last = Some(now);
        let gap = last.and_then(|last| gap(last, now, self.hold()));
        self.hold_before = None;
        let (mut early, mut late) = (Entry::new(now.wall), Entry::new(now.wall));
        for change in self.changes(batch) {
            let since = since(&change, last, now);
            let (entry, since) = match gap {
                // It was so before the gap: told first, so that the gap carries it on.
                Some(gap) if since < gap.from => (&mut early, since),
                Some(gap) => (&mut late, since.max(gap.to.unwrap_or(since))),
                None => (&mut late, since),
            };
            let since = since.min(now.wall);
            entry.changes.push(Change {
                since: (since != now.wall).then_some(since),
                device: change.device,
                is: change.is,
                why: change.why,
            });
        }
        let mut entries = Vec::new();
        let gap = gap.map(|gap| Entry {
            gap: Some(gap),
            ..Entry::new(now.wall)
        });
        entries.extend(Some(early).filter(|entry| !entry.changes.is_empty()));
        entries.extend(gap);
        entries.extend(Some(late).filter(|entry| !entry.changes.is_empty()));
        for entry in &entries {
            self.ledger.apply(entry);
        }
        entries
    }

    /// The program ends: from now on nothing is known.
    pub(super) fn end(&mut self, now: Now) -> Entry {
        let entry = Entry {
            gap: Some(Gap {
                from: self.until(now).min(now.wall),
                to: None,
            }),
            ..Entry::new(now.wall)
        };
        self.ledger.apply(&entry);
        entry
    }

    /// Devices that stand otherwise than before.
    fn changes(&mut self, batch: &Batch) -> Vec<Changed> {
        let told: HashMap<&SmolStr, &sample::Change> = batch
            .changes
            .iter()
            .map(|change| (&change.subject, change))
            .collect();
        let mut changed = Vec::new();
        for reading in readings(batch) {
            let (device, is) = (&reading.subject, Standing::of(reading.observed));
            let before = self.ledger.courses.get(device).map(Course::present);
            if before.unwrap_or(Standing::Unknown) == is {
                continue;
            }
            let told = told.get(device);
            let why = told
                .map(|change| change.why.clone())
                .filter(|why| !why.is_empty());
            changed.push(Changed {
                device: device.clone(),
                is,
                lasting: told.map(|change| change.lasting),
                why: why.unwrap_or_else(|| reason(reading.observed).unwrap_or_default().into()),
            });
        }
        let is_same = || readings(batch).map(|reading| &reading.subject).eq(&self.watched);
        if batch.scope == Scope::Whole && !is_same() {
            let seen: HashSet<&SmolStr> = readings(batch).map(|reading| &reading.subject).collect();
            let gone = self.watched.iter().filter(|device| !seen.contains(*device));
            changed.extend(gone.map(|device| Changed {
                device: device.clone(),
                is: Standing::Unknown,
                lasting: None,
                why: SmolStr::new_static("no longer watched"),
            }));
            self.watched = readings(batch).map(|reading| reading.subject.clone()).collect();
        }
        changed
    }
}

/// What a batch says of how devices stand.
fn readings(batch: &Batch) -> impl Iterator<Item = &Reading> {
    let readings = batch.readings.iter();
    readings.filter(|reading| reading.signal.name == SIGNAL && reading.signal.subject == SubjectKind::Device)
}

struct Changed {
    device: SmolStr,
    is: Standing,
    lasting: Option<Duration>,
    why: SmolStr,
}

/// When it became so, as the wall clock showed it then: what was before the last batch is counted from there. Where the
/// clock was set back since, as it would have shown it.
fn since(change: &Changed, last: Option<Now>, now: Now) -> Timestamp {
    let Some(lasting) = change.lasting else {
        return now.wall;
    };
    let Some(last) = last else {
        return earlier(now.wall, lasting);
    };
    let passed = now.instant.saturating_duration_since(last.instant);
    match lasting.checked_sub(passed) {
        Some(before) => earlier(last.wall.min(earlier(now.wall, passed)), before),
        None => earlier(now.wall, lasting),
    }
}

/// The time between two batches in which nothing was seen, on the wall clock.
fn gap(last: Now, now: Now, hold: Hold) -> Option<Gap> {
    let passed = now.instant.saturating_duration_since(last.instant);
    let began = earlier(now.wall, passed);
    let jumped = began.duration_since(last.wall).abs() >= JUMP;
    let from = if jumped { began.min(last.wall) } else { last.wall };
    if passed > hold.overdue() {
        return Some(Gap {
            from: later(from, hold.credited()).min(now.wall),
            to: Some(now.wall),
        });
    }
    jumped.then_some(Gap {
        from,
        to: Some(began),
    })
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
