//! The profile for many devices: how much one of them takes of `/metrics`, and that a change of the profile is taken in.

use super::support::{
    http::Client,
    netkestrel::{Netkestrel, Place, Setup},
    requirement::{Need, can_run},
};

/// With the longest address of IPv4.
const DEVICE: &str = "access-point";
const SERIES: usize = 8;
const BYTES: usize = 600;
/// Counts grow, and sums have all digits soon: each is taken to be as long as after ten years of probes at a second.
const COUNT: usize = 9;
const SUM: usize = 18;

fn configuration(profile: &str) -> String {
    format!(
        "collectors: {{devices: {{interval: 1s, metrics: {profile}, targets: [\
         {{name: core-router1, address: 127.0.0.1, group: office}}, \
         {{name: {DEVICE}, address: 127.100.100.100, group: office, parents: [core-router1]}}]}}}}\n"
    )
}

#[test]
fn a_lean_device_has_eight_series_and_at_most_600_bytes() {
    if !can_run(
        "a_lean_device_has_eight_series_and_at_most_600_bytes",
        &[Need::Root],
    ) {
        return;
    }
    let setup = Setup::new(Place::Here, &configuration("lean"));
    let mut netkestrel = setup.start();
    wait_for_an_answer(&mut netkestrel);
    let lines = lines(&netkestrel.client);
    assert_eq!(lines.len(), SERIES, "{}", lines.join("\n"));
    let grown = |line: &String| {
        let value = line.rsplit(' ').next().unwrap_or_default().len();
        let longest = match line.split('{').next().unwrap_or_default() {
            "netkestrel_device_info" | "netkestrel_device_up" | "netkestrel_device_status" => value,
            sum if sum.ends_with("_sum") => SUM,
            _ => COUNT,
        };
        line.len() + 1 + longest.saturating_sub(value)
    };
    let bytes: usize = lines.iter().map(grown).sum();
    assert!(bytes <= BYTES, "{bytes} bytes:\n{}", lines.join("\n"));
    for metric in [
        "netkestrel_ping_rtt_seconds_sum{",
        "netkestrel_ping_rtt_seconds_count{",
        "netkestrel_ping_failures_total{device=\"access-point\"} ",
        "netkestrel_device_info{",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(metric)),
            "{metric} in {lines:?}"
        );
    }

    setup.configure(&configuration("full"));
    netkestrel.process.signal(rustix::process::Signal::HUP);
    let label = format!("device=\"{DEVICE}\"");
    netkestrel.wait_for("the profile with everything", |page| {
        page.value("netkestrel_ping_jitter_seconds_total", &label)
    });
    assert!(self::lines(&netkestrel.client).len() > 30, "all of it again");
}

fn wait_for_an_answer(netkestrel: &mut Netkestrel) {
    let label = format!("device=\"{DEVICE}\"");
    netkestrel.wait_for("an answer", |page| {
        page.value("netkestrel_ping_rtt_seconds_count", &label)
            .filter(|count| *count > 0.0)
    });
}

/// The series of the device, in text 0.0.4.
fn lines(client: &Client) -> Vec<String> {
    let answer = client.get("/metrics");
    let label = format!("device=\"{DEVICE}\"");
    let lines = answer.text().lines().filter(|line| line.contains(&label));
    lines.map(str::to_owned).collect()
}
