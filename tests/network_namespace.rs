//! The network collector against the kernel's own counters: interfaces that come, count and go in a network
//! namespace made for the test. Needs root and `ip` of iproute2; without them it says so and passes, unless
//! `NETKESTREL_TEST_REQUIRE=1` demands that it runs.
#![cfg(target_os = "linux")]

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::UdpSocket,
    os::{fd::AsFd as _, unix::ffi::OsStrExt as _},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use netkestrel::{
    clock::{Clock, Now},
    collectors::{Collect, Config, Context, Set},
    sample::{Batch, Family, Missing, Observed, Value},
};

const INTERVAL: Duration = Duration::from_secs(30);
const DATAGRAMS: u64 = 200;
const PAYLOAD: usize = 1_000;
/// Ethernet, IP and UDP headers around the payload.
const FRAME: u64 = PAYLOAD as u64 + 14 + 20 + 8;
const RX: &str = "network_receive_bytes_per_second";
const TX: &str = "network_transmit_bytes_per_second";
const FIRST: Observed = Observed::Missing(Missing::FirstReading);

#[test]
fn rates_follow_the_kernel_and_a_recreated_interface_starts_anew() {
    in_namespace("nknrates", || {
        add_pair();
        let mut bench = Bench::new();
        assert_eq!(observed(&bench.sample(), RX, "nknb"), FIRST);

        let moved = bytes_moved_by_traffic();
        assert_eq!(moved, DATAGRAMS * FRAME, "nothing else uses the pair");
        let batch = bench.sample();
        assert_rate(&batch, RX, "nknb", moved);
        assert_rate(&batch, TX, "nkna", moved);
        assert_rate(&batch, RX, "nkna", 0);

        ip(&["link", "delete", "nkna"]);
        assert!(!bench.exposes("nkna"), "gone at the next scrape");
        add_pair();
        assert!(bench.exposes("nkna"), "back at the next scrape");
        bytes_moved_by_traffic();
        assert_eq!(
            observed(&bench.sample(), RX, "nknb"),
            FIRST,
            "no spike, no negative rate"
        );
        assert_rate(&bench.sample(), RX, "nknb", 0);
    });
}

#[test]
fn a_scrape_shows_the_counters_of_the_kernel() {
    in_namespace("nknscrape", || {
        add_pair();
        let bench = Bench::new();
        bench.scrape();
        for round in 1..=3 {
            bytes_moved_by_traffic();
            let shown = value(&bench.scrape(), "netkestrel_network_receive_bytes_total", "nknb");
            let expected = (round * DATAGRAMS * FRAME) as f64;
            assert_eq!(shown, Some(expected), "round {round}");
        }
    });
}

#[test]
fn changes_of_a_link_show_at_the_next_scrape() {
    in_namespace("nknlink", || {
        add_pair();
        let bench = Bench::new();
        let up = |name| value(&bench.scrape(), "netkestrel_network_up", name);
        let mtu = || value(&bench.scrape(), "netkestrel_network_mtu_bytes", "nkna");
        ip(&["link", "set", "nkna", "mtu", "1400"]);
        assert_eq!(mtu(), Some(1400.0));
        // The carrier of a pair follows at the kernel's leisure; the loopback is up the moment it is switched on.
        assert_eq!(up("lo"), Some(0.0));
        ip(&["link", "set", "lo", "up"]);
        assert_eq!(up("lo"), Some(1.0));
        ip(&["link", "set", "nknb", "down"]);
        assert_eq!(up("nknb"), Some(0.0));
    });
}

#[test]
fn hostile_names_are_shown_apart_and_valid() {
    in_namespace("nknnames", || {
        add_pair();
        let bench = Bench::new();
        for (name, shown) in [
            (&b"nkn\"\\{}=,"[..], "nkn\"\\{}=,"),
            ("nkn\u{1f426}é".as_bytes(), "nkn\u{1f426}é"),
            (b"nkn\xff\xfe", "nkn\\xff\\xfe"),
        ] {
            ip(&["link", "set", "nkna", "down"]);
            ip_with(&[b"link", b"set", b"dev", b"nkna", b"name", name]);
            assert!(bench.exposes(shown), "{shown}");
            assert!(!bench.exposes("nkna"), "{shown}");
            ip_with(&[b"link", b"set", b"dev", name, b"name", b"nkna"]);
        }
    });
}

/// A collector and the time it is told.
struct Bench {
    collector: Arc<dyn Collect>,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        let set = Set::new(&Config::default(), &Context::default());
        let mut all = set.all().into_iter();
        Self {
            collector: all.find(|one| one.name() == "network").expect("it is built in"),
            now: Clock::System.now(),
        }
    }

    /// The next interval run, one interval after the one before.
    fn sample(&mut self) -> Batch {
        self.now = self.now.after(INTERVAL);
        let outcome = self.collector.sample(self.now);
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        outcome.data
    }

    fn scrape(&self) -> Vec<Family> {
        let outcome = self.collector.scrape(self.now);
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        outcome.data
    }

    fn exposes(&self, interface: &str) -> bool {
        let families = self.scrape();
        let mut points = families.iter().flat_map(|family| &family.points);
        points.any(|point| point.labels[0] == interface)
    }
}

