//! The first words to a person who started the program: what is watched and where to look, in five lines.

use std::{collections::BTreeSet, io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    build,
    clock::{Clock, Now},
    collectors::{self, Guarded, devices::DeviceView},
};

/// First runs that take longer are not waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often to look whether the first runs are done.
const GLANCE: Duration = Duration::from_millis(20);
/// Names of one kind that are listed before the rest is only counted.
const LISTED: usize = 6;

/// Waits for the first runs and prints five lines on standard output.
pub(super) async fn greet(
    address: SocketAddr,
    collectors: Vec<Arc<Guarded>>,
    set: Arc<collectors::Set>,
    clock: Clock,
) {
    let first_runs = async {
        while collectors
            .iter()
            .any(|c| c.collector().enabled() && c.status().success.is_none())
        {
            tokio::time::sleep(GLANCE).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, first_runs).await;
    let now = clock.now();
    let devices: Vec<String> = set.devices.overview(now).iter().map(named).collect();
    let text = words(
        address,
        &subjects(&collectors, "network_interface_up", now),
        &subjects(&collectors, "filesystem_usage_ratio", now),
        &devices,
    );
    // Nobody to read it is no reason to stop.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The name, and the address where it says more than the name.
fn named(device: &DeviceView) -> String {
    let address = device
        .ip
        .map_or_else(|| device.address.to_string(), |ip| ip.to_string());
    if address.is_empty() || *device.name == *address {
        device.name.to_string()
    } else {
        format!("{} ({address})", device.name)
    }
}

fn subjects(collectors: &[Arc<Guarded>], signal: &str, now: Now) -> Vec<String> {
    let batches = collectors.iter().filter_map(|guarded| guarded.latest(now));
    let names: BTreeSet<String> = batches
        .flat_map(|batch| {
            let of_signal = batch
                .readings
                .iter()
                .filter(|reading| reading.signal.name == signal);
            of_signal
                .map(|reading| reading.subject.to_string())
                .collect::<Vec<_>>()
        })
        .collect();
    names.into_iter().collect()
}

fn words(address: SocketAddr, interfaces: &[String], mounts: &[String], devices: &[String]) -> String {
    let shown = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    format!(
        "NetKestrel {} watches this host.\n  interfaces  {}\n  mounts      {}\n  devices     {}\n  \
         look        http://{shown}/  (Prometheus: http://{shown}/metrics)\n",
        build::VERSION,
        list(interfaces),
        list(mounts),
        match devices {
            [] => "none yet; name some under collectors.devices.targets".to_owned(),
            devices => list(devices),
        },
    )
}

fn list(names: &[String]) -> String {
    let printable = |name: &String| name.escape_debug().to_string();
    let shown: Vec<String> = names.iter().take(LISTED).map(printable).collect();
    match names.len() {
        0 => "none found".to_owned(),
        count if count > LISTED => format!("{} and {} more", shown.join(", "), count - LISTED),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_say_what_is_watched_and_where_to_look() {
        let many: Vec<String> = (0..8).map(|n| format!("veth{n}")).collect();
        let text = words(([0, 0, 0, 0], 10980).into(), &many, &["/".to_owned()], &[]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1..],
            [
                "  interfaces  veth0, veth1, veth2, veth3, veth4, veth5 and 2 more",
                "  mounts      /",
                "  devices     none yet; name some under collectors.devices.targets",
                "  look        http://localhost:10980/  (Prometheus: http://localhost:10980/metrics)",
            ]
        );
    }
}
