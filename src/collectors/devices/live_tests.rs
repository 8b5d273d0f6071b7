//! The real engine against the real kernel: on loopback, and in network namespaces of its own where devices die.
//! Tests that lack a privilege say so; with `NETKESTREL_TEST_REQUIRE=1` they fail instead.

use std::{io::Write, process::Command, sync::Arc};

use tokio::{
    runtime::Builder,
    sync::watch,
    time::{interval, timeout},
};

use super::*;
use crate::{
    sample::{Point, Value},
    units::HumanDuration,
};

/// Longest wait for something that is bound to happen.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn config(addresses: &[&str]) -> Config {
    Config {
        interval: HumanDuration::secs(1),
        timeout: HumanDuration(Duration::from_millis(300)),
        probes: 1,
        targets: addresses.iter().map(|address| Target::new(*address)).collect(),
        // No packet of a test leaves this machine.
        default_gateway: false,
        ..Config::default()
    }
}

/// Reports that `test` is left out.
pub(super) fn skipped(test: &str, reason: &str) {
    assert!(
        std::env::var("NETKESTREL_TEST_REQUIRE").as_deref() != Ok("1"),
        "{test} may not be skipped here, but {reason}"
    );
    // Unlike `eprintln!` this is shown for tests that pass, too.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

/// No test asks a name server: no name has an address.
pub(super) fn no_such_name(_: &str) -> io::Result<Vec<SocketAddr>> {
    Err(io::Error::other(
        "failed to lookup address information: no such name",
    ))
}

/// Runs the collector with `config` while `story` looks at it.
fn watch_devices(config: &Config, story: impl AsyncFnOnce(&Arc<Collector>)) {
    watch_in(&Context::default(), config, story);
}

fn watch_in(context: &Context, config: &Config, story: impl AsyncFnOnce(&Arc<Collector>)) {
    watch_with(no_such_name, context, config, story);
}

/// The same, with names that lead somewhere.
pub(super) fn watch_with(
    look_up: LookUp,
    context: &Context,
    config: &Config,
    story: impl AsyncFnOnce(&Arc<Collector>),
) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let collector = Arc::new(Collector::with_look_up(config, context, look_up));
        let (stop, stopped) = watch::channel(false);
        let background = Arc::clone(&collector)
            .background(stopped)
            .expect("it has background work");
        let background = tokio::spawn(background);
        story(&collector).await;
        stop.send(true).expect("the work still runs");
        timeout(DEADLINE, background)
            .await
            .expect("it stops in time")
            .expect("it does not panic");
    });
}

