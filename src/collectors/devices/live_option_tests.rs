//! How echo requests leave, as whoever is asked sees them, and what is said when they cannot: in network namespaces
//! of their own, over raw and over unprivileged sockets.

use std::{
    io::{IoSliceMut, Read as _},
    net::Ipv6Addr,
    os::fd::AsRawFd as _,
};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt::Ipv6RecvTClass,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    linux::KernelTimed,
    live_tests::{DEADLINE, Net, config, no_such_name, skipped, until, value, watch_with},
    probe::{DeviceId, Event, IcmpVersion, Method, Order, Outcome, ProbeId, Standing, What},
    sockets::Sockets,
    *,
};

/// Names of each kind: with addresses of both versions, and with one.
fn names(name: &str) -> io::Result<Vec<SocketAddr>> {
    let four = SocketAddr::from(([10, 77, 0, 2], 0));
    let six = SocketAddr::from((Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, 2), 0));
    match name {
        "nas.test" => Ok(vec![six, four]),
        "four.test" => Ok(vec![four]),
        name => no_such_name(name),
    }
}

/// Who may ping without a privilege decides on the kind of the sockets.
const KINDS: [(&str, &str); 2] = [
    ("raw", "net.ipv4.ping_group_range=1\t0"),
    ("open", "net.ipv4.ping_group_range=0\t2147483647"),
];

/// Runs `story` in namespaces that also know IPv6, and a second address on this side, once for each kind of sockets.
fn for_each_kind_of_socket(test: &str, name: &str, story: impl Fn(&Net, &str)) {
    for (kind, setting) in KINDS {
        let net = Net::new(&format!("{name}-{kind}")).filter(|net| {
            net.set(setting)
                && net.near("addr add 10.77.0.3/24 dev nkd0")
                && net.near("addr add fd00:77::1/64 dev nkd0 nodad")
                && net.near("addr add fd00:77::3/64 dev nkd0 nodad")
                && net.far("addr add fd00:77::2/64 dev nkd1 nodad")
        });
        let Some(net) = net else {
            return skipped(test, "needs root on Linux, with iproute2 and IPv6");
        };
        story(&net, kind);
    }
}

/// Watches `targets` within the near namespace.
fn watch(net: &Net, targets: Vec<Target>, story: impl AsyncFnOnce(&Arc<Collector>) + Send) {
    let config = Config {
        targets,
        ..config(&[])
    };
    net.inside(|| watch_with(names, &Context::default(), &config, story));
}

fn target(address: &str, ping: Ping) -> Target {
    Target {
        ping,
        ..Target::new(address)
    }
}

fn ping_from(source: &str) -> Ping {
    Ping {
        source: source.to_owned(),
        ..Ping::default()
    }
}

/// An echo request as it arrived.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    from: IpAddr,
    /// The six bits of the class of service.
    class: u8,
    /// Bytes behind the ICMP header.
    size: usize,
    ident: u16,
}

/// Sees all requests that arrive in the far namespace.
struct Ear {
    four: Socket,
    six: Socket,
}

impl Ear {
    fn new(net: &Net) -> Self {
        let raw = |domain, protocol| {
            let socket = Socket::new(domain, Type::RAW, Some(protocol)).expect("root may");
            socket.set_read_timeout(Some(DEADLINE)).expect("an option");
            socket
        };
        net.outside(|| {
            let six = raw(Domain::IPV6, Protocol::ICMPV6);
            setsockopt(&six, Ipv6RecvTClass, &true).expect("an option");
            Self {
                four: raw(Domain::IPV4, Protocol::ICMPV4),
                six,
            }
        })
    }

    /// The next request over IPv4.
    fn four(&self) -> Seen {
        let mut packet = [0; 4096];
        loop {
            let length = (&self.four).read(&mut packet).expect("a packet in time");
            if packet[20] == 8 {
                return Seen {
                    from: IpAddr::from([packet[12], packet[13], packet[14], packet[15]]),
                    class: packet[1] >> 2,
                    size: length - 28,
                    ident: u16::from_be_bytes([packet[24], packet[25]]),
                };
            }
        }
    }

