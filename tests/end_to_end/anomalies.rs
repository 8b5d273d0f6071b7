//! Values unlike those before, at a program that has known what is usual for weeks: they show in metrics, on the page and
//! in the API, become one alert where related series agree, and may be called normal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::Value;

use super::support::{
    exposition::Page,
    http::Client,
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    requirement::{Need, can_run},
    traffic::{Ongoing, send},
    usual::{Usual, learn},
};

/// Without rules that might say it first, on a machine that is busy with tests.
const HOST: &str = "collectors: {network: {enabled: false}, devices: {enabled: false}, system: {interval: 1s}}\n\
                    rules: [{name: cpu, enabled: false}, {name: memory, enabled: false}]\n";
const NETWORK: &str =
    "collectors: {network: {interval: 1s}, system: {enabled: false}, devices: {enabled: false}}\n";
const DOWNLOAD: &str = "signal=\"network_receive_bytes_per_second\",subject=\"nkc0\"";
const TARGET: &str = "10.99.0.1:9";
/// 20 Mbit/s.
const PACE: u32 = 2_500_000;

/// Keeps a CPU busy until dropped.
struct Busy(Arc<AtomicBool>, Option<thread::JoinHandle<()>>);

impl Busy {
    fn begin() -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&goes_on);
        let work = move || {
            while seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        Self(goes_on, Some(thread::spawn(work)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
        let _ = self.1.take().map(thread::JoinHandle::join);
    }
}

fn json(client: &Client, path: &str) -> Value {
    let answer = client.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

/// The one alert about an anomaly.
fn alert(client: &Client) -> Value {
    let found = json(client, "/api/v1/alerts?rule=anomaly");
    assert_eq!(found["total"], 1, "{found}");
    found["alerts"][0].clone()
}

fn wait_for_state(netkestrel: &mut Netkestrel, state: f64) {
    netkestrel.wait_for("the alert", |page| {
        let found = page.value("netkestrel_alert_state", "rule=\"anomaly\"");
        found.filter(|value| (value - state).abs() < 0.5)
    });
}

#[test]
fn a_host_unlike_itself_becomes_one_alert_in_words_that_outlives_a_restart() {
    let setup = Setup::new(Place::Here, HOST);
    learn(
        &setup,
        21,
        &[("cpu_usage_ratio", "", 1e-4), ("memory_usage_ratio", "", 1e-3)],
    );
    let _busy = Busy::begin();
    let mut netkestrel = setup.start();
    wait_for_state(&mut netkestrel, 2.0);

    let page = netkestrel.page();
    let memory = |name: &str| page.value(name, "signal=\"memory_usage_ratio\"");
    assert!(memory("netkestrel_anomaly_value").unwrap() > 0.01);
    assert!(memory("netkestrel_anomaly_usual_value").unwrap() < 0.002);
    assert_eq!(memory("netkestrel_anomaly_model_ready"), Some(1.0));
    assert_eq!(memory("netkestrel_anomaly_active"), Some(1.0));
    assert!(memory("netkestrel_anomaly_seen_low").unwrap() > 0.0);

    let client = netkestrel.client.clone();
    let found = alert(&client);
    let why = found["explanation"].as_str().unwrap();
    assert!(why.contains(" the usual for "), "{why}");
    assert!(why.contains("; unusual as well: "), "{why}");
    let anomalies = json(&client, "/api/v1/anomalies");
    let anomalies = anomalies["anomalies"].as_array().unwrap();
    assert!(anomalies.len() >= 2, "{anomalies:?}");
    for anomaly in anomalies {
        let why = anomaly["explanation"].as_str().unwrap();
        assert!(why.contains("highest in 2"), "{why}");
        assert_eq!(anomaly["lasts"], true, "{anomaly}");
    }
    let landing = client.get("/").text().to_owned();
    assert!(landing.contains("<h2>Unusual now</h2>"), "{landing}");

    let reached = format!("--web.listen-address={}", client.address());
    let id = found["id"].as_str().unwrap();
    let acknowledged = setup
        .command(&["alerts", "ack", id, "--normal", "--by", "kim", &reached])
        .output()
        .unwrap();
    assert!(acknowledged.status.success(), "{acknowledged:?}");
    let listed = setup.command(&["alerts", "list", &reached]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&format!("{id}: {why}")), "{listed}");
    netkestrel.process.terminate();

    let mut again = setup.start();
    wait_for_state(&mut again, 3.0);
    assert_eq!(alert(&again.client)["id"], id);
    let after = json(&again.client, "/api/v1/anomalies");
    assert!(after["anomalies"].as_array().unwrap().len() >= anomalies.len());
}

#[test]
fn on_its_first_day_a_host_shows_metrics_and_nothing_else() {
    let setup = Setup::new(Place::Here, HOST);
    let mut netkestrel = setup.start();
    netkestrel.wait_for("a score", |page| {
        page.value("netkestrel_anomaly_score", "signal=\"memory_usage_ratio\"")
    });
    let page = netkestrel.page();
    let of_memory = "signal=\"memory_usage_ratio\"";
    assert_eq!(page.value("netkestrel_anomaly_model_ready", of_memory), Some(0.0));
    assert_eq!(page.value("netkestrel_anomaly_seen_low", of_memory), None);
    assert_eq!(page.value("netkestrel_anomaly_series_left_out", ""), Some(0.0));
    let anomalies = json(&netkestrel.client, "/api/v1/anomalies");
    assert_eq!(anomalies["anomalies"], Value::Array(Vec::new()));
}

/// A program beside a neighbour whose traffic, which goes on, it has known for three weeks.
fn known_traffic(here: &Namespace, neighbour: &Namespace) -> (Setup, Ongoing, Netkestrel) {
    here.ip(&format!(
        "link add nkc0 type veth peer name nkc1 netns {}",
        neighbour.name()
    ));
    here.ip("addr add 10.99.0.1/30 dev nkc0");
    neighbour.ip("addr add 10.99.0.2/30 dev nkc1");
    here.ip("link set nkc0 up");
    neighbour.ip("link set nkc1 up");
    let setup = Setup::new(Place::Namespace(here.name().to_owned()), NETWORK);
    let bytes = f64::from(PACE) * 1242.0 / 1200.0;
    let usual: [Usual<'_>; 2] = [
        ("network_receive_bytes_per_second", "nkc0", bytes),
        ("network_receive_packets_per_second", "nkc0", bytes / 1242.0),
    ];
    learn(&setup, 21, &usual);
    let traffic = send(neighbour, TARGET.parse().unwrap(), PACE);
    let netkestrel = setup.start();
    (setup, traffic, netkestrel)
}

/// Interval runs so far that saw a rate.
fn runs(netkestrel: &Netkestrel) -> f64 {
    let page = netkestrel.page();
    let rates = "netkestrel_network_receive_bytes_per_second_count";
    page.value(rates, "interface=\"nkc0\"").unwrap()
}

#[test]
fn a_burst_and_a_drop_to_zero_are_found_within_two_intervals() {
    let name = "a_burst_and_a_drop_to_zero_are_found_within_two_intervals";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    for kind in ["rise", "drop"] {
        let (here, neighbour) = (Namespace::new(), Namespace::new());
        let (_setup, traffic, mut netkestrel) = known_traffic(&here, &neighbour);
        netkestrel.wait_for("the usual traffic", |page| {
            page.value("netkestrel_anomaly_value", DOWNLOAD)
        });
        let label = format!("signal=\"network_receive_bytes_per_second\",kind=\"{kind}\"");
        let found = |page: &Page| page.value("netkestrel_anomalies_total", &label);
        let (before, begun) = (found(&netkestrel.page()).unwrap(), runs(&netkestrel));
        let _other = if kind == "rise" {
            let burst = send(&neighbour, TARGET.parse().unwrap(), PACE * 8);
            [Some(traffic), Some(burst)]
        } else {
            drop(traffic);
            [None, None]
        };
        netkestrel.wait_for("the anomaly", |page| found(page).filter(|count| *count > before));
        // The run that was going to be when it began, and two more.
        let after = runs(&netkestrel) - begun;
        assert!(after <= 3.0, "a {kind} was found after {after} runs");
    }
}
