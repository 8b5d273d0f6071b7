//! Which device is reached through which: what lies behind one, and what would be cut off without it. A device with
//! several parents is cut off only when none of them is left. Pure, and empty where no device has a parent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use smol_str::SmolStr;

use super::probe::DeviceId;

/// The ways as they are configured. Free of circles: the configuration is checked for them.
#[derive(Debug, Default)]
pub(super) struct Topology {
    parents: BTreeMap<DeviceId, Vec<DeviceId>>,
    children: BTreeMap<DeviceId, Vec<DeviceId>>,
    /// The devices that are parents.
    by_name: BTreeMap<SmolStr, DeviceId>,
}

/// A device and one of its parents, with the parent's name.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) child: DeviceId,
    pub(super) parent: DeviceId,
    pub(super) name: SmolStr,
}

impl Topology {
    pub(super) fn new(edges: impl IntoIterator<Item = Edge>) -> Self {
        let mut topology = Self::default();
        for Edge { child, parent, name } in edges {
            let parents = topology.parents.entry(child).or_default();
            // Naming a parent twice makes no second way.
            if !parents.contains(&parent) {
                parents.push(parent);
                topology.children.entry(parent).or_default().push(child);
                topology.by_name.insert(name, parent);
            }
        }
        topology
    }

    /// Whether no device has a parent.
    pub(super) fn is_flat(&self) -> bool {
        self.parents.is_empty()
    }

    /// What the device is reached through.
    pub(super) fn parents(&self, id: DeviceId) -> &[DeviceId] {
        self.parents.get(&id).map_or(&[], Vec::as_slice)
    }

    /// What is reached through the device at once.
    pub(super) fn children(&self, id: DeviceId) -> &[DeviceId] {
        self.children.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Everything on the ways to the device, each once.
    pub(super) fn ancestors(&self, id: DeviceId) -> Vec<DeviceId> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        let mut open = VecDeque::from(self.parents(id).to_vec());
        while let Some(next) = open.pop_front() {
            if seen.insert(next) {
                found.push(next);
                open.extend(self.parents(next));
            }
        }
        found
    }

    /// The device of this name, if it is a parent.
    pub(super) fn parent(&self, name: &str) -> Option<DeviceId> {
        self.by_name.get(name).copied()
    }

    /// How many devices cannot be reached when these are gone.
    pub(super) fn cut_off_without(&self, lost: &[DeviceId]) -> usize {
        let mut gone: BTreeSet<_> = lost.iter().copied().collect();
        let mut open = lost.to_vec();
        while let Some(next) = open.pop() {
            for child in self.children(next) {
                let is_cut_off = self.parents(*child).iter().all(|parent| gone.contains(parent));
                if is_cut_off && gone.insert(*child) {
                    open.push(*child);
                }
            }
        }
        gone.len() - lost.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: u32) -> SmolStr {
        smol_str::format_smolstr!("d{id}")
    }

    /// Pairs of child and parent.
    fn topology(edges: &[(u32, u32)]) -> Topology {
        Topology::new(edges.iter().map(|(child, parent)| Edge {
            child: DeviceId(*child),
            parent: DeviceId(*parent),
            name: name(*parent),
        }))
    }

    #[test]
    fn what_has_another_way_is_not_cut_off() {
        type Row = (&'static str, &'static [(u32, u32)], u32, usize);
        let rows: [Row; 8] = [
            ("a leaf", &[(2, 1)], 2, 0),
            ("a star", &[(2, 1), (3, 1), (4, 1)], 1, 3),
            ("a chain", &[(2, 1), (3, 2), (4, 3)], 1, 3),
            ("from its middle", &[(2, 1), (3, 2), (4, 3)], 3, 1),
            ("two ways", &[(3, 1), (3, 2)], 1, 0),
            (
                "two ways that meet above",
                &[(2, 1), (3, 1), (4, 2), (4, 3)],
                1,
                3,
            ),
            ("and only one of them", &[(2, 1), (3, 1), (4, 2), (4, 3)], 2, 0),
            ("the same way twice", &[(2, 1), (2, 1)], 1, 1),
        ];
        for (why, edges, without, expected) in rows {
            let topology = topology(edges);
            let lost = topology.parent(&name(without)).unwrap_or(DeviceId(without));
            assert_eq!(topology.cut_off_without(&[lost]), expected, "{why}");
        }
        let two_ways = topology(&[(3, 1), (3, 2), (4, 3)]);
        assert_eq!(
            two_ways.cut_off_without(&[DeviceId(1), DeviceId(2)]),
            2,
            "both lost"
        );
        assert_eq!(two_ways.parent(&name(4)), None);
    }

    #[test]
    fn ancestors_are_all_on_the_way_each_once() {
        let topology = topology(&[(2, 1), (3, 1), (4, 2), (4, 3), (5, 4)]);
        let ids: Vec<u32> = topology.ancestors(DeviceId(5)).iter().map(|id| id.0).collect();
        assert_eq!(ids, [4, 2, 3, 1]);
        assert_eq!(topology.ancestors(DeviceId(1)), []);
        assert!(!topology.is_flat() && Topology::default().is_flat());
    }
}
