//! Whom we ping, how it is configured, and what our exposition says about it.

use std::net::Ipv4Addr;

use crate::support::netkestrel::target;

const PER_BLOCK: u16 = 250;

/// `count` addresses of the /16 that begins with `first.second`.
pub(crate) fn addresses(first: u8, second: u8, count: u16) -> impl Iterator<Item = Ipv4Addr> {
    (0..count).map(move |index| {
        let [_, block] = (index / PER_BLOCK + 1).to_be_bytes();
        let [_, host] = (index % PER_BLOCK + 1).to_be_bytes();
        Ipv4Addr::new(first, second, block, host)
    })
}

/// A configuration that pings every target once per second and is quiet otherwise.
pub(crate) fn every_second(targets: impl Iterator<Item = Ipv4Addr>) -> String {
    let head = "log: {level: error}\ncollectors:\n  devices:\n    interval: 1s\n    timeout: 900ms\n    probes: 1\n    targets:\n";
    targets.fold(head.to_owned(), |text, address| text + &target(address))
}

/// Sum over all series of a metric.
pub(crate) fn sum(text: &str, metric: &str) -> f64 {
    let series = text.lines().filter_map(|line| line.strip_prefix(metric));
    series
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