    /// The next request over IPv6.
    fn six(&self) -> Seen {
        let mut packet = [0; 4096];
        let mut control = nix::cmsg_space!(i32);
        loop {
            let (length, class, from) = {
                let mut parts = [IoSliceMut::new(&mut packet)];
                let flags = MsgFlags::empty();
                let fd = self.six.as_raw_fd();
                let message = recvmsg::<SockaddrIn6>(fd, &mut parts, Some(&mut control), flags);
                let message = message.expect("a packet in time");
                let class = message.cmsgs().expect("room for it").find_map(|told| match told {
                    ControlMessageOwned::Ipv6TClass(class) => u8::try_from(class >> 2).ok(),
                    _ => None,
                });
                let from = message.address.expect("somebody sent it").ip();
                (message.bytes, class, from)
            };
            if packet[0] == 128 {
                return Seen {
                    from: from.into(),
                    class: class.expect("asked for"),
                    size: length - 8,
                    ident: u16::from_be_bytes([packet[4], packet[5]]),
                };
            }
        }
    }
}

#[test]
fn requests_leave_as_they_are_told_to() {
    let test = "requests_leave_as_they_are_told_to";
    for_each_kind_of_socket(test, "told", |net, kind| {
        let ear = Ear::new(net);
        let four = Ping {
            dscp: Dscp::parse("EF"),
            size: 1_400,
            dont_fragment: true,
            ..ping_from("10.77.0.3")
        };
        let six = Ping {
            dscp: Dscp::parse("AF41"),
            size: 32,
            ..ping_from("fd00:77::3")
        };
        let targets = vec![target("10.77.0.2", four), target("fd00:77::2", six)];
        watch(net, targets, async |collector| {
            for name in ["10.77.0.2", "fd00:77::2"] {
                let view = until(collector, name, |view| view.status == Status::Up).await;
                assert!(view.last_rtt.is_some_and(|time| time > Duration::ZERO), "{kind}");
            }
        });
        let seen = [ear.four(), ear.six()].map(|seen| (seen.from.to_string(), seen.class, seen.size));
        let expected = [("10.77.0.3", 46, 1_400), ("fd00:77::3", 34, 32)];
        assert_eq!(
            seen,
            expected.map(|(from, class, size)| (from.to_owned(), class, size)),
            "{kind}"
        );
    });
}

#[test]
fn requests_of_other_devices_leave_as_ever() {
    let test = "requests_of_other_devices_leave_as_ever";
    for_each_kind_of_socket(test, "ever", |net, kind| {
        let ear = Ear::new(net);
        // The plain requests follow ones with options over the same socket.
        let special = Ping {
            dscp: Dscp::parse("CS6"),
            size: 100,
            dont_fragment: true,
            ..ping_from("nkd0")
        };
        let targets = vec![
            target("10.77.0.2", special),
            Target {
                name: "plain".to_owned(),
                ..Target::new("10.77.0.2")
            },
        ];
        watch(net, targets, async |collector| {
            until(collector, "10.77.0.2", |view| view.status == Status::Up).await;
            until(collector, "plain", |view| view.status == Status::Up).await;
        });
        let mut seen = [ear.four(), ear.four()].map(|seen| (seen.from.to_string(), seen.class, seen.size));
        seen.sort_unstable_by_key(|(_, class, _)| *class);
        let from = "10.77.0.1".to_owned();
        assert_eq!(seen, [(from.clone(), 0, 56), (from, 48, 100)], "{kind}");
    });
}

