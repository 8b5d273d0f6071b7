//! A made-up network: what the collectors of a demo see instead of this host and its devices. Each value follows from
//! its moment alone, so the same moments always give the same network; only counters are added up on the way.

mod chance;
mod host;
mod network;
mod story;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use self::{
    chance::{chance, unit},
    host::Gauges,
};
pub(super) use self::{host::MOUNTS, network::LINKS};
use super::devices::Target;
use crate::clock::{Clock, Now};

/// CPUs of the made-up host.
pub(super) const CPUS: usize = 4;
/// Disks of the made-up host.
pub(super) const DISKS: [&str; 2] = ["nvme0n1", "sda"];
/// What went wrong in the week before the anchor comes again each week.
const WEEK: f64 = 7.0 * 86_400.0;
/// Counters are added up in steps of this many seconds at most.
const STEP: f64 = 60.0;

/// The made-up network and the moment at which it is looked at.
#[derive(Debug)]
pub struct World {
    anchor: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The moment that is made up; `None` is the present.
    moment: Option<Now>,
    /// Up to where counters are added up, in seconds from the anchor.
    counted: f64,
    totals: Totals,
}

/// Counters of the host since its boot.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) links: [LinkTotals; LINKS.len()],
    /// Seconds of each CPU in use by programs, in use by the system, idle, and waiting for disks.
    pub(super) cpus: [[f64; 4]; CPUS],
    pub(super) disks: [DiskTotals; DISKS.len()],
}

/// Counters of an interface.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LinkTotals {
    pub(super) received: f64,
    pub(super) transmitted: f64,
    pub(super) packets_in: f64,
    pub(super) packets_out: f64,
    pub(super) drops: f64,
    pub(super) errors: f64,
    pub(super) carrier_changes: u32,
}

/// Counters of a disk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DiskTotals {
    pub(super) read: f64,
    pub(super) written: f64,
    pub(super) busy: f64,
}

impl World {
    /// A network whose story leads up to `anchor`, seen from `begin` on.
    #[must_use]
    pub fn new(anchor: Timestamp, begin: Timestamp) -> Self {
        Self {
            anchor,
            state: Mutex::new(State {
                moment: None,
                counted: since(anchor, begin),
                totals: Totals::default(),
            }),
        }
    }

    /// The devices around the made-up host.
    #[must_use]
    pub fn targets() -> Vec<Target> {
        network::targets()
    }

    /// Looks at the network at `moment` from now on; `None` follows the clock of the system.
    pub fn look_at(&self, moment: Option<Now>) {
        self.state().moment = moment;
    }

    /// The moment at which the network is looked at.
    #[must_use]
    pub fn now(&self) -> Now {
        let made_up = self.state().moment;
        made_up.unwrap_or_else(|| Clock::System.now())
    }

    /// When the made-up host was booted, in Unix seconds.
    pub(super) fn booted(&self) -> i64 {
        self.anchor.as_second() - 23 * 86_400 - 5_000
    }

    /// The moment, and the counters by then.
    pub(super) fn counters(&self) -> (Now, Totals) {
        let now = self.now();
        let until = since(self.anchor, now.wall);
        let mut state = self.state();
        while state.counted < until {
            let step = (until - state.counted).min(STEP);
            let middle = state.counted + step / 2.0;
            network::count(&mut state.totals.links, middle, self.hour(middle), step);
            host::count(&mut state.totals, middle, self.hour(middle), step);
            state.counted += step;
        }
        (now, state.totals.clone())
    }

    /// What goes up and down on the host.
    pub(super) fn gauges(&self, now: Now) -> Gauges {
        let at = since(self.anchor, now.wall);
        host::gauges(at, self.hour(at))
    }

    /// Whether the interface at this place of [`LINKS`] has a link.
    pub(super) fn is_linked(&self, link: usize, now: Now) -> bool {
        network::is_linked(link, since(self.anchor, now.wall))
    }

    /// After how long the device of this name answers its probe of this number; `None` is never.
    pub(super) fn answer(&self, device: &str, number: u64, now: Now) -> Option<Duration> {
        let at = since(self.anchor, now.wall);
        network::reply(device, number, at, self.hour(at))
    }

    /// Hour of the day, 0 to 24, in UTC.
    fn hour(&self, at: f64) -> f64 {
        (self.anchor.as_duration().as_secs_f64() + at).rem_euclid(86_400.0) / 3600.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds from the anchor, negative before it.
fn since(anchor: Timestamp, at: Timestamp) -> f64 {
    at.duration_since(anchor).as_secs_f64()
}

/// How busy the house is at this hour, 0 to 1: little at night, most in the afternoon, some more in the evening.
fn bustle(hour: f64) -> f64 {
    let hill = |top: f64, width: f64| {
        let away = (hour - top + 12.0).rem_euclid(24.0) - 12.0;
        (-(away / width).powi(2)).exp()
    };
    (0.08 + 0.7 * hill(14.5, 4.0) + 0.45 * hill(20.5, 1.6)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        let anchor: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        World::new(anchor, anchor - Duration::from_hours(24 * 7))
    }

    #[test]
    fn counters_only_grow_and_do_not_depend_on_how_often_they_are_read() {
        let (often, seldom) = (world(), world());
        let mut now = Clock::System.now();
        now.wall = seldom.anchor - Duration::from_hours(24 * 7);
        let mut before = 0.0;
        for _ in 0..60 {
            now = now.after(Duration::from_mins(2));
            often.look_at(Some(now));
            let (_, totals) = often.counters();
            assert!(totals.links[0].received > before);
            before = totals.links[0].received;
        }
        seldom.look_at(Some(now));
        let (_, totals) = seldom.counters();
        assert!((totals.links[0].received / before - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_goes_wrong_comes_again_each_week() {
        let world = world();
        let mut now = Clock::System.now();
        for weeks in [0, 1] {
            now.wall = world.anchor + Duration::from_hours(weeks * 24 * 7) - Duration::from_mins(5);
            assert_eq!(world.answer("camera-gate", 1, now), None);
            now.wall -= Duration::from_hours(3);
            assert!((0..9).any(|number| world.answer("camera-gate", number, now).is_some()));
        }
    }
}
