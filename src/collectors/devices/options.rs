//! How echo requests to a device leave: over which IP version, from where, marked how, and how large.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::probe::IcmpVersion;
use crate::problem::Problems;

/// Bytes behind the ICMP header of an echo request, as many as `ping` sends.
pub(super) const USUAL_SIZE: u16 = 56;
/// What an echo request says about itself needs as many.
const SMALLEST: u16 = 32;
/// An IPv4 packet holds no more.
const LARGEST: u16 = 65_507;
/// Bytes that the name of an interface may have on Linux.
const INTERFACE_NAME: usize = 15;

/// The schema format that marks a class of service.
pub const DSCP_FORMAT: &str = "dscp";

/// Over which IP versions a device is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ip {
    /// Over that of the first address its name has.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Over IPv4.
    #[serde(rename = "4")]
    V4,
    /// Over IPv6.
    #[serde(rename = "6")]
    V6,
    /// Over each by itself, as two devices whose names end in `(IPv4)` and `(IPv6)`.
    #[serde(rename = "both")]
    Both,
}

impl Ip {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(super) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// The one version that is wanted, if it is one.
    fn version(self) -> Option<IcmpVersion> {
        match self {
            Self::V4 => Some(IcmpVersion::V4),
            Self::V6 => Some(IcmpVersion::V6),
            Self::Auto | Self::Both => None,
        }
    }
}

impl JsonSchema for Ip {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ip".into()
    }
    fn inline_schema() -> bool {
        true
    }
    /// Written without quotation marks the versions are numbers.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": ["auto", "4", "6", "both", 4, 6]})
    }
}

/// Settings of the echo requests to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ping {
    /// Address or interface of this host that they leave from; empty: as the system chooses. Linux only.
    pub source: String,
    /// Class of service that they are marked with, which the answers of most devices bear as well. Linux only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dscp: Option<Dscp>,
    /// Bytes behind the ICMP header, 32 to 65507.
    #[schemars(range(min = 32, max = 65_507))]
    pub size: u16,
    /// Whether they may not be taken apart on their way, so that a way too narrow for them is a miss. Linux only.
    pub dont_fragment: bool,
}

impl Default for Ping {
    fn default() -> Self {
        Self {
            source: String::new(),
            dscp: None,
            size: USUAL_SIZE,
            dont_fragment: false,
        }
    }
}

/// A class of service: the first six bits of the traffic class of a packet (RFC 2474).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dscp(u8);

/// Names of classes, as RFC 2474, 2597, 3246, 5865 and 8622 have them.
const CLASSES: [(&str, u8); 24] = [
    ("CS0", 0),
    ("CS1", 8),
    ("CS2", 16),
    ("CS3", 24),
    ("CS4", 32),
    ("CS5", 40),
    ("CS6", 48),
    ("CS7", 56),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
    ("EF", 46),
    ("VA", 44),
    ("LE", 1),
    ("DF", 0),
];

impl Dscp {
    /// Reads a number from 0 to 63 or the name of a class, such as `EF`; `None` when it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let value = named.map(|(_, value)| *value).or_else(|| text.parse().ok())?;
        (value < 64).then_some(Self(value))
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CLASSES.iter().find(|(_, value)| *value == self.0) {
            Some((name, _)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl Serialize for Dscp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dscp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("is no class of service"))
    }
}

impl JsonSchema for Dscp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dscp".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "integer"], "format": DSCP_FORMAT})
    }
}

/// The same, ready for each request. Requests without it leave as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) source: Option<Source>,
    /// 0 to 63.
    pub(super) dscp: Option<u8>,
    /// Bytes behind the ICMP header.
    pub(super) size: u16,
    pub(super) dont_fragment: bool,
}

/// Where requests leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Address(IpAddr),
    Interface(Interface),
}

/// The name of an interface, short enough to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interface {
    name: [u8; INTERFACE_NAME],
    length: u8,
}