#[test]
fn a_way_too_narrow_is_told_with_what_fits() {
    let test = "a_way_too_narrow_is_told_with_what_fits";
    for_each_kind_of_socket(test, "narrow", |net, kind| {
        let built = net.far("link add nkd2 mtu 1280 type veth peer name nkd3")
            && net.far("link set nkd2 up")
            && net.far("link set nkd3 up")
            && net.far("addr add 10.78.3.1/24 dev nkd2")
            && net.far("addr add fd00:78::1/64 dev nkd2 nodad")
            && net.set("net.ipv6.conf.all.forwarding=1")
            && net.near("route add fd00:78::/64 via fd00:77::2");
        assert!(built, "{kind}");
        let whole = |size| Ping {
            size,
            dont_fragment: true,
            ..Ping::default()
        };
        let targets = vec![
            target("10.78.3.9", whole(1_400)),
            target("fd00:78::9", whole(1_400)),
            target("10.77.0.2", whole(2_000)),
            target("fd00:77::2", whole(2_000)),
        ];
        let rows = [
            (
                "10.78.3.9",
                Status::Down,
                "too big for the way, which takes 1280 bytes, says 10.77.0.2 (ICMP type 3 code 4)",
            ),
            (
                "fd00:78::9",
                Status::Down,
                "too big for the way, which takes 1280 bytes, says fd00:77::2 (ICMP type 2 code 0)",
            ),
            (
                "10.77.0.2",
                Status::Unknown,
                "the probe could not be sent: 2028 bytes are too big to leave in one piece; at most 1500 fit",
            ),
            (
                "fd00:77::2",
                Status::Unknown,
                "the probe could not be sent: 2048 bytes are too big to leave in one piece; at most 1500 fit",
            ),
        ];
        watch(net, targets, async |collector| {
            for (name, status, reason) in rows {
                let is_so = |view: &DeviceView| view.status == status && view.reason == reason;
                until(collector, name, is_so).await;
            }
        });
    });
}

#[test]
fn requests_of_every_size_are_answered() {
    let test = "requests_of_every_size_are_answered";
    for_each_kind_of_socket(test, "size", |net, _| {
        let asked = |(address, size): (&str, u16)| Target {
            name: format!("{size} bytes to {address}"),
            ..target(
                address,
                Ping {
                    size,
                    ..Ping::default()
                },
            )
        };
        let addresses = ["10.77.0.2", "fd00:77::2"];
        // The fourth is larger than the interface takes, so it leaves in pieces.
        let sizes = [32, 33, 57, 2_000, 65_507];
        let targets = addresses
            .iter()
            .flat_map(|address| sizes.map(|size| (*address, size)));
        let mut targets: Vec<Target> = targets.map(asked).collect();
        // The socket that it shares with the others is told not to take it apart, and then to do so again.
        targets.push(target(
            "10.77.0.2",
            Ping {
                dont_fragment: true,
                ..Ping::default()
            },
        ));
        watch(net, targets.clone(), async |collector| {
            for target in &targets {
                let name = target.display_name();
                let view = until(collector, name, |view| view.status == Status::Up).await;
                assert!(view.last_rtt.is_some_and(|time| time > Duration::ZERO), "{name}");
            }
        });
    });
}

#[test]
fn a_source_this_host_lacks_says_nothing_about_the_device() {
    let test = "a_source_this_host_lacks_says_nothing_about_the_device";
    for_each_kind_of_socket(test, "lack", |net, _| {
        let rows = [
            ("10.77.0.2", "192.0.2.200", "this host has no address 192.0.2.200"),
            (
                "fd00:77::2",
                "2001:db8::200",
                "this host has no address 2001:db8::200",
            ),
            ("10.77.0.9", "nowhere0", "this host has no interface `nowhere0`"),
        ];
        let targets = rows.map(|(address, source, _)| target(address, ping_from(source)));
        watch(net, targets.into(), async |collector| {
            for (name, _, reason) in rows {
                let reason = format!("the probe could not be sent: {reason}");
                let view = until(collector, name, |view| view.reason == reason).await;
                assert_eq!(view.status, Status::Unknown);
                let down = value(collector, "netkestrel_device_status_changes_total", &[name]);
                assert_eq!(down, 0);
            }
        });
    });
}

