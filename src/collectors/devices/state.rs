//! The status of one device, from the outcomes of its probes. Pure: (state, outcome, now) gives the next state.
//! One miss is a suspicion, `failures` misses in a row are an outage, one answer ends either. Whether an outage is the
//! device's own depends on the [`Way`] to it, which whoever knows its parents tells.

use std::{
    fmt,
    time::{Duration, Instant},
};

use smol_str::SmolStr;

use super::{
    probe::{Miss, Outcome, Unsent, UnsentReason},
    status::Status,
    uptime::{Counting, Uptime},
    window::{LENGTH, Window},
};
use crate::clock::Now;

/// A single lost packet is no loss worth a word.
const LOSS_FLOOR: usize = 2;

/// Where the lines between the statuses are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Misses in a row until down.
    pub(super) failures: u32,
    /// Share of lost probes above which a device is degraded.
    pub(super) loss: f64,
    /// Mean round-trip time above which a device is degraded.
    pub(super) round_trip: Duration,
    /// Time after an outcome for which its status is held to be true: the next one is due by then.
    pub(super) holds: Duration,
}

/// What is known of the way to a device that keeps silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing is known to be before the device.
    Direct,
    /// Whether its parents, or our own way out, are well is not known yet.
    Doubtful,
    /// A parent, or for one without parents anything, has answered since the device fell silent: it is down itself.
    Open,
    /// No parent is left. This one is down, and nothing before it is.
    Cut(SmolStr),
    /// Our own way out is gone.
    Adrift,
}

/// Why a device has the status it has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    NotProbedYet,
    LookingUp,
    Answers,
    Missed(Miss),
    Loss(f64),
    Slow(Duration),
    Unsent(Unsent),
    Silent,
    Disabled,
    Behind(SmolStr),
    Uplink,
    Paused,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProbedYet => f.write_str("not probed yet"),
            Self::LookingUp => f.write_str("its name is being looked up"),
            Self::Answers => Ok(()),
            Self::Missed(miss) => miss.fmt(f),
            Self::Loss(share) => write!(f, "{:.0} % of the last probes lost", share * 100.0),
            Self::Slow(mean) => write!(f, "answers take {:.0} ms on average", mean.as_secs_f64() * 1e3),
            Self::Unsent(unsent) => unsent.fmt(f),
            Self::Disabled => f.write_str("devices are not watched at present"),
            Self::Behind(root) => write!(f, "behind {root}, which is down"),
            Self::Uplink => f.write_str("the uplink of this host is gone"),
            Self::Paused => f.write_str("paused in the configuration"),
            Self::Silent => f.write_str("no probe ended in the last three intervals"),
        }
    }
}

/// What uptime tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Footing {
    /// Whether it is reachable; `None` also where that does not count.
    up: Option<bool>,
    is_paused: bool,
    is_excused: bool,
}

/// State of one device.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    status: Status,
    cause: Cause,
    way: Way,
    misses: u32,
    /// When the first of these misses was known.
    silent_since: Option<Instant>,
    /// When it last answered after it was down or out of reach.
    returned: Option<Instant>,
    /// The last miss of the present silence for which the network gave a reason.
    explained: Option<Miss>,
    unsent: u32,
    window: Window,
    /// Whether a maintenance window covers it.
    is_excused: bool,
    /// When the last such window ended.
    excused_until: Option<Instant>,
    /// On what footing it is, since when that is so, and whether somebody has yet to be told.
    footing: (Footing, Instant),
    is_untold: bool,
    definite: Option<bool>,
    changes: u64,
    changed_at: Option<Now>,
    uptime: Uptime,
}

impl Machine {
    /// Nothing is known yet.
    pub(super) fn new(now: Now) -> Self {
        Self {
            status: Status::Unknown,
            cause: Cause::NotProbedYet,
            way: Way::Direct,
            misses: 0,
            silent_since: None,
            returned: None,
            explained: None,
            unsent: 0,
            window: Window::default(),
            is_excused: false,
            excused_until: None,
            footing: (Footing::default(), now.instant),
            is_untold: false,
            definite: None,
            changes: 0,
            changed_at: None,
            uptime: Uptime::new(now.instant),
        }
    }

    /// How the device itself fares.
    pub(super) fn status(&self) -> Status {
        self.status
    }

