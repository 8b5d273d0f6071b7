//! Scrapes of this host: the six subsystems that everybody watches, everything we have, and memory after it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Command,
};

use crate::{
    contest::{Contest, NODE_EXPORTER, SIX, Side, start_exporter},
    support::{
        Result,
        netkestrel::{Instance, program, target},
        report::{Bars, row, table},
    },
};

const DEVICES: u8 = 20;
const SUBSYSTEMS: [(&str, usize); 5] = [
    ("netkestrel_cpu_seconds_total", 8),
    ("netkestrel_memory_size_bytes", 1),
    ("netkestrel_filesystem_size_bytes", 1),
    ("netkestrel_network_receive_bytes_total", 1),
    ("netkestrel_load1", 1),
];
const EVERYTHING: [(&str, usize); 3] = [
    ("netkestrel_cpu_seconds_total", 8),
    ("netkestrel_network_receive_bytes_total", 1),
    ("netkestrel_device_status", DEVICES as usize),
];
const SCRAPES: usize = 200;
/// Bytes, not a power of two.
const RESIDENT_MB: f64 = 15.0;

/// Measures against the same collectors, against the defaults, and memory.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let ours = Instance::launch(Command::new(program()), free_address()?, &defaults_with_devices())?;
    let (six_at, all_at) = (free_address()?, free_address()?);
    let six = start_exporter(Command::new(NODE_EXPORTER), six_at, &SIX)?;
    let all = start_exporter(Command::new(NODE_EXPORTER), all_at, &[])?;
    let subsystems = "/metrics?collect[]=system&collect[]=network";
    Contest {
        what: "cpu, memory, disk, filesystem, network, load",
        ours: Side::connect(
            "netkestrel system, network",
            &ours.process,
            ours.address,
            subsystems,
        )?,
        peer: Side::connect("node_exporter, six collectors", &six, six_at, "/metrics")?,
        scrapes: SCRAPES,
        bar: 0.25,
        proof: &SUBSYSTEMS,
    }
    .hold(bars)?;
    Contest {
        what: "everything",
        ours: Side::connect(
            "netkestrel defaults, 20 devices",
            &ours.process,
            ours.address,
            "/metrics",
        )?,
        peer: Side::connect("node_exporter defaults", &all, all_at, "/metrics")?,
        scrapes: SCRAPES,
        bar: 0.1,
        proof: &EVERYTHING,
    }
    .hold(bars)?;
    let (resident, peak) = ours.process.resident()?;
    let (peer, peer_peak) = all.resident()?;
    table("Memory after the scrapes", &["who", "resident MB", "peak MB"]);
    row(&[
        "netkestrel defaults, 20 devices".to_owned(),
        megabytes(resident),
        megabytes(peak),
    ]);
    row(&[
        "node_exporter defaults".to_owned(),
        megabytes(peer),
        megabytes(peer_peak),
    ]);
    bars.at_most(
        "resident memory in MB, defaults and 20 devices",
        resident / 1e6,
        RESIDENT_MB,
    );
    Ok(())
}

fn defaults_with_devices() -> String {
    (2..2 + DEVICES)
        .map(|last| target(Ipv4Addr::new(127, 0, 0, last)))
        .fold(
            "log: {level: error}\ncollectors:\n  devices:\n    targets:\n".to_owned(),
            |text, line| text + &line,
        )
}

/// An address on loopback that nothing listened on a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn megabytes(bytes: f64) -> String {
    format!("{:.2}", bytes / 1e6)
}
