//! What the end of a probe says about other devices. A device that falls silent has everything on the way to it asked
//! at once, and is down only when a parent has answered since; without a parent that is left, it is unreachable. So
//! the order in which devices are asked never makes the ones behind a dead router look dead themselves.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use smol_str::SmolStr;

use super::{
    device::Device,
    probe::DeviceId,
    state::{Cause, Way},
    status::Status,
    table::Table,
    topology::{Edge, Topology},
    versions::other_half,
};
use crate::clock::Now;

/// For so long after a parent came back, the silence of what is behind it is not held against that: a router answers
/// before it forwards.
const SETTLING: Duration = Duration::from_secs(30);
/// What was cut off is asked again one after the other at this distance.
const SPREAD: Duration = Duration::from_millis(2);

/// How a device stood before news about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stance {
    is_lost: bool,
    is_silent: bool,
}

/// What a parent says about the way through it.
enum Passage {
    Open,
    Closed(SmolStr),
    Unclear,
    /// And will not be clear: the parent itself cannot be judged.
    Unknown,
}

impl Stance {
    pub(super) fn of(device: &Device) -> Self {
        Self {
            is_lost: device.machine.is_lost(),
            is_silent: device.machine.is_silent(),
        }
    }

    /// Whether the device keeps silent, and did not before.
    pub(super) fn falls_silent(self, device: &Device) -> bool {
        !self.is_silent && device.machine.is_silent()
    }

    /// Whether it was down or out of reach.
    pub(super) fn is_lost(self) -> bool {
        self.is_lost
    }
}

impl Table {
    /// Draws the ways anew from what the devices name as their parents.
    pub(super) fn draw_ways(&mut self) {
        let ids: HashMap<&SmolStr, DeviceId> = self.devices().map(|d| (&d.spec.name, d.id)).collect();
        let edges = self.devices().flat_map(|device| {
            let known = |name: &SmolStr| ids.get(name).map(|id| (*id, name.clone()));
            let parents = device.spec.parents().iter().filter_map(known);
            parents.map(|(parent, name)| Edge {
                child: device.id,
                parent,
                name,
            })
        });
        let written: Vec<Edge> = edges.collect();
        let topology = Topology::new(written.iter().cloned());
        let topology = match self.default_edges(&topology) {
            added if added.is_empty() => topology,
            added => Topology::new(written.into_iter().chain(added)),
        };
        let has_anchors = self.uplink.has_anchors();
        for device in self.devices_mut() {
            let is_behind = has_anchors || !topology.parents(device.id).is_empty();
            device.machine.set_behind(is_behind);
        }
        self.topology = topology;
        self.doubtful.clear();
    }

    /// How many devices can be reached only through the one of this name. Of two halves that are both lost, each
    /// has behind it what can be reached only through either.
    pub(super) fn behind(&self, name: &str) -> usize {
        let Some(id) = self.topology.parent(name) else {
            return 0;
        };
        let other = other_half(name).and_then(|other| self.topology.parent(&other));
        let other = other.filter(|other| self.is_lost(*other));
        let lost: Vec<DeviceId> = [id].into_iter().chain(other).collect();
        self.topology.cut_off_without(&lost)
    }

    /// Draws conclusions from news about a device that stood like this before.
    pub(super) fn look_around(&mut self, id: DeviceId, before: Stance, now: Now) {
        if self.topology.is_flat() && !self.uplink.has_anchors() {
            return;
        }
        self.ask_on_the_way(id, before, now);
        self.find_way(id, now);
        let mut open = vec![(id, before.is_lost)];
        let has_no_parents = |id: &DeviceId| self.topology.parents(*id).is_empty();
        let waiting: Vec<DeviceId> = self.doubtful.iter().copied().filter(has_no_parents).collect();
        for root in waiting {
            let before = self.is_lost(root);
            self.find_way(root, now);
            open.push((root, before));
        }
        while let Some((id, was_lost)) = open.pop() {
            let is_lost = self.is_lost(id);
            if is_lost == was_lost && self.doubtful.is_empty() {
                continue;
            }
            let children = self.topology.children(id).to_vec();
            for (place, child) in (0_u32..).zip(children) {
                let before = self.is_lost(child);
                if was_lost && !is_lost {
                    self.let_through(child, now.instant + SPREAD * place);
                }
                if was_lost != is_lost || self.doubtful.contains(&child) {
                    self.find_way(child, now);
                }
                if self.is_lost(child) != before {
                    open.push((child, before));
                }
            }
        }
    }