    /// The status that people see: in a maintenance window that it is in one.
    pub(super) fn shown(&self) -> Status {
        if self.is_excused && self.status != Status::Paused {
            Status::Maintenance
        } else {
            self.status
        }
    }

    /// Whether a maintenance window covers it.
    pub(super) fn is_excused(&self) -> bool {
        self.is_excused
    }

    /// Whether a maintenance window covers it from now on. Tells whether that is new.
    pub(super) fn excuse(&mut self, is_excused: bool, limits: &Limits, now: Now) -> bool {
        if self.is_excused == is_excused {
            return false;
        }
        self.is_excused = is_excused;
        if !is_excused {
            self.excused_until = Some(now.instant);
        }
        self.settle(limits.holds, now);
        true
    }

    pub(super) fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether the last probe was missed.
    pub(super) fn is_silent(&self) -> bool {
        self.misses > 0
    }

    /// Since when it has kept silent, if it does.
    pub(super) fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// When it last answered after it was down or out of reach.
    pub(super) fn returned(&self) -> Option<Instant> {
        self.returned
    }

    /// Whether it is down or out of reach.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.status, Status::Down | Status::Unreachable)
    }

    /// Whether it is in an outage, be it ours, so that what is missed meanwhile is no loss afterwards.
    pub(super) fn is_in_outage(&self) -> bool {
        self.is_lost() || self.cause == Cause::Uplink
    }

    /// Whether its silence is explained, so that there is no haste to ask again.
    pub(super) fn is_settled(&self) -> bool {
        match self.status {
            Status::Down => true,
            Status::Unreachable => matches!(self.way, Way::Cut(_)),
            _ => false,
        }
    }

    /// Whether it keeps silent and nothing is known of the way to it.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_silent() && self.way == Way::Doubtful
    }

    /// Whether others have a say in why it keeps silent, from now on.
    pub(super) fn set_behind(&mut self, is_behind: bool) {
        if !is_behind {
            self.way = Way::Direct;
        } else if self.way == Way::Direct {
            self.way = Way::Doubtful;
        }
    }

    /// What is known of the way to it, while it keeps silent.
    pub(super) fn found_way(&mut self, way: Way, limits: &Limits, now: Now) {
        if !self.is_silent() || self.way == Way::Direct {
            return;
        }
        let before = self.status;
        self.way = way;
        self.conclude(limits);
        if self.status != before {
            self.settle(limits.holds, now);
        }
    }

    /// The way to it is open again: nothing that was missed before counts.
    pub(super) fn begin_afresh(&mut self) {
        self.hear_again();
        self.window.clear();
    }

    /// Changes between up and down, and when the last one was.
    pub(super) fn changes(&self) -> (u64, Option<Now>) {
        (self.changes, self.changed_at)
    }

    /// Since when it is reachable, or is not, or that cannot be told or does not count; an outage begins with its
    /// first miss, or with the end of the maintenance window in which that was.
    pub(super) fn since(&self) -> Instant {
        self.footing.1
    }

    /// Whether that is new since the last call.
    pub(super) fn take_untold(&mut self) -> bool {
        std::mem::take(&mut self.is_untold)
    }

    /// Time for which the state was known, and time up, until `now`.
    pub(super) fn uptime(&self, now: Now) -> (Duration, Duration) {
        self.uptime.totals(now.instant)
    }

    /// Share of the last `probes` ended probes (at most ten) that were lost.
    pub(super) fn recent_loss(&self, probes: u32) -> Option<f64> {
        let taken = self.window.len().min(probes as usize);
        let lost = self.window.lost(taken);
        (taken > 0).then(|| lost as f64 / taken as f64)
    }

    /// Takes the outcome of the newest probe into account.
    pub(super) fn apply(&mut self, outcome: &Outcome, limits: &Limits, now: Now) {
        match outcome {
            Outcome::Answered(answer) => self.answered(answer.round_trip, limits, now),
            Outcome::Missed(miss) => self.missed(*miss, limits, now),
            Outcome::Unsent(unsent) => self.not_sent(unsent, limits),
        }
        self.settle(limits.holds, now);
    }

    /// A probe that was sent before the last answered one was lost: loss, but no suspicion.
    pub(super) fn missed_before_answer(&mut self, limits: &Limits, now: Now) {
        self.window.push(None);
        self.judge(limits);
        self.settle(limits.holds, now);
    }

    /// Nothing has been heard for so long that no status would be honest.
    pub(super) fn forget(&mut self, cause: Cause, now: Now) {
        self.unknown(cause);
        self.settle(Duration::ZERO, now);
    }

    /// It is not asked any more, by request.
    pub(super) fn pause(&mut self, now: Now) {
        self.unknown(Cause::Paused);
        self.status = Status::Paused;
        self.settle(Duration::ZERO, now);
    }

    fn answered(&mut self, round_trip: Duration, limits: &Limits, now: Now) {
        if self.is_in_outage() {
            self.window.clear();
            self.returned = self.is_lost().then_some(now.instant).or(self.returned);
        }
        self.unsent = 0;
        self.hear_again();
        self.window.push(Some(round_trip));
        self.status = Status::Up;
        self.cause = Cause::Answers;
        self.judge(limits);
    }

    fn missed(&mut self, miss: Miss, limits: &Limits, now: Now) {
        self.unsent = 0;
        self.misses = self.misses.saturating_add(1);
        self.silent_since.get_or_insert(now.instant);
        self.window.push(None);
        if miss != Miss::Timeout {
            self.explained = Some(miss);
        }
        self.conclude(limits);
    }

    /// An outage once there are enough misses, and the way to the device is known.
    fn conclude(&mut self, limits: &Limits) {
        if self.misses < limits.failures {
            return;
        }
        (self.status, self.cause) = match &self.way {
            Way::Doubtful => return,
            Way::Cut(root) => (Status::Unreachable, Cause::Behind(root.clone())),
            Way::Adrift => (Status::Unknown, Cause::Uplink),
            // Routers limit how often they explain; silence after an explanation does not take it back.
            Way::Direct | Way::Open => (
                Status::Down,
                Cause::Missed(self.explained.unwrap_or(Miss::Timeout)),
            ),
        };
    }

    fn hear_again(&mut self) {
        (self.misses, self.silent_since, self.explained) = (0, None, None);
        if self.way != Way::Direct {
            self.way = Way::Doubtful;
        }
    }

    fn not_sent(&mut self, unsent: &Unsent, limits: &Limits) {
        self.unsent = self.unsent.saturating_add(1);
        if unsent.reason != UnsentReason::Send || self.unsent >= limits.failures {
            self.unknown(Cause::Unsent(unsent.clone()));
        }
    }

    fn unknown(&mut self, cause: Cause) {
        self.status = Status::Unknown;
        self.cause = cause;
        self.hear_again();
        self.window.clear();
    }

    /// Decides between up and degraded for a device that answers.
    fn judge(&mut self, limits: &Limits) {
        if self.status.is_up() != Some(true) || self.misses > 0 {
            return;
        }
        let lost = self.window.lost(LENGTH);
        let share = lost as f64 / self.window.len().max(1) as f64;
        let mean = self.window.mean();
        (self.status, self.cause) = if lost >= LOSS_FLOOR && share > limits.loss {
            (Status::Degraded, Cause::Loss(share))
        } else if mean > limits.round_trip {
            (Status::Degraded, Cause::Slow(mean))
        } else {
            (Status::Up, Cause::Answers)
        };
    }

    fn settle(&mut self, holds: Duration, now: Now) {
        let up = self.status.is_up();
        self.silent_since = (self.misses > 0).then(|| self.silent_since.unwrap_or(now.instant));
        let footing = Footing {
            up: up.filter(|_| !self.is_excused),
            is_paused: self.status == Status::Paused,
            is_excused: self.is_excused,
        };
        if self.footing.0 != footing {
            let since = self.silent_since.filter(|_| footing.up == Some(false));
            let since = since.map(|since| self.excused_until.map_or(since, |end| since.max(end)));
            self.footing = (footing, since.unwrap_or(now.instant));
            self.is_untold = true;
        }
        if let (Some(before), Some(after)) = (self.definite, up)
            && before != after
        {
            self.changes += 1;
            self.changed_at = Some(now);
        }
        self.definite = up.or(self.definite);
        let counting = match footing.up {
            Some(true) if self.misses > 0 => Counting::Suspended,
            Some(true) => Counting::Up,
            Some(false) => Counting::Down,
            None => Counting::Unknown,
        };
        self.uptime.count(counting, holds, now.instant);
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
