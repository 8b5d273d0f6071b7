//! A device that is asked over both IP versions is two devices to all that follows: each half has its own state,
//! series, alerts and uptime, since over one version it may be well while over the other it is not. Pure.

use std::{borrow::Cow, collections::HashSet};

use smol_str::{SmolStr, format_smolstr};

use super::{
    config::{Config, Target},
    options::Ip,
};

/// What the names of the halves end in.
const HALVES: [(Ip, &str); 2] = [(Ip::V4, " (IPv4)"), (Ip::V6, " (IPv6)")];

impl Config {
    /// The devices as they are watched: as [listed](Self::devices), but with two halves for one that is asked over
    /// both IP versions. What names such a device as its parent is reached through either half.
    pub fn watched(&self) -> impl Iterator<Item = Cow<'_, Target>> {
        let double = self.devices().filter(|target| target.ip == Ip::Both);
        let double: HashSet<&str> = double.map(Target::display_name).collect();
        self.devices().flat_map(move |target| {
            let is_plain = double.is_empty() || !is_touched(target, &double);
            let plain = is_plain.then_some(Cow::Borrowed(target));
            let halves = (!is_plain).then(|| split(target, &double)).into_iter().flatten();
            plain.into_iter().chain(halves.map(Cow::Owned))
        })
    }
}

impl Target {
    /// The names under which it is watched.
    pub fn watched_names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let name = self.display_name();
        let (whole, halves) = match self.ip {
            Ip::Both => (None, Some(halves(name))),
            Ip::Auto | Ip::V4 | Ip::V6 => (Some(name), None),
        };
        let halves = halves.into_iter().flatten();
        whole
            .map(Cow::Borrowed)
            .into_iter()
            .chain(halves.map(|(_, name)| Cow::Owned(name)))
    }
}

/// The name of the other half of the device that one of this name is a half of, if it is one.
pub(super) fn other_half(name: &str) -> Option<SmolStr> {
    let [(_, four), (_, six)] = HALVES;
    let other = |ending: &str, other: &str| {
        let stem = name.strip_suffix(ending)?;
        Some(format_smolstr!("{stem}{other}"))
    };
    other(four, six).or_else(|| other(six, four))
}

fn halves(name: &str) -> [(Ip, String); 2] {
    HALVES.map(|(ip, ending)| (ip, format!("{name}{ending}")))
}

/// Whether a device is in `double`, or has a parent that is.
fn is_touched(target: &Target, double: &HashSet<&str>) -> bool {
    let mut parents = target.parents.iter().flatten();
    target.ip == Ip::Both || parents.any(|name| double.contains(name.as_str()))
}

/// What is watched of a device.
fn split(target: &Target, double: &HashSet<&str>) -> Vec<Target> {
    let watched = |name: &String| {
        let names = double.contains(name.as_str()).then(|| halves(name));
        let whole = names.is_none().then(|| name.clone());
        let halves = names.into_iter().flatten().map(|(_, name)| name);
        whole.into_iter().chain(halves)
    };
    let parents = target.parents.as_ref();
    let whole = Target {
        parents: parents.map(|names| names.iter().flat_map(watched).collect()),
        ..target.clone()
    };
    if target.ip != Ip::Both {
        return vec![whole];
    }
    let half = |(ip, name)| Target {
        name,
        ip,
        ..whole.clone()
    };
    halves(target.display_name()).map(half).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(yaml: &str) -> Vec<String> {
        let config: Config = serde_yaml::from_str(yaml).expect(yaml);
        let line = |target: Cow<'_, Target>| {
            let parents = target.parents.as_deref().unwrap_or_default().join(", ");
            format!("{} {:?} <- {parents}", target.display_name(), target.ip)
        };
        config.watched().map(line).collect()
    }

    #[test]
    fn a_device_over_both_versions_is_two_and_either_leads_on() {
        let yaml = "targets: [{address: r.lan, name: r, ip: both}, {address: 192.0.2.1, parents: [r]}, {address: \
                    nas.lan, ip: both, parents: [r, 192.0.2.1]}, {address: x}]";
        assert_eq!(
            watched(yaml),
            [
                "r (IPv4) V4 <- ",
                "r (IPv6) V6 <- ",
                "192.0.2.1 Auto <- r (IPv4), r (IPv6)",
                "nas.lan (IPv4) V4 <- r (IPv4), r (IPv6), 192.0.2.1",
                "nas.lan (IPv6) V6 <- r (IPv4), r (IPv6), 192.0.2.1",
                "x Auto <- ",
            ]
        );
    }

    #[test]
    fn other_devices_are_watched_as_they_are_listed() {
        let yaml = "targets: [{address: a, ip: '6'}, {address: b, ip: '4', parents: [a]}]";
        assert_eq!(watched(yaml), ["a V6 <- ", "b V4 <- a"]);
        let config: Config = serde_yaml::from_str(yaml).expect(yaml);
        assert!(config.watched().all(|target| matches!(target, Cow::Borrowed(_))));
    }

    #[test]
    fn halves_know_each_other() {
        assert_eq!(other_half("nas (IPv4)").as_deref(), Some("nas (IPv6)"));
        assert_eq!(other_half("nas (IPv6)").as_deref(), Some("nas (IPv4)"));
        assert_eq!(other_half("nas"), None);
    }
}
