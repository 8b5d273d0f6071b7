//! What the Alertmanagers know.

use std::time::Duration;

use serde_json::Value;

use super::{device_of, eventually, get};

/// An Alertmanager on that port.
pub(crate) struct Peer(pub(crate) u16);

impl Peer {
    /// Waits until it has the alert of the device that the host watches.
    pub(crate) fn wait_for_device(&self, host: usize) {
        let device = device_of(host);
        // As often as NetKestrel sends what goes on (1 min), and some more.
        eventually(
            &format!("{device} in the Alertmanager on {}", self.0),
            Duration::from_secs(100),
            || {
                let alerts = self.ask("alerts")?;
                let is_it = |alert: &&Value| {
                    alert["labels"]["alertname"] == "device_down" && alert["labels"]["subject"] == *device
                };
                alerts.as_array()?.iter().find(is_it).map(|_| ())
            },
        );
    }

    fn ask(&self, what: &str) -> Option<Value> {
        let answer = get(&format!("http://127.0.0.1:{}/api/v2/{what}", self.0))?;
        serde_json::from_str(&answer).ok()
    }
}

/// Waits until all know of each other.
pub(crate) fn wait_for_cluster(peers: &[Peer]) {
    for peer in peers {
        eventually("the cluster", Duration::from_mins(1), || {
            let status = peer.ask("status")?;
            let members = status["cluster"]["peers"].as_array()?.len();
            (status["cluster"]["status"] == "ready" && members == peers.len()).then_some(())
        });
    }
}