/// Waits until the device `name` is as `wanted`.
pub(super) async fn until(
    collector: &Collector,
    name: &str,
    wanted: impl Fn(&DeviceView) -> bool,
) -> DeviceView {
    let mut look = interval(Duration::from_millis(20));
    let found = timeout(DEADLINE, async {
        loop {
            look.tick().await;
            let all = collector.overview(Clock::System.now());
            if let Some(view) = all.into_iter().find(|view| view.name == name && wanted(view)) {
                return view;
            }
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("{name} stays {:?}", collector.overview(Clock::System.now())))
}

/// The value of a series, which is a small whole number wherever it is asked for here.
#[expect(clippy::cast_possible_truncation, reason = "rounded, and small")]
pub(super) fn value(collector: &Collector, metric: &str, labels: &[&str]) -> i64 {
    let families = collector.scrape(Clock::System.now()).data;
    let family = families
        .into_iter()
        .find(|family| family.desc.name == metric)
        .expect(metric);
    let is_wanted = |point: &Point| {
        point
            .labels
            .iter()
            .map(SmolStr::as_str)
            .eq(labels.iter().copied())
    };
    let number = |point: Point| match point.value {
        Value::Number(number) => number,
        Value::Histogram(_) => panic!("{metric} is a histogram"),
    };
    family
        .points
        .into_iter()
        .filter(is_wanted)
        .map(number)
        .sum::<f64>()
        .round() as i64
}

#[test]
fn a_single_probe_is_answered_and_leaves_no_trace() {
    if !probe_permission().v4() {
        return skipped(
            "a_single_probe_is_answered_and_leaves_no_trace",
            "needs a permitted ping socket",
        );
    }
    let nobody = Config {
        default_gateway: false,
        ..config(&[])
    };
    watch_devices(&nobody, async |collector| {
        let places = Arc::new(tokio::sync::Semaphore::new(1));
        let ask = async || {
            let place = Arc::clone(&places).acquire_owned().await.expect("is open");
            let to = ([127, 0, 0, 1], 0).into();
            collector.probe(to, Duration::from_secs(5), place).await
        };
        // Until the ping thread runs, nobody pings.
        let mut look = interval(Duration::from_millis(20));
        let probed = timeout(DEADLINE, async {
            loop {
                look.tick().await;
                if let Some(probed) = ask().await {
                    return probed;
                }
            }
        });
        let echo = probed.await.expect("it runs").answer.expect("loopback answers");
        assert!(
            echo.round_trip > Duration::ZERO && echo.round_trip < Duration::from_millis(300),
            "{echo:?}"
        );
        assert_eq!(echo.hop_limit, Some(64));
        assert_eq!(places.available_permits(), 1);
        let families = collector.scrape(Clock::System.now()).data;
        let counted = families
            .iter()
            .filter(|family| family.desc.name == "netkestrel_ping_requests_total");
        assert_eq!(counted.map(|family| family.points.len()).sum::<usize>(), 0);
        let unknown = collector.look_up("nowhere.invalid").await;
        assert_eq!(unknown, Err("no such name".to_owned()));
    });
}

#[test]
fn loopback_answers_with_time_and_hop_limit() {
    if !probe_permission().v4() {
        return skipped(
            "loopback_answers_with_time_and_hop_limit",
            "needs a permitted ping socket",
        );
    }
    watch_devices(&config(&["127.0.0.1"]), async |collector| {
        let view = until(collector, "127.0.0.1", |view| view.status == Status::Up).await;
        let time = view.last_rtt.expect("it answered");
        assert!(
            time > Duration::ZERO && time < Duration::from_millis(300),
            "{time:?}"
        );
        assert_eq!(
            value(collector, "netkestrel_ping_reply_hop_limit", &["127.0.0.1"]),
            64
        );
        assert_eq!(
            value(collector, "netkestrel_ping_duplicates_total", &["127.0.0.1"]),
            0
        );
        let batch = collector.sample(Clock::System.now()).data;
        assert!(
            batch
                .readings
                .iter()
                .all(|r| r.signal.name == "ping_jitter_seconds" || r.observed.value().is_some())
        );
    });
}

#[test]
fn a_name_that_does_not_resolve_stops_nothing() {
    watch_devices(&config(&["no-such-host.invalid"]), async |collector| {
        let unresolved = |view: &DeviceView| view.reason == "the name does not resolve: no such name";
        let view = until(collector, "no-such-host.invalid", unresolved).await;
        assert_eq!((view.status, view.ip), (Status::Unknown, None));
        assert!(
            value(
                collector,
                "netkestrel_ping_unsent_total",
                &["no-such-host.invalid", "resolve"]
            ) > 0
        );
        assert_eq!(
            value(
                collector,
                "netkestrel_ping_requests_total",
                &["no-such-host.invalid"]
            ),
            0
        );
    });
}

#[test]
fn a_tcp_check_needs_no_privilege() {
    let mut config = config(&["127.0.0.1"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    config.targets[0].check = Check::Tcp;
    config.targets[0].port = Some(listener.local_addr().expect("bound").port());
    watch_devices(&config, async |collector| {
        let view = until(collector, "127.0.0.1", |view| view.status == Status::Up).await;
        assert!(view.last_rtt.is_some());
    });
}

/// The port refuses from the start: three misses, 1 s apart, long before the next interval run.
#[test]
fn a_device_that_is_down_is_told_at_once() {
    let mut config = config(&["127.0.0.1"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    config.targets[0].check = Check::Tcp;
    config.targets[0].port = Some(listener.local_addr().expect("bound").port());
    config.interval = HumanDuration::secs(600);
    drop(listener);
    let (news, mut told) = News::channel(8);
    let context = Context {
        news,
        ..Context::default()
    };
    watch_in(&context, &config, async |_| {
        let batch = timeout(DEADLINE, told.recv())
            .await
            .expect("in time")
            .expect("open");
        assert_eq!((batch.collector, batch.scope), (NAME, Scope::News));
        let readings = batch.readings.iter();
        let read: Vec<_> = readings
            .map(|r| (r.signal.name, r.subject.as_str(), r.observed.value()))
            .collect();
        assert_eq!(read, [("device_up", "127.0.0.1", Some(0.0))]);
    });
}

/// Two namespaces joined by a cable; they vanish with the value.
pub(super) struct Net {
    near: String,
    far: String,
}

impl Net {
    pub(super) fn new(name: &str) -> Option<Self> {
        let near = format!("nkd-{name}-{}", std::process::id());
        let net = Self {
            far: format!("{near}-far"),
            near,
        };
        let built = Self::ip(&format!("netns add {}", net.near))
            && Self::ip(&format!("netns add {}", net.far))
            && Self::ip(&format!(
                "-n {} link add nkd0 type veth peer name nkd1 netns {}",
                net.near, net.far
            ))
            && net.near("addr add 10.77.0.1/24 dev nkd0")
            && net.far("addr add 10.77.0.2/24 dev nkd1")
            && net.near("link set nkd0 up")
            && net.far("link set nkd1 up")
            && net.near("link set lo up")
            && net.far("link set lo up")
            && net.near("route add 10.78.0.0/16 via 10.77.0.2")
            && net.far("route add unreachable 10.78.1.0/24")
            && net.near("route add 10.78.2.0/24 via 10.77.0.2 hoplimit 1")
            && net.far("route add 10.78.2.0/24 via 10.77.0.1")
            && net.far_forwards();
        built.then_some(net)
    }

    fn ip(arguments: &str) -> bool {
        let output = Command::new("ip").args(arguments.split(' ')).output();
        output.is_ok_and(|output| output.status.success())
    }

    pub(super) fn near(&self, arguments: &str) -> bool {
        Self::ip(&format!("-n {} {arguments}", self.near))
    }

    pub(super) fn far(&self, arguments: &str) -> bool {
        Self::ip(&format!("-n {} {arguments}", self.far))
    }

    fn far_forwards(&self) -> bool {
        let limits = "net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0";
        Self::ip(&format!("netns exec {} sysctl -qw {limits}", self.far))
    }

    /// Sets what the kernel lets be set, in both namespaces.
    pub(super) fn set(&self, setting: &str) -> bool {
        let set = |name: &str| Self::ip(&format!("netns exec {name} sysctl -qw {setting}"));
        set(&self.near) && set(&self.far)
    }

    /// Runs `story` on a thread that lives in the near namespace.
    pub(super) fn inside(&self, story: impl FnOnce() + Send) {
        Self::on_a_thread_in(&self.near, story);
    }

    /// Runs `story` on a thread that lives in the far namespace.
    pub(super) fn outside<T: Send>(&self, story: impl FnOnce() -> T + Send) -> T {
        Self::on_a_thread_in(&self.far, story)
    }

    fn on_a_thread_in<T: Send>(namespace: &str, story: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{namespace}");
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let namespace = std::fs::File::open(path).expect("it was made above");
                let kind = rustix::thread::LinkNameSpaceType::Network;
                rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(kind))
                    .expect("root may enter");
                story()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        Self::ip(&format!("netns del {}", self.near));
        Self::ip(&format!("netns del {}", self.far));
    }
}

#[test]
fn a_device_that_dies_is_down_in_time_and_comes_back() {
    let Some(net) = Net::new("life") else {
        return skipped(
            "a_device_that_dies_is_down_in_time_and_comes_back",
            "needs root on Linux, with iproute2",
        );
    };
    let mut config = config(&["10.77.0.2"]);
    config.interval = HumanDuration::secs(4);
    net.inside(|| {
        watch_devices(&config, async |collector| {
            let name = "10.77.0.2";
            until(collector, name, |view| view.status == Status::Up).await;
            // Kept in the neighbour table, so that packets go out and nobody answers.
            assert!(net.far("addr del 10.77.0.2/24 dev nkd1"));
            let view = until(collector, name, |view| view.status == Status::Down).await;
            assert!(!view.reason.is_empty() && view.last_rtt.is_none(), "{view:?}");
            assert_eq!(value(collector, "netkestrel_device_up", &[name]), 0);
            let requests = value(collector, "netkestrel_ping_requests_total", &[name]);
            assert!(
                requests <= 6,
                "re-probes confirm it within one interval, sent {requests}"
            );
            assert!(net.far("addr add 10.77.0.2/24 dev nkd1"));
            until(collector, name, |view| view.status == Status::Up).await;
            assert_eq!(
                value(collector, "netkestrel_device_status_changes_total", &[name]),
                2
            );
        });
    });
}

#[test]
fn routers_say_why_a_device_cannot_be_reached() {
    let Some(net) = Net::new("why") else {
        return skipped(
            "routers_say_why_a_device_cannot_be_reached",
            "needs root on Linux, with iproute2",
        );
    };
    net.inside(|| {
        watch_devices(&config(&["10.78.1.1", "10.78.2.1"]), async |collector| {
            let rows = [
                (
                    "10.78.1.1",
                    "unreachable",
                    "host unreachable, says 10.77.0.2 (ICMP type 3 code 1)",
                ),
                (
                    "10.78.2.1",
                    "ttl_exceeded",
                    "ran out of hops on the way, says 10.77.0.2 (ICMP type 11 code 0)",
                ),
            ];
            for (name, reason, words) in rows {
                let view = until(collector, name, |view| view.status == Status::Down).await;
                assert!(view.reason.starts_with(words), "{view:?}");
                assert!(value(collector, "netkestrel_ping_failures_total", &[name, reason]) > 0);
            }
        });
    });
}

#[test]
fn without_a_route_of_our_own_nothing_is_said_about_the_device() {
    let Some(net) = Net::new("own") else {
        return skipped(
            "without_a_route_of_our_own_nothing_is_said_about_the_device",
            "needs root on Linux, with iproute2",
        );
    };
    net.inside(|| {
        watch_devices(&config(&["10.77.0.2", "2001:db8::1"]), async |collector| {
            until(collector, "10.77.0.2", |view| view.status == Status::Up).await;
            assert!(net.near("link set nkd0 down"));
            for name in ["10.77.0.2", "2001:db8::1"] {
                let view = until(collector, name, |view| {
                    view.status == Status::Unknown && !view.reason.is_empty()
                })
                .await;
                assert!(view.reason.starts_with("this host has no route"), "{view:?}");
                assert!(value(collector, "netkestrel_ping_unsent_total", &[name, "no_route"]) > 0);
            }
            assert_eq!(
                value(
                    collector,
                    "netkestrel_device_status_changes_total",
                    &["10.77.0.2"]
                ),
                0
            );
            assert!(net.near("link set nkd0 up"));
            until(collector, "10.77.0.2", |view| view.status == Status::Up).await;
        });
    });
}
