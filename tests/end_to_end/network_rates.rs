//! Paced traffic across a pair of interfaces: our counters, our rates and Prometheus' `rate()` against the kernel's
//! own count, and an interface that goes and comes again in the middle of it.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use super::support::{
    exposition::Page,
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    prometheus::{Job, Prometheus, value},
    requirement::{Need, can_run, servers},
    traffic::{Kernel, Ongoing, send, unix_time},
};

const CONFIGURATION: &str = "collectors: {network: {interval: 1s}, system: {enabled: false}}\n";
const BYTES_TOTAL: &str = "netkestrel_network_receive_bytes_total";
const RATE: &str = "netkestrel_network_receive_bytes_per_second";
const NKC0: &str = "interface=\"nkc0\"";
/// 20 Mbit/s.
const PACE: u32 = 2_500_000;
const TOLERANCE: f64 = 0.02;

/// A network with the program, a server that scrapes it, and a neighbour that sends to it.
struct Lab {
    netkestrel: Netkestrel,
    prometheus: Prometheus,
    here: Namespace,
    neighbour: Namespace,
    _setup: Setup,
}

impl Lab {
    fn new() -> Self {
        let (here, neighbour) = (Namespace::new(), Namespace::new());
        connect(&here, &neighbour);
        let setup = Setup::new(Place::Namespace(here.name().to_owned()), CONFIGURATION);
        let netkestrel = setup.start();
        let job = Job {
            name: "netkestrel",
            target: netkestrel.client.address(),
        };
        let prometheus = Prometheus::start_inside(here.name(), &newest_server(), &[job]);
        Self {
            netkestrel,
            prometheus,
            here,
            neighbour,
            _setup: setup,
        }
    }

    fn traffic(&self) -> Ongoing {
        send(&self.neighbour, "10.99.0.1:9".parse().unwrap(), PACE)
    }
}

#[test]
fn rates_agree_with_the_kernel_within_two_percent() {
    if !can_run(
        "rates_agree_with_the_kernel_within_two_percent",
        &[Need::Root, Need::Prometheus],
    ) {
        return;
    }
    let mut lab = Lab::new();
    let kernel = Kernel::watch(&lab.here, "nkc0");
    let _traffic = lab.traffic();
    let first = seconds_observed(&mut lab.netkestrel, 3.0);
    let (start, page) = (unix_time(), lab.netkestrel.page());
    let last = seconds_observed(&mut lab.netkestrel, first + 12.0);
    let (end, page_after) = (unix_time(), lab.netkestrel.page());

    let truth = kernel.rate(start, end);
    assert_close("the transfer", truth, f64::from(PACE) * 1242.0 / 1200.0);
    let counter = |page: &Page| page.value(BYTES_TOTAL, NKC0).unwrap();
    assert_close(
        "our counter",
        (counter(&page_after) - counter(&page)) / (end - start),
        truth,
    );
    let mean = (observed(&page_after, "sum") - observed(&page, "sum")) / (last - observed(&page, "count"));
    assert_close("our rates", mean, truth);

    lab.prometheus
        .wait_for(&format!("count_over_time({BYTES_TOTAL}{{{NKC0}}}[30s]) > 12"));
    let range = lab.prometheus.query(&format!("{BYTES_TOTAL}{{{NKC0}}}[10s]"));
    let times: Vec<f64> = range[0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v[0].as_f64().unwrap())
        .collect();
    let at = times.last().unwrap();
    let rate = lab
        .prometheus
        .query(&format!("rate({BYTES_TOTAL}{{{NKC0}}}[10s] @ {at})"));
    assert_close(
        "rate() of Prometheus",
        value(&rate[0]),
        kernel.rate(at - 10.0, *at),
    );
}

#[test]
fn an_interface_that_comes_again_makes_no_spike() {
    if !can_run(
        "an_interface_that_comes_again_makes_no_spike",
        &[Need::Root, Need::Prometheus],
    ) {
        return;
    }
    let mut lab = Lab::new();
    let _traffic = lab.traffic();
    seconds_observed(&mut lab.netkestrel, 4.0);
    lab.here.ip("link del nkc0");
    lab.netkestrel.wait_for("the end of its series", |page| {
        (page.value(BYTES_TOTAL, NKC0).is_none() && page.value(&format!("{RATE}_count"), NKC0).is_none())
            .then_some(())
    });
    connect(&lab.here, &lab.neighbour);
    seconds_observed(&mut lab.netkestrel, 4.0);
    // Once more, faster than anything that looks once a second can see.
    lab.here.ip("link del nkc0");
    connect(&lab.here, &lab.neighbour);
    lab.prometheus.process.watch_for(Duration::from_secs(6));

    let page = lab.netkestrel.page();
    let total = observed(&page, "count");
    let below = page.bucket(RATE, NKC0, 1e7);
    assert_eq!(below, Some(total), "no observation above four times the pace");
    assert!(
        observed(&page, "sum") <= total * f64::from(PACE) * 1.3,
        "{page:?}"
    );
    for range in ["2s", "5s", "15s"] {
        let rates = lab
            .prometheus
            .query(&format!("rate({BYTES_TOTAL}{{{NKC0}}}[{range}])[2m:1s]"));
        let values: Vec<f64> = rates.iter().flat_map(values_of).collect();
        assert!(!values.is_empty(), "no rates over {range}");
        let limit = f64::from(PACE) * 1.3;
        assert!(
            values.iter().all(|rate| (0.0..limit).contains(rate)),
            "over {range}: {values:?}"
        );
    }
}

/// A pair of interfaces `nkc0` and `nkc1`, up and with addresses.
fn connect(here: &Namespace, neighbour: &Namespace) {
    here.ip(&format!(
        "link add nkc0 type veth peer name nkc1 netns {}",
        neighbour.name()
    ));
    here.ip("addr add 10.99.0.1/30 dev nkc0");
    neighbour.ip("addr add 10.99.0.2/30 dev nkc1");
    here.ip("link set nkc0 up");
    neighbour.ip("link set nkc1 up");
}

/// Waits until the interval runs have counted this many rates and returns how many they are.
fn seconds_observed(netkestrel: &mut Netkestrel, count: f64) -> f64 {
    netkestrel.wait_for("rates of the interface", |page| {
        page.value(&format!("{RATE}_count"), NKC0)
            .filter(|counted| *counted >= count)
    })
}

fn observed(page: &Page, part: &str) -> f64 {
    page.value(&format!("{RATE}_{part}"), NKC0).unwrap()
}

fn values_of(series: &Value) -> Vec<f64> {
    let values = series["values"].as_array().unwrap().iter();
    values
        .map(|pair| pair[1].as_str().unwrap().parse().unwrap())
        .collect()
}

fn newest_server() -> PathBuf {
    let servers = servers();
    let current = servers.iter().find(|server| server.ends_with("current"));
    current.unwrap_or(&servers[0]).clone()
}

fn assert_close(what: &str, is: f64, should: f64) {
    let off = is / should - 1.0;
    assert!(
        off.abs() <= TOLERANCE,
        "{what}: {is} instead of {should}, off by {:.2} %",
        off * 100.0
    );
}
