//! Two namespaces joined by veth, of which the far one answers for a whole /16, and what its kernel counted.

use std::fs;

use crate::support::{Result, namespace::Namespace};

/// The namespaces.
pub(crate) struct Wire {
    /// Where the probers are.
    pub(crate) near: Namespace,
    far: Namespace,
}

/// The answering kernel's counters.
#[derive(Clone, Copy)]
pub(crate) struct Echoes {
    /// Requests that arrived.
    pub(crate) received: u64,
    /// Replies that left.
    pub(crate) answered: u64,
}

impl Wire {
    /// Makes both; addresses of 10.77.0.0/16 answer.
    pub(crate) fn new() -> Result<Self> {
        let near = Namespace::new("nkbnear")?;
        let far = Namespace::new("nkbfar")?;
        near.ip("link add nkb0 type veth peer name nkb1 netns nkbfar\n")?;
        near.ip("addr add 10.78.0.1/30 dev nkb0\nlink set nkb0 up txqueuelen 20000\n")?;
        far.ip("addr add 10.78.0.2/30 dev nkb1\nlink set nkb1 up txqueuelen 20000\n")?;
        near.ip("route add 10.77.0.0/16 via 10.78.0.2\n")?;
        far.ip("route add local 10.77.0.0/16 dev lo\n")?;
        Ok(Self { near, far })
    }

    /// What the far kernel counted so far.
    pub(crate) fn echoes(&self) -> Result<Echoes> {
        let text = self
            .far
            .inside(|| Ok(fs::read_to_string("/proc/thread-self/net/snmp")?))?;
        let mut lines = text.lines().filter(|line| line.starts_with("Icmp:"));
        let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let value = |wanted: &str| {
            let mut pairs = names.split(' ').zip(values.split(' '));
            let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
            value.parse().ok()
        };
        let missing = "the kernel does not count echoes";
        Ok(Echoes {
            received: value("InEchos").ok_or(missing)?,
            answered: value("OutEchoReps").ok_or(missing)?,
        })
    }
}
