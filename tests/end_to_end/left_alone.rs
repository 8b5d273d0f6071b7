//! Devices that are left alone, by a maintenance window or because they are paused: shown as that everywhere, in no
//! uptime, and watched again with the next reload.

use std::time::Duration;

use serde_json::Value;

use super::support::{
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    requirement::{Need, can_run},
};

const WINDOW: &str = "alerts: {maintenance: [{name: works, match: {subject: [switch]}, from: 2026-01-01T00:00, \
                      to: 2999-01-01T00:00}]}\n";

fn configuration(paused: bool) -> String {
    format!(
        "collectors: {{devices: {{interval: 1s, probes: 1, targets: [{{name: router, address: 127.0.0.1}}, \
         {{name: switch, address: 127.0.0.2}}, {{name: camera, address: 127.0.0.3, paused: {paused}}}]}}}}\n"
    )
}

/// Waits until router, switch and camera have these statuses.
fn statuses(netkestrel: &mut Netkestrel, expected: [f64; 3]) {
    netkestrel.wait_for(&format!("the statuses {expected:?}"), |page| {
        let status = |name: &str| page.value("netkestrel_device_status", &format!("device=\"{name}\""));
        let found = ["router", "switch", "camera"].map(status);
        (found == expected.map(Some)).then_some(())
    });
}

fn devices(netkestrel: &Netkestrel) -> Vec<Value> {
    let answer: Value = serde_json::from_str(netkestrel.client.get("/api/v1/devices").text()).unwrap();
    answer["devices"].as_array().unwrap().clone()
}

#[test]
fn devices_in_maintenance_and_paused_ones_are_shown_so_and_watched_again_after_a_reload() {
    let name = "devices_in_maintenance_and_paused_ones_are_shown_so_and_watched_again_after_a_reload";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    let namespace = Namespace::new();
    let place = Place::Namespace(namespace.name().to_owned());
    let setup = Setup::new(place, &format!("{}{WINDOW}", configuration(true)));
    let mut netkestrel = setup.start();
    statuses(&mut netkestrel, [1.0, 6.0, 5.0]);
    let page = netkestrel.page();
    let up = |device: &str| page.value("netkestrel_device_up", &format!("device=\"{device}\""));
    assert_eq!(
        [up("router"), up("switch"), up("camera")],
        [Some(1.0), None, None]
    );
    let count = |status: &str| page.value("netkestrel_devices", &format!("status=\"{status}\""));
    assert_eq!([count("maintenance"), count("paused")], [Some(1.0), Some(1.0)]);
    netkestrel.wait_for("a check of the one, and none of the other", |page| {
        let requests = |device: &str| {
            let label = format!("device=\"{device}\"");
            page.value("netkestrel_ping_requests_total", &label).unwrap()
        };
        assert!(requests("camera") < 0.5, "it is not asked");
        (requests("switch") > 0.5).then_some(())
    });
    let words: Vec<Value> = devices(&netkestrel)
        .iter()
        .map(|device| device["status"].clone())
        .collect();
    assert_eq!(words, ["up", "maintenance", "paused"]);
    let shown = netkestrel.client.get("/").text().to_owned();
    for word in ["maintenance", "paused in the configuration"] {
        assert!(shown.contains(word), "the page does not say `{word}`");
    }

    // An interval run, so that it is written down.
    netkestrel.process.watch_for(Duration::from_secs(3));
    setup.configure(&configuration(false));
    netkestrel.process.signal(rustix::process::Signal::HUP);
    statuses(&mut netkestrel, [1.0; 3]);
    netkestrel.process.watch_for(Duration::from_secs(3));
    let seconds = |device: &Value, standing: &str| {
        let seconds = &device["uptime"]["24h"]["seconds"][standing];
        seconds
            .as_f64()
            .unwrap_or_else(|| panic!("{standing} is missing in {device}"))
    };
    for (device, standing) in devices(&netkestrel).iter().zip(["up", "maintenance", "paused"]) {
        assert!(seconds(device, standing) > 0.0, "{standing}: {device}");
        assert!(seconds(device, "up") > 0.0, "{device}");
        assert!(seconds(device, "down") == 0.0, "{device}");
    }
}