#[test]
fn over_one_version_a_device_may_be_down_alone() {
    let test = "over_one_version_a_device_may_be_down_alone";
    for_each_kind_of_socket(test, "half", |net, _| {
        let named = |address: &str, name: &str, ip| Target {
            name: name.to_owned(),
            ip,
            ..Target::new(address)
        };
        let targets = vec![
            named("nas.test", "nas", Ip::Both),
            named("four.test", "six", Ip::V6),
            named("nas.test", "four", Ip::V4),
        ];
        let (four, six) = ("nas (IPv4)", "nas (IPv6)");
        watch(net, targets, async |collector| {
            until(collector, four, |view| view.status == Status::Up).await;
            until(collector, six, |view| view.status == Status::Up).await;
            let view = until(collector, "four", |view| view.status == Status::Up).await;
            assert_eq!(view.ip.map(|ip| ip.is_ipv4()), Some(true));
            let lacks = "the name does not resolve: it has no IPv6 address";
            let view = until(collector, "six", |view| view.reason == lacks).await;
            assert_eq!((view.status, view.ip), (Status::Unknown, None));

            assert!(net.far("addr del fd00:77::2/64 dev nkd1"));
            until(collector, six, |view| view.status == Status::Down).await;
            let changes = |name| value(collector, "netkestrel_device_status_changes_total", &[name]);
            assert_eq!((changes(four), changes(six)), (0, 1));
            assert_eq!(value(collector, "netkestrel_device_up", &[four]), 1);
            assert!(net.far("addr add fd00:77::2/64 dev nkd1 nodad"));
            until(collector, six, |view| view.status == Status::Up).await;
        });
    });
}

fn order(number: u64, afresh: bool) -> Order {
    Order {
        id: ProbeId {
            device: DeviceId(1),
            number,
        },
        to: SocketAddr::from(([10, 77, 0, 2], 0)),
        method: Method::Echo,
        timeout: Duration::from_secs(5),
        standing: Standing::Clear,
        afresh,
        options: None,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn a_former_socket_is_kept_for_late_answers_and_then_closed() {
    let test = "a_former_socket_is_kept_for_late_answers_and_then_closed";
    for_each_kind_of_socket(test, "kept", |net, kind| {
        net.inside(|| {
            let runtime = runtime();
            let start = Instant::now();
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut sockets = Sockets::new(IcmpVersion::V4, random(), 9, start);
            let ready = |sockets: &mut Sockets, seconds| {
                let found = sockets.ready(runtime.handle(), &order(0, false), at(seconds));
                found.expect("a socket").1
            };
            let first = ready(&mut sockets, 0);
            assert_eq!(ready(&mut sockets, 599), first);
            assert_ne!(ready(&mut sockets, 600), first);
            // A raw socket takes any identifier.
            let both = if kind == "raw" { 1 } else { 2 };
            for (seconds, count) in [(600, both), (609, both), (610, 1)] {
                sockets.retire(at(seconds));
                assert_eq!(sockets.all().count(), count, "{kind}, {seconds} s");
            }
        });
    });
}

/// The answer to the first request is read only after the identifier was replaced.
#[test]
fn a_new_identifier_loses_no_answer() {
    let test = "a_new_identifier_loses_no_answer";
    for_each_kind_of_socket(test, "ident", |net, kind| {
        let ear = Ear::new(net);
        net.inside(|| {
            let runtime = runtime();
            let table = Table::new(&config(&[]), Clock::System.now());
            let shared = Arc::new(Shared::new(table, names, News::default()));
            let identity = packet::Identity { token: random() };
            let mut prober = KernelTimed::new(shared, runtime.handle().clone(), identity, 9);
            let start = Instant::now();
            let steps = [(0, false), (29, true), (31, false), (31, true), (62, true)];
            for (number, (after, afresh)) in (0..).zip(steps) {
                let at = start + Duration::from_secs(after);
                prober.send_at(&order(number, afresh), at).expect("sent");
            }
            let mut events: Vec<Event> = Vec::new();
            while events.len() < steps.len() && start.elapsed() < DEADLINE {
                engine::Prober::wait(&prober, Some(Instant::now() + Duration::from_millis(50)));
                engine::Prober::collect(&mut prober, &mut events);
            }
            let mut answered: Vec<u64> = events
                .iter()
                .filter(|event| matches!(event.what, What::Ended(Outcome::Answered(_))))
                .map(|event| event.id.number)
                .collect();
            answered.sort_unstable();
            assert_eq!(answered, [0, 1, 2, 3, 4], "{kind}: {events:?}");
        });
        let idents: Vec<u16> = (0..5).map(|_| ear.four().ident).collect();
        let [first, a, b, second, third] = idents[..] else {
            panic!("five were sent")
        };
        assert_eq!((first, first), (a, b), "{kind}");
        assert!(
            first != second && second != third && first != third,
            "{kind}: {idents:?}"
        );
    });
}
