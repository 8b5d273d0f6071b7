//! Prometheus' `file_sd` format into the tree of a list of devices: each target of a group becomes an entry, labels
//! become its keys, and everything keeps its place in the file. Labels that say nothing about a device are passed over.

use std::collections::HashSet;

use super::{
    shape::listed,
    tree::{Entry, Fault, Node, Origin, Value},
};
use crate::problem::nearest;

/// What a group may hold.
const KEYS: [&str; 2] = ["targets", "labels"];
/// What `/sd/devices` puts before the names of its labels, so that its answer can be read as well.
const PREFIX: &str = "__meta_netkestrel_";

/// Whether a list is one of groups of targets.
pub(super) fn is_spoken(root: &Node) -> bool {
    let Value::List(items) = &root.value else {
        return false;
    };
    let spoken = |item: &Node| match (item.get("targets"), item.get("address")) {
        (Some(_), None) => Some(true),
        (_, Some(_)) => Some(false),
        (None, None) => None,
    };
    items.iter().find_map(spoken).unwrap_or_default()
}

/// The list of devices that the groups of `root` mean; what is wrong with the groups is added to `faults`.
pub(super) fn translate(root: Node, faults: &mut Vec<Fault>) -> Node {
    let Value::List(groups) = root.value else {
        return root;
    };
    let (mut devices, mut seen) = (Vec::new(), HashSet::new());
    for (position, group) in groups.iter().enumerate() {
        let mut group = Translation::new(group, format!("[{position}]"), faults);
        group.devices(&mut devices, &mut seen);
    }
    Node::new(Value::List(devices), root.origin)
}

/// One group on its way to a list of devices.
struct Translation<'g, 'f> {
    path: String,
    targets: &'g [Node],
    name: Option<&'g Node>,
    group: Option<&'g Node>,
    parents: Option<&'g Node>,
    check: Option<&'g Node>,
    port: Option<&'g Node>,
    ip: Option<&'g Node>,
    paused: Option<&'g Node>,
    faults: &'f mut Vec<Fault>,
}

/// What makes a device that only has an address; the same again is no other device.
type Seen<'g> = HashSet<(&'g str, Option<&'g str>, Option<&'g str>)>;

impl<'g, 'f> Translation<'g, 'f> {
    fn new(node: &'g Node, path: String, faults: &'f mut Vec<Fault>) -> Self {
        let mut group = Self {
            path,
            targets: &[],
            name: None,
            group: None,
            parents: None,
            check: None,
            port: None,
            ip: None,
            paused: None,
            faults,
        };
        match &node.value {
            Value::Section(entries) => group.read(node, entries),
            Value::Broken => {}
            _ => group.fault(
                node,
                "",
                "accepted: a group, such as `{targets: [192.168.1.1]}`, as in the rest of the file",
            ),
        }
        group
    }

