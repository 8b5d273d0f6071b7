//! Devices that are reached through the default gateway of this host: where nothing is said of their parents, it is their
//! parent. Unless one of the devices is the gateway, it is watched for that, as a device of its own: the root of an
//! outage must have a name. Where there is no gateway, nothing is assumed.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use smol_str::SmolStr;

use super::{
    config::GATEWAY,
    device::{Device, Place},
    gateway::Routes,
    probe::DeviceId,
    table::{Table, gateway_spec},
    topology::{Edge, Topology},
};
use crate::clock::Now;

/// Names that are found to lie elsewhere are gathered for so long before the ways are drawn anew.
const GATHERED: Duration = Duration::from_secs(1);

/// What is known of the way beyond the networks of this host.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// Whether any device may be reached through the gateway.
    pub(super) is_wanted: bool,
    routes: Routes,
    /// The device that stands for the gateway, if none of those that are listed does.
    watched: Option<DeviceId>,
    /// When the ways are to be drawn anew.
    pub(super) redraw: Option<Instant>,
}

impl Beyond {
    /// A name that leads to another address may lead another way.
    pub(super) fn note_move(&mut self, before: Option<SocketAddr>, after: Option<SocketAddr>, now: Instant) {
        let is_beyond = |address: Option<SocketAddr>| {
            address.is_some_and(|address| self.routes.lead_through_gateway(address.ip()))
        };
        let gateway = self.routes.gateway.map(|gateway| gateway.ip());
        let is_gateway =
            |address: Option<SocketAddr>| gateway.is_some() && address.map(|a| a.ip()) == gateway;
        if is_beyond(before) != is_beyond(after) || is_gateway(before) != is_gateway(after) {
            self.redraw.get_or_insert(now + GATHERED);
        }
    }
}

impl Table {
    /// Packets go like this now. A gateway that vanishes stays what it was.
    pub(super) fn know_routes(&mut self, routes: Routes, now: Now) {
        if routes.gateway.is_none() || routes == self.beyond.routes || !self.beyond.is_wanted {
            return;
        }
        self.beyond.routes = routes;
        self.redraw(now);
    }

    /// Draws the ways anew once names have moved.
    pub(super) fn redraw_if_due(&mut self, now: Now) {
        if self.beyond.redraw.is_some_and(|at| at <= now.instant) {
            self.redraw(now);
        }
    }

    fn redraw(&mut self, now: Now) {
        let gateway = self.take_gateway();
        self.place_gateway(gateway, now);
        self.draw_ways();
        self.rebuild_timers();
    }

    /// Takes the device out that stands for the gateway.
    pub(super) fn take_gateway(&mut self) -> Option<Device> {
        let id = self.beyond.watched.take()?;
        self.order.retain(|known| *known != id);
        self.remove(id)
    }

    /// Watches the gateway if devices are reached through it and none of them is it; goes on with `before`.
    pub(super) fn place_gateway(&mut self, before: Option<Device>, now: Now) {
        self.beyond.redraw = None;
        let Some(gateway) = self.beyond.routes.gateway.filter(|_| self.beyond.is_wanted) else {
            return;
        };
        let is_needed = self.devices().any(|device| self.is_beyond(device));
        let is_listed = self.devices().any(|device| {
            device.spec.name == GATEWAY || device.address().map(|address| address.ip()) == Some(gateway.ip())
        });
        if !is_needed || is_listed {
            return;
        }
        let spec = gateway_spec(gateway);
        let same = before.filter(|device| device.spec == spec && device.address() == Some(gateway));
        let id = if let Some(device) = same {
            let id = device.id;
            self.keep(device, spec);
            id
        } else {
            let id = self.add(spec, now.instant, now);
            if let Some(device) = self.device_mut(id) {
                // The address may carry a zone, which its text does not.
                device.place = Place::Fixed(gateway);
            }
            id
        };
        self.order.push(id);
        self.beyond.watched = Some(id);
    }

    /// Edges from the devices beyond the gateway to it, but none from what the gateway itself is reached through.
    pub(super) fn default_edges(&self, written: &Topology) -> Vec<Edge> {
        let Some(gateway) = self.beyond.routes.gateway.filter(|_| self.beyond.is_wanted) else {
            return Vec::new();
        };
        let is_gateway =
            |device: &&Device| device.address().map(|address| address.ip()) == Some(gateway.ip());
        let Some(parent) = self.devices().find(is_gateway) else {
            return Vec::new();
        };
        let above: BTreeSet<DeviceId> = written.ancestors(parent.id).into_iter().collect();
        let beyond = self
            .devices()
            .filter(|device| device.id != parent.id && !above.contains(&device.id) && self.is_beyond(device));
        let edge = |device: &Device| Edge {
            child: device.id,
            parent: parent.id,
            name: parent.spec.name.clone(),
        };
        beyond.map(edge).collect()
    }

    /// Names of what a device is reached through.
    pub(super) fn parents_of(&self, device: &Device) -> Vec<SmolStr> {
        if let Some(written) = &device.spec.parents {
            return written.to_vec();
        }
        let parents = self.topology.parents(device.id).iter();
        let names = parents.filter_map(|id| self.device(*id).map(|parent| parent.spec.name.clone()));
        names.collect()
    }

    fn is_beyond(&self, device: &Device) -> bool {
        let address = device.address().filter(|_| device.spec.parents.is_none());
        address.is_some_and(|address| self.beyond.routes.lead_through_gateway(address.ip()))
    }
}

#[cfg(test)]
#[path = "beyond_tests.rs"]
mod tests;
