//! The configuration section `devices`: what is watched, how often, and when it counts as down or degraded.

use std::{borrow::Cow, fmt::Display, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    list::List,
    options::{self, Ip, Ping},
    profile::Metrics,
};
use crate::{
    problem::Problems,
    units::{HumanDuration, Ratio},
};

/// Name of the device that stands for the default gateway.
pub(super) const GATEWAY: &str = "gateway";

/// Settings of the collector `devices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether devices are watched.
    pub enabled: bool,
    /// Time between two checks of a device, start to start. Devices are spread evenly over it. Rules and history see
    /// what came of them as often, with more than 1000 devices at most a thousand devices per second.
    pub interval: HumanDuration,
    /// Time after which an unanswered probe is a miss. With `icmp-then-tcp` each of the two gets half of it.
    pub timeout: HumanDuration,
    /// Probes per check, 1 to 100. They are sent a second apart, closer if the interval is too short for that.
    #[schemars(range(min = 1, max = 100))]
    pub probes: u32,
    /// Misses in a row until a device is down. After a probe that stays unanswered for a second, re-probes follow
    /// a second apart until there are that many, so an outage is confirmed within the timeout and three seconds.
    #[schemars(range(min = 1, max = 100))]
    pub failures: u32,
    /// File with more devices, as YAML or JSON: a list such as `targets`, or one in the format of Prometheus' `file_sd`.
    /// A relative path starts from the folder of the configuration. A change of the file is taken in by itself.
    pub devices_file: String,
    /// Whether the default gateway is watched, under the name `gateway`: when no device is listed, or when a listed one
    /// without `parents` is reached through it.
    pub default_gateway: bool,
    /// How much `/metrics` has of each device: `full`, or `lean` for many devices.
    pub metrics: Metrics,
    /// When a device that answers counts as degraded.
    pub degraded: Degraded,
    /// How the way out of this host is checked.
    pub uplink: Uplink,
    /// The devices.
    pub targets: Vec<Target>,
    /// What `devices_file` held when it was last read.
    #[serde(skip)]
    pub listed: Listed,
}

/// The content of a devices file.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Where the file is; empty when there is none.
    pub file: PathBuf,
    /// Tells its content from another.
    pub digest: u64,
    /// Its devices. Shared, since there may be many and a configuration is held in several places.
    pub targets: Arc<[Target]>,
    /// Names in a file that has mistakes of form, also those of entries that are missing from `targets`; `None` when
    /// the file could not be read, so that any name may be in it.
    pub refused: Option<Vec<String>>,
}

impl Default for Listed {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            digest: 0,
            targets: Arc::default(),
            refused: Some(Vec::new()),
        }
    }
}

/// How the way out of this host is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Uplink {
    /// IP addresses or host names that stand for the world outside. When none of them answers and nothing else does,
    /// all devices are unknown and one alert tells of the uplink. They are asked like devices and not shown.
    pub anchors: Vec<String>,
}

/// When a device that answers counts as degraded. Judged by its last ten probes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Degraded {
    /// Share of lost probes above which it is, if at least two were lost.
    pub loss: Ratio,
    /// Mean round-trip time above which it is.
    pub rtt: HumanDuration,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name in metrics, on the page and in mails. The address if empty.
    #[serde(default)]
    pub name: String,
    /// IP address or host name. Names are resolved again every five minutes, and when the device falls silent.
    pub address: String,
    /// Over which IP versions a device with a host name is asked.
    #[serde(default, skip_serializing_if = "Ip::is_auto")]
    pub ip: Ip,
    /// Group for dashboards.
    #[serde(default)]
    pub group: String,
    /// Names of the devices this one is reached through. Without it, the default gateway is the parent of a device to
    /// which no other route leads; `[]` means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parents: Option<Vec<String>>,
    /// How the device is asked.
    #[serde(default)]
    pub check: Check,
    /// TCP port, for the checks that connect.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Whether it is left alone: not asked, in no alert, and in no uptime.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Share of the known time for which it is to be up, such as 0.999; reports tell what is left of the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<Ratio>,
    /// How the echo requests to it leave, for `check: icmp`.
    #[serde(default, skip_serializing_if = "Ping::is_usual")]
    pub ping: Ping,
}

