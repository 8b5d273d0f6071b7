//! When the names of devices are looked up, and what comes of it. Looking up is for others: it may take long.

use std::{
    cmp::Reverse,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    device::{Named, Place},
    probe::{DeviceId, IcmpVersion},
    table::Table,
};
use crate::clock::Now;

/// Names are looked up again this long after an answer.
const LOOKUP_AGAIN: Duration = Duration::from_mins(5);
/// And this long after a first failure, as where the network comes up after us; twice as long after each other one.
const LOOKUP_RETRY: Duration = Duration::from_secs(5);
/// But at least this often.
const LOOKUP_RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// The name of a device that falls silent is not looked up again sooner than this.
const LOOKUP_APART: Duration = Duration::from_secs(10);

impl Table {
    /// Names to look up now. Each is given out once until [`resolved`](Self::resolved).
    pub(super) fn take_lookups(&mut self, now: Instant) -> Vec<(DeviceId, String)> {
        if !self.enabled {
            return Vec::new();
        }
        let due = self
            .lookups
            .iter_mut()
            .filter(|(_, at)| at.is_some_and(|at| at <= now));
        due.filter_map(|(id, at)| {
            *at = None;
            self.devices
                .get(id)
                .map(|device| (*id, device.spec.address.to_string()))
        })
        .collect()
    }

    /// When a name is to be looked up next.
    pub(super) fn next_lookup(&self) -> Option<Instant> {
        self.lookups
            .values()
            .flatten()
            .min()
            .copied()
            .filter(|_| self.enabled)
    }

    /// A device that falls silent may have moved: its name is looked up soon, unless that has just been done.
    pub(super) fn hasten_lookup(&mut self, id: DeviceId, now: Instant) {
        if let Some(Some(at)) = self.lookups.get_mut(&id)
            && *at + LOOKUP_APART <= now + LOOKUP_AGAIN
            && *at > now
        {
            *at = now;
            self.hastened_lookup = true;
        }
    }

    /// The answer to a lookup. An address that is still among the answers stays; a failure leaves the last one.
    pub(super) fn resolved(&mut self, id: DeviceId, result: Result<Vec<SocketAddr>, String>, now: Instant) {
        let (Some(device), Some(at)) = (self.devices.get_mut(&id), self.lookups.get_mut(&id)) else {
            return;
        };
        let Place::Named(named) = &mut device.place else {
            return;
        };
        let Named {
            found,
            error,
            tried,
            failures,
        } = &mut **named;
        let before = *found;
        let first = !std::mem::replace(tried, true);
        *at = Some(
            now + if result.is_ok() {
                *failures = 0;
                LOOKUP_AGAIN
            } else {
                let pause = LOOKUP_RETRY * 2_u32.saturating_pow(*failures);
                *failures = failures.saturating_add(1);
                pause.min(LOOKUP_RETRY_AT_MOST)
            },
        );
        match result {
            Ok(mut addresses) => {
                let version = device.spec.version;
                addresses.retain(|at| version.is_none_or(|version| version == IcmpVersion::of(at.ip())));
                let kept = found.filter(|known| addresses.contains(known));
                *found = kept.or(addresses.first().copied());
                *error = match (&found, version) {
                    (Some(_), _) => String::new(),
                    (None, Some(version)) => format!("it has no {version} address"),
                    (None, None) => "it has no address".to_owned(),
                };
            }
            Err(reason) => *error = reason,
        }
        self.beyond.note_move(before, *found, now);
        let has_moved = before.is_some() && found.is_some() && before != *found;
        if has_moved && device.has_moved(now) {
            self.hasten(id, now);
        } else if first {
            device.turn.postpone(now);
            self.timers.push(Reverse((now, id)));
        }
    }

    /// New names are looked up at once; lookups that are under way or planned stay so.
    pub(super) fn schedule_lookups(&mut self, now: Now) {
        let before = std::mem::take(&mut self.lookups);
        let named = self
            .devices
            .values()
            .filter(|device| matches!(device.place, Place::Named(_)));
        self.lookups = named
            .map(|d| (d.id, before.get(&d.id).copied().unwrap_or(Some(now.instant))))
            .collect();
    }
}