    fn read(&mut self, node: &'g Node, entries: &'g [Entry]) {
        for Entry { key, origin, .. } in entries.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
            let hint = nearest(key, &KEYS).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let message = format!("unknown key; accepted: {}{hint}", listed(&KEYS));
            self.faults
                .push(Fault::new(origin, &format!("{}.{key}", self.path), message));
        }
        match node.get("targets").map(|targets| (targets, &targets.value)) {
            Some((_, Value::List(targets))) => self.targets = targets,
            Some((_, Value::Broken)) => {}
            Some((targets, _)) => {
                self.fault(targets, ".targets", "accepted: a list, such as `[192.168.1.1]`");
            }
            None => self.fault(node, ".targets", "the key `targets` is missing"),
        }
        let Some(labels) = node.get("labels").filter(|labels| !labels.is_null()) else {
            return;
        };
        if !matches!(labels.value, Value::Section(_) | Value::Broken) {
            return self.fault(labels, ".labels", "accepted: labels, such as `{group: core}`");
        }
        let label = |key: &str| {
            let found = labels
                .get(key)
                .or_else(|| labels.get(&format!("{PREFIX}{key}")))?;
            (!found.is_null() && text_of(found) != Some("")).then_some(found)
        };
        (self.name, self.group) = (label("name"), label("group"));
        // By this name alone: labels `ip` that hold an address are common.
        self.ip = label(&format!("{PREFIX}ip"));
        (self.parents, self.check, self.port) = (label("parents"), label("check"), label("port"));
        self.paused = label("paused");
        if let Some(name) = self.name.filter(|_| self.targets.len() > 1) {
            let message = format!(
                "names one device, but the group has {} targets; accepted: a group for each device with a name",
                self.targets.len()
            );
            self.fault(name, ".labels.name", &message);
            self.name = None;
        }
    }

    fn devices(&mut self, devices: &mut Vec<Node>, seen: &mut Seen<'g>) {
        let labels = (self.group.and_then(text_of), self.parents.and_then(text_of));
        let pings = self.pings();
        for (position, target) in self.targets.iter().enumerate() {
            let Some(text) = text_of(target) else {
                if !matches!(target.value, Value::Broken) {
                    let path = format!(".targets[{position}]");
                    self.fault(target, &path, "accepted: an address, such as `192.168.1.1`");
                }
                continue;
            };
            let (host, port) = host_and_port(text);
            // Two ports of one host are one device that is pinged.
            if pings && self.name.is_none() && !seen.insert((host, labels.0, labels.1)) {
                continue;
            }
            let port = port.filter(|_| !pings);
            let value = self.device(host, port, text, &target.origin);
            devices.push(Node::new(Value::Section(value), target.origin.clone()));
        }
    }

    /// The port of a label, if the device is asked on one.
    fn asked_port(&self) -> Option<(&'g str, &'g Origin)> {
        let port = self.port.filter(|_| !self.pings())?;
        Some((text_of(port)?, &port.origin))
    }

    fn pings(&self) -> bool {
        self.check.and_then(text_of).is_none_or(|check| check == "icmp")
    }

    fn device(&self, host: &str, port: Option<&str>, text: &str, origin: &Origin) -> Vec<Entry> {
        let mut entries = vec![entry(
            "address",
            Node::new(Value::Text(host.to_owned()), origin.clone()),
        )];
        if let Some(port) = port {
            entries.push(entry(
                "port",
                Node::new(Value::Plain(port.to_owned()), origin.clone()),
            ));
            if self.name.is_none() {
                // Other ports of this host may be devices as well.
                entries.push(entry(
                    "name",
                    Node::new(Value::Text(text.to_owned()), origin.clone()),
                ));
            }
        } else if let Some((text, origin)) = self.asked_port() {
            entries.push(entry(
                "port",
                Node::new(Value::Plain(text.to_owned()), origin.clone()),
            ));
        }
        let labels = [
            ("name", self.name),
            ("group", self.group),
            ("check", self.check),
            ("ip", self.ip),
        ];
        let given = labels.into_iter().filter_map(|(key, node)| Some((key, node?)));
        entries.extend(given.map(|(key, node)| entry(key, as_text(node))));
        entries.extend(self.parents.map(|node| entry("parents", as_list(node))));
        entries.extend(self.paused.map(|node| entry("paused", as_plain(node))));
        entries
    }

    fn fault(&mut self, node: &Node, path: &str, message: &str) {
        let path = format!("{}{path}", self.path);
        self.faults.push(Fault::new(&node.origin, &path, message));
    }
}

fn entry(key: &str, node: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        origin: node.origin.clone(),
        node,
    }
}

/// Values of labels are text, whatever they look like.
fn as_text(node: &Node) -> Node {
    match text_of(node) {
        Some(text) => Node::new(Value::Text(text.to_owned()), node.origin.clone()),
        None => node.clone(),
    }
}

/// What may be no text, such as `true`, though labels are written as one.
fn as_plain(node: &Node) -> Node {
    match text_of(node) {
        Some(text) => Node::new(Value::Plain(text.to_owned()), node.origin.clone()),
        None => node.clone(),
    }
}

/// Names with commas between, also around them.
fn as_list(node: &Node) -> Node {
    let Some(text) = text_of(node) else {
        return node.clone();
    };
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let item = |name: &str| Node::new(Value::Text(name.to_owned()), node.origin.clone());
    Node::new(Value::List(names.map(item).collect()), node.origin.clone())
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Plain(text) | Value::Text(text) if !node.is_null() => Some(text),
        _ => None,
    }
}

/// `host:port` and `[host]:port` in two; an IPv6 address without brackets has no port.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.contains(':') && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (host, Some(port))
        }
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_ports() {
        for (text, expected) in [
            ("nas.lan", ("nas.lan", None)),
            ("nas.lan:9100", ("nas.lan", Some("9100"))),
            ("192.0.2.1:9100", ("192.0.2.1", Some("9100"))),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("[2001:db8::1]", ("2001:db8::1", None)),
            ("[2001:db8::1]:9100", ("2001:db8::1", Some("9100"))),
            ("http://nas.lan:80", ("http://nas.lan:80", None)),
            ("nas.lan:", ("nas.lan:", None)),
            ("", ("", None)),
        ] {
            assert_eq!(host_and_port(text), expected, "{text}");
        }
    }
}
