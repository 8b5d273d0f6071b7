//! A network of this test's own with one device on it: a network namespace behind a pair of virtual interfaces.

use std::process::Command;

/// The device, from the block of addresses that is for documentation.
pub(crate) const DEVICE: &str = "198.51.100.2";
const HOST: &str = "198.51.100.1/30";

/// The network; it vanishes with the value.
pub(crate) struct Lan {
    namespace: String,
    interface: String,
}

impl Lan {
    /// Makes it, with the device answering.
    pub(crate) fn new() -> Self {
        let id = std::process::id();
        let lan = Self {
            namespace: format!("nks{id}"),
            interface: format!("nks{id}"),
        };
        let (namespace, interface) = (&lan.namespace, &lan.interface);
        ip(&format!("netns add {namespace}"));
        ip(&format!(
            "link add {interface} type veth peer name eth0 netns {namespace}"
        ));
        ip(&format!("address add {HOST} dev {interface}"));
        ip(&format!("link set {interface} up"));
        ip(&format!("-n {namespace} address add {DEVICE}/30 dev eth0"));
        ip(&format!("-n {namespace} link set eth0 up"));
        lan
    }

    /// The interface of this host that leads there.
    pub(crate) fn interface(&self) -> &str {
        &self.interface
    }

    /// Makes the device answer pings, or be silent.
    pub(crate) fn set_answering(&self, answering: bool) {
        let ignore = u8::from(!answering);
        let namespace = &self.namespace;
        let script = format!("echo {ignore} > /proc/sys/net/ipv4/icmp_echo_ignore_all");
        let status = Command::new("ip")
            .args(["netns", "exec", namespace, "sh", "-c", &script])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{script} in {namespace}"
        );
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.namespace])
            .status();
    }
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split_whitespace()).status();
    assert!(status.is_ok_and(|status| status.success()), "ip {words}");
}