/// How a device is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// By ICMP echo requests.
    #[default]
    Icmp,
    /// By TCP connections; the round-trip time is the time to connect. A port that refuses is a miss.
    Tcp,
    /// By an ICMP echo request and, if it stays unanswered or cannot be sent, by a TCP connection, which then
    /// decides. The round-trip times are those of ICMP only.
    IcmpThenTcp,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: HumanDuration::secs(120),
            timeout: HumanDuration::secs(5),
            probes: 3,
            failures: 3,
            devices_file: String::new(),
            default_gateway: true,
            metrics: Metrics::default(),
            degraded: Degraded::default(),
            uplink: Uplink::default(),
            targets: Vec::new(),
            listed: Listed::default(),
        }
    }
}

impl Default for Degraded {
    fn default() -> Self {
        Self {
            loss: Ratio(0.2),
            rtt: HumanDuration::secs(1),
        }
    }
}

impl Uplink {
    fn validate(&self, problems: &mut Problems) {
        for (index, anchor) in self.anchors.iter().enumerate() {
            problems.at_index(index, |p| check_address(p, "", anchor));
            if self.anchors[..index].contains(anchor) {
                problems.at_index(index, |p| {
                    p.push(
                        "",
                        format_args!("`{anchor}` is given twice; accepted: each address once"),
                    );
                });
            }
        }
    }
}

impl Target {
    /// A device that is named by its address and asked by ICMP.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ..Self::default()
        }
    }

    /// Names of the devices that its settings say it is reached through.
    #[must_use]
    pub fn parents(&self) -> &[String] {
        self.parents.as_deref().unwrap_or_default()
    }

    /// The name, or the address if no name was given.
    #[must_use]
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() {
            &self.address
        } else {
            &self.name
        }
    }

    pub(super) fn validate(&self, problems: &mut Problems) {
        check_text(problems, "name", &self.name);
        check_text(problems, "group", &self.group);
        check_address(problems, "address", &self.address);
        match (self.check, self.port) {
            (Check::Tcp | Check::IcmpThenTcp, None) => {
                problems.push("port", "is missing; a check by TCP needs a port from 1 to 65535");
            }
            (Check::Icmp, Some(_)) => {
                problems.push(
                    "port",
                    "has no effect with `check: icmp`; set `check: tcp`, or leave it out",
                );
            }
            (_, Some(0)) => problems.push("port", "0 is not a port; 1 to 65535 is accepted"),
            _ => {}
        }
        options::validate(
            (self.ip, &self.ping),
            &self.address,
            self.check == Check::Icmp,
            std::env::consts::OS,
            problems,
        );
        if let Some(slo) = self.slo.filter(|slo| !(slo.0 > 0.0 && slo.0 <= 1.0)) {
            problems.push(
                "slo",
                format_args!(
                    "{} is no objective; a share above 0 and up to 1 is accepted, such as 0.999",
                    slo.0
                ),
            );
        }
    }
}

impl Config {
    /// All devices that are listed: those of `targets`, then those of `devices_file`.
    pub fn devices(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().chain(self.listed.targets.iter())
    }

    /// Whether the default gateway is watched, for want of devices.
    #[must_use]
    pub fn watches_gateway(&self) -> bool {
        self.default_gateway && self.devices().next().is_none()
    }

    /// Time between interval runs, which rules judge and history records: `interval`, or as long as there are devices
    /// at a millisecond each. What happened in between is in the sums of the run, and who falls silent or comes back
    /// is told at once.
    #[must_use]
    pub fn run_interval(&self) -> Duration {
        let devices = self.targets.len() + self.listed.targets.len();
        let least = Duration::from_millis(u64::try_from(devices).unwrap_or(u64::MAX));
        (*self.interval).max(least)
    }

    /// Whether the default gateway is watched if a device is reached through it.
    #[must_use]
    pub fn may_watch_gateway(&self) -> bool {
        let mut devices = self.devices();
        self.default_gateway && devices.any(|device| device.parents.is_none())
    }

