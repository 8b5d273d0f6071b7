//! All devices of the configuration in force, and what is due when. One lock guards it; whoever holds the lock only
//! computes.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet},
    net::SocketAddr,
    time::Instant,
};

use smol_str::SmolStr;

use super::{
    beyond::Beyond,
    config::{Config, GATEWAY, Target},
    device::{Device, FollowUp, Place, Spec},
    gateway::Routes,
    probe::{DeviceId, Event, Order},
    profile::Metrics,
    readings,
    schedule::{Plan, Turn},
    state::Limits,
    status::Status,
    topology::Topology,
    uplink::Uplink,
    ways::Stance,
};
use crate::{
    clock::Now,
    sample::{Change, Reading},
};

#[derive(Debug)]
pub(super) struct Table {
    pub(super) enabled: bool,
    plan: Plan,
    pub(super) limits: Limits,
    /// How much is exposed of each device.
    pub(super) metrics: Metrics,
    wants_gateway: bool,
    pub(super) beyond: Beyond,
    /// Boxed: a map of values that large leaves much room unused.
    pub(super) devices: BTreeMap<DeviceId, Box<Device>>,
    /// As in the configuration.
    pub(super) order: Vec<DeviceId>,
    /// One for each device at its next turn; others are of the past and mean nothing.
    pub(super) timers: BinaryHeap<Reverse<(Instant, DeviceId)>>,
    /// When the name of a device is looked up next; `None` while that is under way.
    pub(super) lookups: BTreeMap<DeviceId, Option<Instant>>,
    /// Whether a lookup was brought forward, which whoever makes them has yet to be told.
    pub(super) hastened_lookup: bool,
    next_id: u32,
    pub(super) topology: Topology,
    pub(super) uplink: Uplink,
    /// Devices that keep silent, while it is not known whether their parents are well.
    pub(super) doubtful: BTreeSet<DeviceId>,
    /// Changes that nobody has been told yet.
    news: Vec<Reading>,
    changes: Vec<Change>,
    /// Names of devices that a maintenance window covers.
    maintenance: HashSet<SmolStr>,
    /// Replies the kernel dropped because our buffer was full.
    pub(super) dropped: u64,
}

impl Table {
    /// The devices of `config`; the first checks come soon after `now`.
    pub(super) fn new(config: &Config, now: Now) -> Self {
        let mut table = Self {
            enabled: false,
            plan: plan_of(config, now.instant),
            limits: limits_of(config),
            metrics: config.metrics,
            wants_gateway: false,
            beyond: Beyond::default(),
            devices: BTreeMap::new(),
            order: Vec::new(),
            timers: BinaryHeap::new(),
            lookups: BTreeMap::new(),
            hastened_lookup: false,
            next_id: 0,
            topology: Topology::default(),
            uplink: Uplink::default(),
            doubtful: BTreeSet::new(),
            news: Vec::new(),
            changes: Vec::new(),
            maintenance: HashSet::new(),
            dropped: 0,
        };
        table.apply(config, now);
        table
    }

    /// Takes a changed configuration over. Devices that keep name, address and check keep what they accumulated.
    pub(super) fn apply(&mut self, config: &Config, now: Now) {
        let was_enabled = std::mem::replace(&mut self.enabled, config.enabled);
        self.wants_gateway = config.watches_gateway();
        self.beyond.is_wanted = config.may_watch_gateway();
        let gateway = self.take_gateway();
        let before_plan = self.plan;
        self.plan = plan_of(config, before_plan.epoch);
        self.limits = limits_of(config);
        self.metrics = config.metrics;
        let anchors = self.take_anchors();
        let fresh = self.keep_what_stays(config);
        match (was_enabled, self.enabled) {
            (_, false) => self.devices.values_mut().for_each(|device| device.rest(now)),
            (false, true) => self.reopen(now),
            (true, true) if before_plan != self.plan => self.replan(now),
            (true, true) => {}
        }
        let count = fresh.len();
        for (index, spec) in fresh.into_iter().enumerate() {
            self.add(spec, self.plan.opening(index, count, now.instant), now);
        }
        self.pause_what_is_to_be(now);
        self.put_in_order(config);
        self.place_anchors(config, anchors, now);
        self.place_gateway(gateway, now);
        self.draw_ways();
        self.schedule_lookups(now);
        self.rebuild_timers();
    }