    /// Has everything on the way to a device asked that has just fallen silent, or has come back.
    fn ask_on_the_way(&mut self, id: DeviceId, before: Stance, now: Now) {
        let Some(device) = self.device(id) else {
            return;
        };
        let after = Stance::of(device);
        let is_back = before.is_lost && !after.is_lost;
        let falls_silent = after.is_silent && (!before.is_silent || device.machine.is_doubtful());
        if !is_back && !falls_silent {
            return;
        }
        self.ask_witnesses(now);
        for id in self.topology.ancestors(id) {
            // Those known to be down have their own turns, unless there is a sign of life.
            if is_back || !self.is_lost(id) {
                self.hasten(id, now.instant);
            }
        }
    }

    /// A parent of the device is back: what was missed before says nothing any more.
    fn let_through(&mut self, id: DeviceId, at: Instant) {
        let is_cut_off = self.topology.parents(id).iter().all(|id| self.is_lost(*id));
        let device = self.device_mut(id).filter(|_| !is_cut_off);
        if let Some(device) = device.filter(|device| device.machine.status() == Status::Unreachable) {
            device.begin_afresh();
            self.hasten(id, at);
        }
    }

    fn find_way(&mut self, id: DeviceId, now: Now) {
        let limits = self.limits;
        let way = self.way_to(id, now.instant);
        if way == Some(Way::Doubtful) {
            self.doubtful.insert(id);
        } else {
            self.doubtful.remove(&id);
        }
        if let (Some(way), Some(device)) = (way, self.device_mut(id)) {
            device.found_way(way, &limits, now);
            self.note_news(id, now);
        }
    }

    /// What is known about the way to a device; `None` while it does not keep silent.
    fn way_to(&self, id: DeviceId, now: Instant) -> Option<Way> {
        let device = self.device(id).filter(|device| !device.is_anchor)?;
        let since = device.machine.silent_since()?;
        let parents = self.topology.parents(id);
        if parents.is_empty() || self.uplink.is_gone() {
            return Some(self.uplink.way(since));
        }
        let (mut is_unclear, mut root) = (false, None);
        for parent in parents.iter().filter_map(|id| self.device(*id)) {
            match passage(parent, since, now) {
                Passage::Open => return Some(Way::Open),
                Passage::Closed(name) => root = root.or(Some(name)),
                Passage::Unclear => is_unclear = true,
                Passage::Unknown => {}
            }
        }
        Some(match root {
            _ if is_unclear => Way::Doubtful,
            Some(root) => Way::Cut(root),
            None => Way::Open,
        })
    }

    fn is_lost(&self, id: DeviceId) -> bool {
        self.device(id).is_some_and(|device| device.machine.is_lost())
    }
}

fn passage(parent: &Device, since: Instant, now: Instant) -> Passage {
    let machine = &parent.machine;
    let has_answered = parent.account.last_success.is_some_and(|at| at.instant >= since);
    let settles = machine.returned().is_some_and(|at| now < at + SETTLING);
    match (machine.status(), machine.cause()) {
        (Status::Unreachable, Cause::Behind(root)) => Passage::Closed(root.clone()),
        (Status::Down | Status::Unreachable, _) => Passage::Closed(parent.spec.name.clone()),
        _ if has_answered && !settles => Passage::Open,
        (Status::Up | Status::Degraded, _)
        | (Status::Unknown, Cause::NotProbedYet | Cause::LookingUp | Cause::Uplink) => Passage::Unclear,
        (Status::Unknown | Status::Paused | Status::Maintenance, _) => Passage::Unknown,
    }
}

#[cfg(test)]
#[path = "ways_tests.rs"]
mod tests;
