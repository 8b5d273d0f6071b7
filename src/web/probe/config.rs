//! The configuration section `web.probe`: whether there is a `/probe`, for which hosts, and how it asks them.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problems, units::HumanDuration};

const SHORTEST: HumanDuration = HumanDuration(Duration::from_millis(10));
const LONGEST: HumanDuration = HumanDuration::secs(60);

/// Settings of `/probe`, which takes the place of `blackbox_exporter`'s module `icmp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether `/probe` pings for whoever asks.
    pub enabled: bool,
    /// IP addresses and networks, such as `192.168.0.0/16`, whose hosts may be probed. Devices always may.
    pub allowed_networks: Vec<String>,
    /// Time after which an unanswered probe has failed; less for a scraper that waits for less.
    pub timeout: HumanDuration,
    /// Which address of a name that has several is probed.
    pub preferred_ip_protocol: IpProtocol,
    /// Whether a name without an address of that protocol is probed by the other.
    pub ip_protocol_fallback: bool,
}

/// A version of the Internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpProtocol {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_networks: Vec::new(),
            timeout: HumanDuration::secs(5),
            preferred_ip_protocol: IpProtocol::Ip6,
            ip_protocol_fallback: true,
        }
    }
}

impl IpProtocol {
    /// Whether the address is one of this protocol.
    pub(super) fn is_of(self, ip: IpAddr) -> bool {
        ip.is_ipv6() == (self == Self::Ip6)
    }

    /// The word of the configuration.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ip4 => "ip4",
            Self::Ip6 => "ip6",
        }
    }
}

impl Config {
    pub(in crate::web) fn validate(&self, problems: &mut Problems) {
        if !(SHORTEST..=LONGEST).contains(&self.timeout) {
            let message = format_args!("{} is not between {SHORTEST} and {LONGEST}", self.timeout);
            problems.push("timeout", message);
        }
        problems.within("allowed_networks", |problems| {
            for (index, text) in self.allowed_networks.iter().enumerate() {
                if let Err(message) = network(text) {
                    problems.at_index(index, |problems| problems.push("", message));
                }
            }
        });
    }

    /// The networks that hosts may be in.
    pub(super) fn networks(&self) -> Vec<IpNet> {
        // What is none was refused when the configuration was read.
        self.allowed_networks
            .iter()
            .filter_map(|text| network(text).ok())
            .collect()
    }
}

/// Reads `192.168.0.0/16`, `fd00::/8` or an address alone.
fn network(text: &str) -> Result<IpNet, String> {
    let given = text.escape_debug();
    let read = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let Ok(network) = read else {
        return Err(format!(
            "`{given}` is not a network or an IP address, such as `192.168.0.0/16` or `192.168.1.7`"
        ));
    };
    if network.addr() != network.network() {
        return Err(format!(
            "`{given}` is a host within a network; accepted: `{}` for the host, `{}` for the network",
            network.addr(),
            network.trunc()
        ));
    }
    match network {
        // Addresses are compared as IPv4, whichever way a name server writes them.
        IpNet::V6(v6) if v6.network().to_ipv4_mapped().is_some() => {
            Err(format!("`{given}` is IPv4 in the form of IPv6; write it as IPv4"))
        }
        network => Ok(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_their_place_and_what_is_accepted() {
        let config = Config {
            allowed_networks: [
                "10.0.0.0/8",
                "192.168.1.7",
                "fd00::/8",
                "::1",
                "0.0.0.0/0",
                "192.168.1.7/24",
                "nas.lan",
                "10.0.0.0/33",
                "::ffff:10.0.0.0/104",
                "",
            ]
            .map(str::to_owned)
            .into(),
            timeout: HumanDuration::secs(61),
            ..Config::default()
        };
        let mut problems = Problems::new();
        config.validate(&mut problems);
        let found: Vec<_> = problems
            .into_vec()
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        let not_one = "is not a network or an IP address, such as `192.168.0.0/16` or `192.168.1.7`";
        assert_eq!(
            found,
            [
                "timeout: 61s is not between 10ms and 1m".to_owned(),
                "allowed_networks[5]: `192.168.1.7/24` is a host within a network; accepted: `192.168.1.7` for the \
                 host, `192.168.1.0/24` for the network"
                    .to_owned(),
                format!("allowed_networks[6]: `nas.lan` {not_one}"),
                format!("allowed_networks[7]: `10.0.0.0/33` {not_one}"),
                "allowed_networks[8]: `::ffff:10.0.0.0/104` is IPv4 in the form of IPv6; write it as IPv4".to_owned(),
                format!("allowed_networks[9]: `` {not_one}"),
            ]
        );
        assert_eq!(config.networks().len(), 5, "those that are right");
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert_eq!(problems.into_vec(), []);
    }
}