    /// Names of the devices that are watched, and of the default gateway where it may be.
    #[must_use]
    pub fn names(&self) -> Vec<Cow<'_, str>> {
        let gateway = self.watches_gateway() || self.may_watch_gateway();
        let devices = self.devices().flat_map(Target::watched_names);
        devices.chain(gateway.then_some(Cow::Borrowed(GATEWAY))).collect()
    }

    pub(in crate::collectors) fn validate(&self, problems: &mut Problems) {
        in_range(
            problems,
            "interval",
            *self.interval,
            Duration::from_secs(1),
            Duration::from_hours(24),
        );
        in_range(
            problems,
            "timeout",
            *self.timeout,
            Duration::from_millis(10),
            Duration::from_mins(1),
        );
        count_in_range(problems, "probes", self.probes);
        count_in_range(problems, "failures", self.failures);
        problems.within("degraded", |p| {
            if !(0.0..=1.0).contains(&self.degraded.loss.0) {
                p.push(
                    "loss",
                    format_args!("{} is no share from 0 to 1", self.degraded.loss.0),
                );
            }
            in_range(
                p,
                "rtt",
                *self.degraded.rtt,
                Duration::from_micros(1),
                Duration::from_mins(1),
            );
        });
        problems.within("uplink", |p| p.within("anchors", |p| self.uplink.validate(p)));
        problems.within("targets", |p| self.validate_targets(p));
    }

    fn validate_targets(&self, problems: &mut Problems) {
        let part = 0..self.targets.len();
        self.list()
            .examine(part, &|position| format!("targets[{position}]"), problems);
    }

    /// Reports what is wrong with the devices of `devices_file`, by their positions there. `place` tells people where
    /// one of them is.
    pub fn validate_listed(&self, place: &dyn Fn(usize) -> String, problems: &mut Problems) {
        let split = self.targets.len();
        let place = |position: usize| match position.checked_sub(split) {
            Some(listed) => place(listed),
            None => format!("`collectors.devices.targets[{position}]`"),
        };
        let part = split..split + self.listed.targets.len();
        self.list().examine(part, &place, problems);
    }

    fn list(&self) -> List<'_> {
        List::new(self.devices().collect(), self.listed.refused.as_deref())
    }
}

fn check_text(problems: &mut Problems, key: &str, text: &str) {
    if text.chars().any(char::is_control) {
        problems.push(key, format_args!("{text:?} contains a control character"));
    } else if text.trim() != text {
        problems.push(key, format_args!("`{text}` begins or ends with a space"));
    }
}

fn check_address(problems: &mut Problems, key: &str, address: &str) {
    const ACCEPTED: &str = "an IP address or a host name such as `192.168.1.1` or `nas.lan`";
    if address.is_empty() {
        problems.push(key, format_args!("is missing; {ACCEPTED} is accepted"));
        return;
    }
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255; 4]) => {
            problems.push(key, format_args!("`{address}` is not the address of one device"));
        }
        Ok(_) => {}
        Err(_) if is_host_name(address) => {}
        Err(_) => problems.push(key, format_args!("`{address}` is not {ACCEPTED}")),
    }
}

/// Host names, also with underscores, and IPv6 addresses with a zone such as `fe80::1%eth0`.
fn is_host_name(text: &str) -> bool {
    if let Some((ip, zone)) = text.split_once('%') {
        return ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) && !zone.is_empty();
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    // Digits and dots that are no address are a mistyped address, not a name.
    let numeric = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    name.len() <= 253 && !numeric && name.split('.').all(label)
}

fn in_range(problems: &mut Problems, key: &str, value: Duration, low: Duration, high: Duration) {
    if !(low..=high).contains(&value) {
        out_of_range(
            problems,
            key,
            &HumanDuration(value),
            &HumanDuration(low),
            &HumanDuration(high),
        );
    }
}

fn count_in_range(problems: &mut Problems, key: &str, value: u32) {
    if !(1..=100).contains(&value) {
        out_of_range(problems, key, &value, &1, &100);
    }
}

