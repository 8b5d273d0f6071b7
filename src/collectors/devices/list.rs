//! What is wrong with devices, each by itself and all together: names given twice, parents that do not exist or form a
//! circle. The work grows with the number of devices and of parents, not with their product.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{circles::circles, config::Target, options::Ip};
use crate::problem::{Problems, nearest};

/// Comparisons of names that may be spent on guessing which parent was meant: enough for every slip in a list that a
/// person writes.
const COMPARISONS: usize = 50_000;

/// All devices of a configuration, wherever they are listed.
pub(super) struct List<'c> {
    devices: Vec<&'c Target>,
    /// The first device of each name, those of halves included.
    first: HashMap<Cow<'c, str>, usize>,
    circles: Vec<usize>,
    /// Names beyond those of `devices`; `None` when not all are known.
    others: Option<HashSet<&'c str>>,
    names: OnceCell<Vec<&'c str>>,
    compared: Cell<usize>,
}

impl<'c> List<'c> {
    pub(super) fn new(devices: Vec<&'c Target>, others: Option<&'c [String]>) -> Self {
        let mut first = HashMap::with_capacity(devices.len());
        for (position, device) in devices.iter().copied().enumerate() {
            for name in names(device) {
                first.entry(name).or_insert(position);
            }
        }
        let mut edges = vec![Vec::new(); devices.len()];
        for device in &devices {
            let own = first.get(device.display_name());
            if let Some(edges) = own.and_then(|own| edges.get_mut(*own)) {
                let parents = device.parents().iter();
                edges.extend(parents.filter_map(|parent| first.get(parent.as_str()).copied()));
            }
        }
        Self {
            circles: circles(&edges),
            devices,
            first,
            others: others.map(|names| names.iter().map(String::as_str).collect()),
            names: OnceCell::new(),
            compared: Cell::new(0),
        }
    }

    /// Reports what is wrong with the devices of one `part`, by their positions in it. `place` tells people where the
    /// device at a position of the whole list is.
    pub(super) fn examine(
        &self,
        part: Range<usize>,
        place: &dyn Fn(usize) -> String,
        problems: &mut Problems,
    ) {
        let start = part.start;
        for (index, device) in self.devices.get(part).unwrap_or_default().iter().enumerate() {
            problems.at_index(index, |p| {
                device.validate(p);
                self.examine_name(start + index, device, place, p);
                for (position, parent) in device.parents().iter().enumerate() {
                    if let Some(complaint) = self.complaint_about(device.display_name(), parent) {
                        p.within("parents", |p| p.at_index(position, |p| p.push("", complaint)));
                    }
                }
            });
        }
    }

    fn examine_name(
        &self,
        position: usize,
        device: &Target,
        place: &dyn Fn(usize) -> String,
        problems: &mut Problems,
    ) {
        let taken = names(device).find_map(|name| {
            let first = self.first.get(name.as_ref()).filter(|first| **first != position);
            first.map(|first| (name, first))
        });
        if let Some((name, before)) = taken {
            let key = if device.name.is_empty() { "address" } else { "name" };
            let place = place(*before);
            problems.push(
                key,
                format_args!("`{name}` is the name of {place} already; names must be unique"),
            );
        }
    }

    fn complaint_about(&self, own: &str, parent: &str) -> Option<String> {
        if parent == own {
            return Some("a device cannot be its own parent".to_owned());
        }
        let Some(found) = self.first.get(parent) else {
            let is_known = self.others.as_ref().is_none_or(|others| others.contains(parent));
            return (!is_known).then(|| {
                let hint = self.guess(own, parent);
                format!("`{parent}` is not the name of a device{hint}")
            });
        };
        let circle = |position: &usize| self.circles.get(*position);
        let is_circle = self.first.get(own).and_then(circle) == circle(found);
        is_circle
            .then(|| format!("`{parent}` is itself reached through `{own}`; parents must not form a circle"))
    }

    /// The name that was meant, as the end of a sentence.
    fn guess(&self, own: &str, parent: &str) -> String {
        let names = || self.devices.iter().map(|device| device.display_name()).collect();
        let names = self.names.get_or_init(names);
        let compared = self.compared.get() + names.len();
        if compared > COMPARISONS {
            return String::new();
        }
        self.compared.set(compared);
        let near = nearest(parent, names).filter(|near| *near != own);
        near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
    }
}

/// The names that a device takes: its own, which children name it by, and those of its halves.
fn names(device: &Target) -> impl Iterator<Item = Cow<'_, str>> {
    let own = Cow::Borrowed(device.display_name());
    let halves = device.watched_names().filter(|_| device.ip == Ip::Both);
    std::iter::once(own).chain(halves)
}