    /// The devices in the order of the configuration.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.order.iter().filter_map(|id| self.device(*id))
    }

    /// All devices, to be changed.
    pub(super) fn devices_mut(&mut self) -> impl Iterator<Item = &mut Device> {
        let devices = self.devices.values_mut().map(Box::as_mut);
        devices.filter(|device| !device.is_anchor)
    }

    /// Sets the timers anew from the devices' turns: for a thread that takes over from one that ended half-way.
    pub(super) fn rebuild_timers(&mut self) {
        self.timers = self
            .devices
            .values()
            .map(|device| Reverse((device.turn.next(), device.id)))
            .collect();
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the routes of this host are to be known.
    pub(super) fn wants_routes(&self) -> bool {
        self.enabled && (self.wants_gateway || self.beyond.is_wanted)
    }

    /// The default gateway and what is reached without it are like this now.
    pub(super) fn set_routes(&mut self, routes: Routes, now: Now) {
        if self.wants_gateway {
            self.set_gateway(routes.gateway, now);
        } else {
            self.know_routes(routes, now);
        }
    }

    /// Lets devices nothing is heard of become unknown.
    pub(super) fn age(&mut self, now: Now) {
        let plan = self.plan;
        self.devices
            .values_mut()
            .for_each(|device| device.age(&plan, now));
    }

    /// Adds what is to be asked now to `orders`.
    pub(super) fn due(&mut self, now: Now, orders: &mut Vec<Order>) {
        while let Some(Reverse((at, id))) = self
            .timers
            .peek()
            .copied()
            .filter(|Reverse((at, _))| *at <= now.instant)
        {
            self.timers.pop();
            let Some(device) = self
                .devices
                .get_mut(&id)
                .filter(|device| device.turn.next() == at)
            else {
                continue;
            };
            if self.enabled && !device.spec.paused {
                orders.extend(device.step(&self.plan, &self.limits, now));
            } else {
                device.turn.postpone(now.instant + self.plan.interval);
            }
            self.timers.push(Reverse((device.turn.next(), id)));
        }
        self.look_at_uplink(now);
        self.redraw_if_due(now);
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        let asked = self.timers.peek().map(|Reverse((at, _))| *at);
        let others = [self.uplink_due(), self.beyond.redraw];
        asked.into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Takes news about a probe into account; what must be asked in consequence is added to `orders`. News about
    /// devices that are gone, or that are not to be watched, is ignored.
    pub(super) fn record(&mut self, event: &Event, now: Now, orders: &mut Vec<Order>) {
        let device = self.devices.get_mut(&event.id.device);
        let Some(device) = device.filter(|device| self.enabled && !device.spec.paused) else {
            return;
        };
        let before = Stance::of(device);
        if let FollowUp::Ask(order) = device.record(event, &self.plan, &self.limits, now) {
            orders.push(order);
            return;
        }
        let falls_silent = before.falls_silent(device);
        // That we answer ourselves says nothing about the way out.
        let is_here = device.address().is_none_or(|address| address.ip().is_loopback());
        if falls_silent {
            self.hasten_lookup(event.id.device, now.instant);
        }
        self.note_news(event.id.device, now);
        self.listen(&event.what, before.is_lost(), is_here, now);
        self.look_around(event.id.device, before, now);
    }

    pub(super) fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id).map(Box::as_ref)
    }

    pub(super) fn device_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(&id).map(Box::as_mut)
    }

    /// Has a device asked at `from` or as soon after it as it may be.
    pub(super) fn hasten(&mut self, id: DeviceId, from: Instant) {
        if let Some(device) = self.devices.get_mut(&id) {
            self.timers.push(Reverse((device.hasten(from), id)));
        }
    }

    /// Keeps what is new until it is told.
    pub(super) fn push_news(&mut self, news: Reading) {
        self.news.push(news);
    }

    /// Keeps what is new about a device until it is told.
    pub(super) fn note_news(&mut self, id: DeviceId, now: Now) {
        if let Some(device) = self.devices.get_mut(&id).filter(|device| !device.is_anchor)
            && device.take_news().is_some()
        {
            self.news.push(readings::of_standing(device));
            self.changes.push(readings::change(device, now));
        }
    }

    /// The devices of these names, and no other, are in a maintenance window from now on.
    pub(super) fn set_maintenance(&mut self, names: HashSet<SmolStr>, now: Now) {
        self.maintenance = names;
        let Self {
            devices,
            maintenance,
            limits,
            ..
        } = self;
        for device in devices.values_mut().filter(|device| !device.is_anchor) {
            let is_covered = maintenance.contains(&device.spec.name);
            if device.machine.excuse(is_covered, limits, now) {
                self.news.push(readings::of_standing(device));
                self.changes.push(readings::change(device, now));
            }
        }
    }

    /// What has changed since the last call.
    pub(super) fn take_news(&mut self) -> Vec<Reading> {
        std::mem::take(&mut self.news)
    }

    /// Since when [what has changed](Self::take_news) is so.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Where the default gateway is now. One at another address is another device, though its name stays. Once
    /// found, a gateway that vanishes stays watched at its last address.
    fn set_gateway(&mut self, gateway: Option<SocketAddr>, now: Now) {
        let Some(address) = gateway.filter(|_| self.wants_gateway) else {
            return;
        };
        let spec = gateway_spec(address);
        let is_same = |device: &Device| device.spec == spec && device.address() == Some(address);
        if self.devices().any(is_same) {
            return;
        }
        // Nothing else is watched beside it.
        self.devices.retain(|_, device| device.is_anchor);
        let anchors = &self.devices;
        self.lookups.retain(|id, _| anchors.contains_key(id));
        let id = self.add(spec, now.instant, now);
        if let Some(device) = self.devices.get_mut(&id) {
            // The address may carry a zone, which its text does not.
            device.place = Place::Fixed(address);
        }
        self.order = vec![id];
        self.draw_ways();
        self.rebuild_timers();
    }

    /// Drops the devices that `config` does not continue; what it has anew is returned.
    fn keep_what_stays(&mut self, config: &Config) -> Vec<Spec> {
        let mut before: HashMap<_, _> = std::mem::take(&mut self.devices)
            .into_values()
            .map(|d| (d.spec.name.clone(), d))
            .collect();
        let mut fresh = Vec::new();
        for spec in config.watched().map(|target| Spec::of(&target)) {
            match before.remove(&spec.name).filter(|old| spec.continues(&old.spec)) {
                Some(old) => self.keep(*old, spec),
                None => fresh.push(spec),
            }
        }
        if let Some(gateway) = before.remove(GATEWAY).filter(|_| self.wants_gateway) {
            let spec = gateway.spec.clone();
            self.keep(*gateway, spec);
        }
        fresh
    }

    /// Takes the devices that are not shown out.
    fn take_anchors(&mut self) -> Vec<Device> {
        self.devices
            .extract_if(.., |_, device| device.is_anchor)
            .map(|(_, device)| *device)
            .collect()
    }

    /// Takes a device out, wherever it is in the order.
    pub(super) fn remove(&mut self, id: DeviceId) -> Option<Device> {
        self.lookups.remove(&id);
        self.devices.remove(&id).map(|device| *device)
    }

    pub(super) fn keep(&mut self, mut device: Device, spec: Spec) {
        device.spec = spec;
        device.account.expose(self.metrics);
        self.devices.insert(device.id, Box::new(device));
    }

    /// Gives every device its place in a changed plan.
    fn replan(&mut self, now: Now) {
        for device in self.devices.values_mut() {
            device.turn = Turn::new(self.plan.next_check(device.id, now.instant));
        }
    }

    /// Has every device asked soon, as after the start.
    fn reopen(&mut self, now: Now) {
        let count = self.devices.len();
        for (index, device) in self.devices.values_mut().enumerate() {
            device.turn = Turn::new(self.plan.opening(index, count, now.instant));
        }
    }

    /// Leaves devices alone that are paused, and has those asked soon that are so no more.
    fn pause_what_is_to_be(&mut self, now: Now) {
        for device in self.devices.values_mut().filter(|_| self.enabled) {
            match (device.spec.paused, device.machine.status() == Status::Paused) {
                (true, false) => device.pause(now),
                (false, true) => device.go_on(now.instant, now),
                _ => continue,
            }
            self.news.push(readings::of_standing(device));
            self.changes.push(readings::change(device, now));
        }
    }

    fn put_in_order(&mut self, config: &Config) {
        let names = config.names().into_iter();
        let positions: HashMap<_, _> = names.zip(0_usize..).collect();
        let mut order: Vec<_> = self
            .devices
            .values()
            .map(|device| (positions.get(device.spec.name.as_str()), device.id))
            .collect();
        order.sort_unstable();
        self.order = order.into_iter().map(|(_, id)| id).collect();
    }

    pub(super) fn add(&mut self, spec: Spec, first: Instant, now: Now) -> DeviceId {
        let id = DeviceId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let is_covered = self.maintenance.contains(&spec.name);
        let mut device = Device::new(id, spec, first, now);
        device.machine.excuse(is_covered, &self.limits, now);
        device.account.expose(self.metrics);
        self.devices.insert(id, Box::new(device));
        id
    }
}

pub(super) fn gateway_spec(address: SocketAddr) -> Spec {
    let target = Target {
        name: GATEWAY.to_owned(),
        ..Target::new(address.ip().to_string())
    };
    Spec::of(&target)
}

fn plan_of(config: &Config, epoch: Instant) -> Plan {
    Plan {
        interval: *config.interval,
        probes: config.probes,
        failures: config.failures,
        timeout: *config.timeout,
        epoch,
    }
}

fn limits_of(config: &Config) -> Limits {
    Limits {
        failures: config.failures,
        loss: config.degraded.loss.0,
        round_trip: *config.degraded.rtt,
        holds: *config.interval + *config.timeout,
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "table_properties.rs"]
mod properties;
