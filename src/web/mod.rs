//! The HTTP server: routes that parse a request and render an answer, no logic of the stages beyond that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problems;

/// Settings of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; the default is reachable from this host only.
    pub listen_address: String,
    /// Host names under which the server answers, besides IP addresses, localhost and this host's name.
    pub allowed_hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen_address: "127.0.0.1:10980".to_owned(),
            allowed_hosts: Vec::new(),
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, problems: &mut Problems) {
        if self.listen_address.parse::<std::net::SocketAddr>().is_err() {
            problems.push(
                "listen_address",
                format_args!(
                    "`{}` is not an address and port, such as `127.0.0.1:10980`",
                    self.listen_address
                ),
            );
        }
    }
}