impl Interface {
    fn parse(text: &str) -> Option<Self> {
        let is_name = |byte: u8| byte.is_ascii_graphic() && !b"/:".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_name) {
            return None;
        }
        let mut name = [0; INTERFACE_NAME];
        name.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).ok()?;
        Some(Self { name, length })
    }

    #[cfg(any(target_os = "linux", test))]
    pub(super) fn as_str(&self) -> &str {
        let name = self.name.get(..self.length.into()).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl Source {
    /// Reads an address or the name of an interface.
    fn parse(text: &str) -> Option<Self> {
        let address = text.parse().ok().map(Self::Address);
        address.or_else(|| Interface::parse(text).map(Self::Interface))
    }

    fn version(self) -> Option<IcmpVersion> {
        match self {
            Self::Address(address) => Some(IcmpVersion::of(address)),
            Self::Interface(_) => None,
        }
    }
}

impl Ping {
    /// What requests are sent with; `None` when they leave as usual.
    pub(super) fn options(&self) -> Option<Options> {
        (!self.is_usual()).then(|| Options {
            source: Source::parse(&self.source),
            dscp: self.dscp.map(|dscp| dscp.0),
            size: self.size,
            dont_fragment: self.dont_fragment,
        })
    }

    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The version of the address that requests leave from, if they do.
    fn version(&self) -> Option<IcmpVersion> {
        Source::parse(&self.source).and_then(Source::version)
    }

    fn validate(&self, problems: &mut Problems) {
        if !self.source.is_empty() {
            self.validate_source(problems);
        }
        if !(SMALLEST..=LARGEST).contains(&self.size) {
            problems.push(
                "size",
                format_args!("{} is not between {SMALLEST} and {LARGEST}", self.size),
            );
        }
    }

    fn validate_source(&self, problems: &mut Problems) {
        let source = &self.source;
        match Source::parse(source) {
            None => problems.push(
                "source",
                format_args!(
                    "`{source}` is neither; an IP address or an interface of this host is accepted, such as \
                     `192.168.1.2` or `eth0`"
                ),
            ),
            Some(Source::Address(ip)) if ip.is_unspecified() || ip.is_multicast() => {
                problems.push(
                    "source",
                    format_args!("`{source}` is not the address of one host"),
                );
            }
            Some(_) => {}
        }
    }

    /// The keys that are set and need a call that only Linux has.
    fn of_linux_only(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("source", !self.source.is_empty()),
            ("dscp", self.dscp.is_some()),
            ("dont_fragment", self.dont_fragment),
        ];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
    }
}

/// The IP version a device is asked over, if it matters: that of its settings, or else that of the address requests
/// leave from.
pub(super) fn version(ip: Ip, ping: &Ping) -> Option<IcmpVersion> {
    ip.version().or_else(|| ping.version())
}

/// Reports what is wrong with the settings of a device at `address`, whose check does or does not only ping.
/// `system` is the one it would be asked from.
pub(super) fn validate(
    (ip, ping): (Ip, &Ping),
    address: &str,
    is_pinged_only: bool,
    system: &str,
    problems: &mut Problems,
) {
    problems.within("ping", |p| ping.validate(p));
    if !ping.is_usual() && !is_pinged_only {
        problems.push(
            "ping",
            "has no effect on connections; set `check: icmp`, or leave it out",
        );
    }
    if system != "linux" {
        for key in ping.of_linux_only() {
            problems.within("ping", |p| {
                p.push(
                    key,
                    format_args!(
                        "cannot be set for single devices on {system}; leave it out, or run on Linux"
                    ),
                );
            });
        }
    }
    let own = version_of_literal(address);
    if let Some(own) = own.filter(|own| !ip.is_auto() && ip.version() != Some(*own)) {
        problems.push(
            "ip",
            format_args!("`{address}` is an {own} address; leave `ip` out, or give a host name"),
        );
    }
    let (Some(from), source) = (ping.version(), &ping.source) else {
        return;
    };
    let wrong = |p: &mut Problems, why: &dyn fmt::Display| {
        p.within("ping", |p| {
            p.push(
                "source",
                format_args!("`{source}` is an {from} address, but {why}"),
            );
        });
    };
    match own.or(ip.version()) {
        _ if ip == Ip::Both => wrong(
            problems,
            &"the device is asked over both; an interface is accepted, such as `eth0`",
        ),
        Some(to) if to != from => wrong(problems, &format_args!("the device is asked over {to}")),
        _ => {}
    }
}

/// The version of an address that is given as one, also with a zone such as `fe80::1%eth0`.
fn version_of_literal(address: &str) -> Option<IcmpVersion> {
    let (ip, _) = address.split_once('%').unwrap_or((address, ""));
    let four = ip.parse::<Ipv4Addr>().map(|_| IcmpVersion::V4);
    four.or_else(|_| ip.parse::<Ipv6Addr>().map(|_| IcmpVersion::V6))
        .ok()
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
