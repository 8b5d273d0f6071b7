//! What Prometheus gets of many devices: CPU time of `/metrics` without compression, and how many series and bytes
//! each device has there. Devices are asked once, so that nothing else runs meanwhile.

use std::{fmt::Write as _, net::Ipv4Addr, time::Duration};

use crate::{
    support::{
        Result,
        http::Client,
        netkestrel::Instance,
        pause,
        report::{Bars, Spread, row, table},
    },
    targets::addresses,
    wire::Wire,
};

const MANY: u16 = 10_000;
/// The size of a device's part does not depend on how many there are.
const SOME: u16 = 1_000;
/// New devices are asked two milliseconds apart.
const ASKED: Duration = Duration::from_secs(22);
const SCRAPES: usize = 5;
const BAR_MILLISECONDS: f64 = 300.0;
const BAR_SERIES: f64 = 8.0;
const BAR_BYTES: f64 = 600.0;

/// Measures both profiles.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let wire = Wire::new()?;
    let full = scrape(&wire, MANY, "full")?;
    let lean = scrape(&wire, SOME, "lean")?;
    table(
        "/metrics of many devices, text 0.0.4 without compression",
        &[
            "profile",
            "devices",
            "CPU ms (min / median / max)",
            "MB",
            "series per device",
            "bytes per device",
        ],
    );
    full.print("full");
    lean.print("lean");
    let cost = Spread::of(&full.milliseconds).median;
    bars.at_most(
        format!("/metrics of {MANY} devices, CPU ms"),
        cost,
        BAR_MILLISECONDS,
    );
    bars.at_most("profile lean: series per device", lean.series, BAR_SERIES);
    bars.at_most("profile lean: bytes per device", lean.bytes, BAR_BYTES);
    Ok(())
}

struct Page {
    devices: u16,
    milliseconds: Vec<f64>,
    length: usize,
    /// Per device.
    series: f64,
    bytes: f64,
}

fn scrape(wire: &Wire, devices: u16, profile: &str) -> Result<Page> {
    let ours = Instance::start_in(&wire.near, &once(addresses(10, 77, devices), profile))?;
    wire.near.inside(|| Client::connect(ours.address))?;
    pause(
        ASKED
            .mul_f64(f64::from(devices) / f64::from(MANY))
            .max(Duration::from_secs(3)),
    );
    // Another connection: a server may close one that says nothing for long.
    let mut client = wire.near.inside(|| Client::connect(ours.address))?;
    client.encoding = "identity";
    let mut milliseconds = Vec::new();
    for _ in 0..SCRAPES {
        let before = ours.process.cpu()?;
        client.get("/metrics")?;
        milliseconds.push(ours.process.cpu()?.saturating_sub(before).as_secs_f64() * 1e3);
    }
    let text = client.get("/metrics")?.text()?;
    let (mut series, mut bytes) = (0_u32, 0);
    for line in text.lines().filter(|line| line.contains("device=\"device-")) {
        series += 1;
        bytes += line.len() + 1;
    }
    Ok(Page {
        devices,
        milliseconds,
        length: text.len(),
        series: f64::from(series) / f64::from(devices),
        bytes: bytes as f64 / f64::from(devices),
    })
}

impl Page {
    fn print(&self, profile: &str) {
        row(&[
            profile.to_owned(),
            self.devices.to_string(),
            format!("{:.0}", Spread::of(&self.milliseconds)),
            format!("{:.1}", self.length as f64 / 1e6),
            format!("{:.1}", self.series),
            format!("{:.0}", self.bytes),
        ]);
    }
}

/// A configuration with names of twelve characters, groups and parents, whose devices are asked once.
fn once(targets: impl Iterator<Item = Ipv4Addr>, profile: &str) -> String {
    let mut text = format!(
        "log: {{level: error}}\ncollectors:\n  devices:\n    interval: 1h\n    timeout: 900ms\n    probes: 1\n    metrics: {profile}\n    targets:\n"
    );
    for (index, address) in targets.enumerate() {
        let parents = if index == 0 { "[]" } else { "[device-00000]" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "      - {{name: device-{index:05}, address: {address}, group: office, parents: {parents}}}"
        );
    }
    text
}