fn observed(batch: &Batch, signal: &str, subject: &str) -> Observed {
    let found = batch
        .readings
        .iter()
        .find(|reading| (reading.signal.name, reading.subject.as_str()) == (signal, subject));
    found.expect(subject).observed
}

fn value(families: &[Family], name: &str, interface: &str) -> Option<f64> {
    let family = families.iter().find(|family| family.desc.name == name)?;
    let point = family.points.iter().find(|point| point.labels[0] == interface)?;
    match point.value {
        Value::Number(number) => Some(number),
        Value::Histogram(_) => None,
    }
}

/// The rate must be that of `bytes` over the interval, within 2 %.
fn assert_rate(batch: &Batch, signal: &str, subject: &str, bytes: u64) {
    let Observed::Value(rate) = observed(batch, signal, subject) else {
        panic!("{signal} of {subject}: {:?}", observed(batch, signal, subject));
    };
    let expected = bytes as f64 / INTERVAL.as_secs_f64();
    assert!(
        (rate - expected).abs() <= expected * 0.02,
        "{signal} of {subject}: {rate}, not {expected}"
    );
}

/// A veth pair that carries nothing but what the test sends, from `nkna` to `nknb`.
fn add_pair() {
    let ipv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    if Path::new(ipv6).exists() {
        fs::write(ipv6, "1").expect("root owns the namespace");
    }
    ip(&["link", "add", "nkna", "type", "veth", "peer", "name", "nknb"]);
    ip(&["link", "set", "nknb", "address", "02:00:00:00:00:02"]);
    // The sender comes second: its carrier is then there when it is switched on, not some time later.
    for name in ["nknb", "nkna"] {
        ip(&["link", "set", name, "up"]);
    }
    ip(&["address", "add", "10.99.0.1/24", "dev", "nkna"]);
    ip(&[
        "neighbour",
        "add",
        "10.99.0.2",
        "lladdr",
        "02:00:00:00:00:02",
        "dev",
        "nkna",
    ]);
}

/// Sends over the pair; tells how many bytes the kernel saw arrive.
fn bytes_moved_by_traffic() -> u64 {
    let before = kernel_received("nknb");
    let socket = UdpSocket::bind("10.99.0.1:0").expect("the address of the pair");
    for _ in 0..DATAGRAMS {
        socket
            .send_to(&[0; PAYLOAD], "10.99.0.2:9")
            .expect("the pair is up");
    }
    kernel_received("nknb") - before
}

fn kernel_received(interface: &str) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/dev").expect("procfs is mounted");
    let line = text.lines().find_map(|line| line.trim().strip_prefix(interface));
    let bytes = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    bytes.expect(interface).parse().expect("a number")
}

fn ip(arguments: &[&str]) {
    ip_with(&arguments.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
}

fn ip_with(arguments: &[&[u8]]) {
    let arguments: Vec<&OsStr> = arguments.iter().map(|bytes| OsStr::from_bytes(bytes)).collect();
    let output = Command::new("ip")
        .args(&arguments)
        .output()
        .expect("iproute2 is installed");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {complaint}");
}

/// A network namespace that goes when the test does, also by a panic.
struct Namespace(String);

impl Namespace {
    fn add(prefix: &str) -> Self {
        let name = format!("{prefix}{}", std::process::id());
        ip(&["netns", "add", &name]);
        Self(name)
    }

    fn enter(&self) {
        let file = File::open(format!("/run/netns/{}", self.0)).expect("the namespace was just made");
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(file.as_fd(), kind).expect("root may enter namespaces");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

/// Runs `test` on a thread inside a new namespace, or says why it cannot.
fn in_namespace(prefix: &'static str, test: impl FnOnce() + Send + 'static) {
    if let Some(obstacle) = obstacle() {
        let required = std::env::var_os("NETKESTREL_TEST_REQUIRE").is_some_and(|value| value == "1");
        assert!(!required, "NETKESTREL_TEST_REQUIRE=1, but {obstacle}");
        eprintln!("skipped: {obstacle}");
        return;
    }
    let namespace = Namespace::add(prefix);
    let run = thread::scope(|scope| {
        let inside = scope.spawn(|| {
            namespace.enter();
            test();
        });
        inside.join()
    });
    drop(namespace);
    if let Err(panic) = run {
        std::panic::resume_unwind(panic);
    }
}

fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may make network namespaces");
    }
    let ip = Command::new("ip").arg("-V").output();
    ip.is_err().then_some("`ip` of iproute2 is not installed")
}