fn out_of_range<T: Display>(problems: &mut Problems, key: &str, value: &T, low: &T, high: &T) {
    problems.push(key, format_args!("{value} is not between {low} and {high}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(yaml: &str) -> Vec<String> {
        let config: Config = serde_yaml::from_str(yaml).expect(yaml);
        let mut problems = Problems::new();
        config.validate(&mut problems);
        problems
            .into_vec()
            .into_iter()
            .map(|p| format!("{}: {}", p.path, p.message))
            .collect()
    }

    #[test]
    fn the_defaults_and_a_full_example_are_fine() {
        assert_eq!(problems("{}"), [""; 0]);
        let full = "
interval: 1s
probes: 1
targets:
  - {name: router, address: 192.168.1.1, group: core}
  - {name: nas, address: nas.lan, parents: [router], check: icmp-then-tcp, port: 445}
  - {address: 'fe80::1%eth0'}
  - {address: 'xn--bcher-kva.example.', check: tcp, port: 443}
";
        assert_eq!(problems(full), [""; 0]);
    }

    #[test]
    fn each_mistake_has_its_own_words() {
        let rows = [
            ("interval: 500ms", "interval: 500ms is not between 1s and 24h"),
            ("timeout: 2m", "timeout: 2m is not between 10ms and 1m"),
            ("probes: 0", "probes: 0 is not between 1 and 100"),
            ("failures: 101", "failures: 101 is not between 1 and 100"),
            (
                "degraded: {loss: 1.5}",
                "degraded.loss: 1.5 is no share from 0 to 1",
            ),
            (
                "targets: [{address: ''}]",
                "targets[0].address: is missing; an IP address or a host name such as `192.168.1.1` or `nas.lan` is accepted",
            ),
            (
                "targets: [{address: 192.168.1.300}]",
                "targets[0].address: `192.168.1.300` is not an IP address or a host name such as `192.168.1.1` or `nas.lan`",
            ),
            (
                "targets: [{address: 'http://nas'}]",
                "targets[0].address: `http://nas` is not an IP address or a host name such as `192.168.1.1` or `nas.lan`",
            ),
            (
                "targets: [{address: 224.0.0.1}]",
                "targets[0].address: `224.0.0.1` is not the address of one device",
            ),
            (
                r#"targets: [{address: a, name: "x\ny"}]"#,
                r#"targets[0].name: "x\ny" contains a control character"#,
            ),
            (
                "targets: [{address: a, group: 'g '}]",
                "targets[0].group: `g ` begins or ends with a space",
            ),
            (
                "targets: [{address: a}, {address: b, name: a}]",
                "targets[1].name: `a` is the name of targets[0] already; names must be unique",
            ),
            (
                "targets: [{address: a}, {address: a}]",
                "targets[1].address: `a` is the name of targets[0] already; names must be unique",
            ),
            (
                "targets: [{address: a, check: tcp}]",
                "targets[0].port: is missing; a check by TCP needs a port from 1 to 65535",
            ),
            (
                "targets: [{address: a, check: tcp, port: 0}]",
                "targets[0].port: 0 is not a port; 1 to 65535 is accepted",
            ),
            (
                "targets: [{address: a, parents: [a]}]",
                "targets[0].parents[0]: a device cannot be its own parent",
            ),
            (
                "targets: [{address: a, parents: [b]}]",
                "targets[0].parents[0]: `b` is not the name of a device",
            ),
        ];
        for (yaml, expected) in rows {
            assert_eq!(problems(yaml), [expected], "{yaml}");
        }
    }

    #[test]
    fn many_devices_are_judged_and_recorded_a_thousand_per_second() {
        for (interval, devices, expected) in [(1, 900, 1_000), (1, 2_500, 2_500), (120, 10_000, 120_000)] {
            let config = Config {
                interval: HumanDuration::secs(interval),
                targets: vec![Target::new("a"); devices],
                ..Config::default()
            };
            let millis = config.run_interval().as_millis();
            assert_eq!(millis, expected, "{devices} devices every {interval} s");
        }
    }

    #[test]
    fn circles_of_parents_are_found() {
        let yaml = "targets: [{address: a, parents: [b]}, {address: b, parents: [c]}, {address: c, parents: [a]}, {address: d, parents: [a]}]";
        let found = problems(yaml);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].contains("`b` is itself reached through `a`"),
            "{found:?}"
        );
    }
}
