//! Scrapes of a host with 501 interfaces: identity and counters of 250 veth pairs and `lo`.

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr},
};

use crate::{
    contest::{Contest, NODE_EXPORTER, Side, start_exporter},
    support::{Result, namespace::Namespace, netkestrel::Instance, report::Bars},
};

const PAIRS: usize = 250;
const SCRAPES: usize = 40;
const NETDEV: [&str; 3] = [
    "--collector.disable-defaults",
    "--collector.netdev",
    "--collector.netdev.netlink",
];

/// Measures our network collector against `netdev` over netlink.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let namespace = Namespace::new("nkbinterfaces")?;
    namespace.ip(&pairs()?)?;
    let ours = Instance::start_in(&namespace, "log: {level: error}\n")?;
    let peer_at = SocketAddr::from((Ipv4Addr::LOCALHOST, 9100));
    let peer = start_exporter(namespace.command(NODE_EXPORTER), peer_at, &NETDEV)?;
    namespace.inside(|| {
        Contest {
            what: "501 interfaces",
            ours: Side::connect(
                "netkestrel network",
                &ours.process,
                ours.address,
                "/metrics?collect[]=network",
            )?,
            peer: Side::connect("node_exporter netdev, netlink", &peer, peer_at, "/metrics")?,
            scrapes: SCRAPES,
            bar: 1.0 / 3.0,
            proof: &[("netkestrel_network_receive_bytes_total", 2 * PAIRS + 1)],
        }
        .hold(bars)
    })
}

fn pairs() -> Result<String> {
    let mut batch = String::new();
    for pair in 1..=PAIRS {
        writeln!(batch, "link add a{pair} type veth peer name b{pair}")?;
        writeln!(batch, "link set a{pair} up")?;
        writeln!(batch, "link set b{pair} up")?;
    }
    Ok(batch)
}
