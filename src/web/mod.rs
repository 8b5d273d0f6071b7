//! The HTTP server: routes that parse a request and render an answer, no logic of the stages beyond that.
//! What it shows and what it may change comes in through narrow traits that `app` fills.

mod access;
mod alerts;
mod answer;
mod connection;
mod desk;
mod devices;
mod discovery;
#[cfg(test)]
mod fake;
mod history;
mod listen;
mod metrics;
mod page;
mod parameter;
mod probe;
mod prober;
mod router;
mod scrape;
mod server;
mod services;
mod status;
mod token;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    access::HostList,
    desk::{CarryingOut, Desk, NewSilence, Order, Refusal, Signed, Unusual},
    listen::bind,
    metrics::{METRICS, Telemetry},
    probe::{Config as ProbeConfig, IpProtocol},
    prober::{LookingUp, Pinged, Pinging, Pong, Prober},
    router::router,
    server::serve,
    services::{
        Control, DeviceRow, DeviceStatus, InterfaceRow, KnownDevice, Measure, Notice, Overview, Reload,
        ReloadReport, Reloading, Services, Stages, Tile, Watch,
    },
    status::{CollectorStatus, LastReload, Status},
    token::Token,
};
use crate::problem::Problems;

/// Settings of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; the default is reachable from this host only. `:10980` means every
    /// address of this host, port 0 any free port; a host name may stand in place of the address.
    pub listen_address: String,
    /// Host names under which the server answers, besides IP addresses, localhost and this host's name.
    pub allowed_hosts: Vec<String>,
    /// Pings for whoever asks, as Prometheus does of `blackbox_exporter`.
    pub probe: ProbeConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen_address: "127.0.0.1:10980".to_owned(),
            allowed_hosts: Vec::new(),
            probe: ProbeConfig::default(),
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, problems: &mut Problems) {
        if listen::Listen::parse(&self.listen_address).is_none() {
            problems.push(
                "listen_address",
                format_args!(
                    "`{}` is not an address and port, such as `127.0.0.1:10980`",
                    self.listen_address
                ),
            );
        }
        problems.within("allowed_hosts", |problems| {
            for (index, host) in self.allowed_hosts.iter().enumerate() {
                if !access::is_host_name(host) {
                    let message = format_args!(
                        "`{host}` is not a host name without scheme and port, such as `nas.lan`"
                    );
                    problems.at_index(index, |problems| problems.push("", message));
                }
            }
        });
        problems.within("probe", |problems| self.probe.validate(problems));
    }
}

/// Why the server cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not of the form that is expected; `check-config` tells the same.
    #[error("read `web.listen_address`: `{0}` is not an address and port, such as `127.0.0.1:10980`")]
    Address(String),
    /// The name in the address does not resolve.
    #[error("resolve the host of `web.listen_address` {address}")]
    Resolve {
        /// What is configured.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("listen on `web.listen_address` {address}: {advice}")]
    Listen {
        /// What is configured.
        address: String,
        /// What it means and what to do.
        advice: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server ended although nobody asked it to.
    #[error("serve HTTP")]
    Serve(#[source] std::io::Error),
    /// The token file cannot be read or written.
    #[error("{action} the local token {}", path.display())]
    Token {
        /// `read` or `create`.
        action: &'static str,
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_reported_with_their_place() {
        let config = Config {
            listen_address: "everywhere".to_owned(),
            allowed_hosts: ["nas.lan", "http://nas.lan", "nas.lan:10980", ""]
                .map(str::to_owned)
                .into(),
            ..Config::default()
        };
        let mut problems = Problems::new();
        problems.within("web", |p| config.validate(p));
        let found: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
        assert_eq!(
            found,
            [
                "web.listen_address",
                "web.allowed_hosts[1]",
                "web.allowed_hosts[2]",
                "web.allowed_hosts[3]"
            ]
        );
        let mut problems = Problems::new();
        Config::default().validate(&mut problems);
        assert_eq!(problems.into_vec(), []);
    }
}
