//! What options a device may have, and what is said of those it may not.

use super::*;

fn problems(address: &str, is_pinged_only: bool, system: &str, ip: Ip, ping: &Ping) -> Vec<String> {
    let mut problems = Problems::new();
    validate((ip, ping), address, is_pinged_only, system, &mut problems);
    let found = problems.into_vec().into_iter();
    found.map(|p| format!("{}: {}", p.path, p.message)).collect()
}

fn from(source: &str) -> Ping {
    Ping {
        source: source.to_owned(),
        ..Ping::default()
    }
}

#[test]
fn classes_of_service_have_numbers_and_names() {
    let rows = [
        ("0", Some(0)),
        ("46", Some(46)),
        ("63", Some(63)),
        ("EF", Some(46)),
        ("ef", Some(46)),
        ("AF41", Some(34)),
        ("CS0", Some(0)),
        ("LE", Some(1)),
        ("64", None),
        ("-1", None),
        ("AF44", None),
        ("", None),
        ("4 6", None),
    ];
    for (text, value) in rows {
        assert_eq!(Dscp::parse(text).map(|dscp| dscp.0), value, "{text:?}");
    }
    for value in 0..64 {
        let shown = Dscp(value).to_string();
        assert_eq!(Dscp::parse(&shown), Some(Dscp(value)), "{shown}");
    }
}

#[test]
fn a_source_is_an_address_or_an_interface() {
    let interface = |text: &str| match Source::parse(text) {
        Some(Source::Interface(interface)) => Some(interface.as_str().to_owned()),
        _ => None,
    };
    for name in ["eth0", "wlp0s20f3.100", "exactly_fifteen"] {
        assert_eq!(interface(name).as_deref(), Some(name));
    }
    for text in ["", "sixteen_letters_", "eth 0", "a/b", "fe80::1%eth0", "größe"] {
        assert_eq!(Source::parse(text), None, "{text:?}");
    }
    let address = |text: &str| text.parse().ok().map(Source::Address);
    for text in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(Source::parse(text), address(text), "{text}");
    }
}

#[test]
fn a_device_without_settings_has_no_options() {
    assert_eq!(Ping::default().options(), None);
    let ping: Ping = serde_yaml::from_str("{source: eth0, dscp: EF, dont_fragment: true}").expect("settings");
    let options = ping.options().expect("some are set");
    assert_eq!(
        (options.dscp, options.size, options.dont_fragment),
        (Some(46), 56, true)
    );
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let marked = Ping {
        dscp: Dscp::parse("EF"),
        ..Ping::default()
    };
    let tiny = Ping {
        size: 31,
        ..Ping::default()
    };
    let rows = [
        ("nas.lan", Ip::Both, from("eth0"), ""),
        ("nas.lan", Ip::Auto, from("2001:db8::1"), ""),
        ("192.0.2.9", Ip::V4, from("192.0.2.1"), ""),
        ("fe80::1%eth0", Ip::V6, Ping::default(), ""),
        (
            "192.0.2.9",
            Ip::V6,
            Ping::default(),
            "ip: `192.0.2.9` is an IPv4 address; leave `ip` out, or give a host name",
        ),
        (
            "fe80::1%eth0",
            Ip::Both,
            Ping::default(),
            "ip: `fe80::1%eth0` is an IPv6 address; leave `ip` out, or give a host name",
        ),
        (
            "2001:db8::9",
            Ip::Auto,
            from("192.0.2.1"),
            "ping.source: `192.0.2.1` is an IPv4 address, but the device is asked over IPv6",
        ),
        (
            "nas.lan",
            Ip::V4,
            from("2001:db8::1"),
            "ping.source: `2001:db8::1` is an IPv6 address, but the device is asked over IPv4",
        ),
        (
            "nas.lan",
            Ip::Both,
            from("192.0.2.1"),
            "ping.source: `192.0.2.1` is an IPv4 address, but the device is asked over both; an interface is accepted, \
             such as `eth0`",
        ),
        (
            "nas.lan",
            Ip::Auto,
            from("0.0.0.0"),
            "ping.source: `0.0.0.0` is not the address of one host",
        ),
        (
            "nas.lan",
            Ip::Auto,
            from("eth 0"),
            "ping.source: `eth 0` is neither; an IP address or an interface of this host is accepted, such as \
             `192.168.1.2` or `eth0`",
        ),
        (
            "nas.lan",
            Ip::Auto,
            tiny,
            "ping.size: 31 is not between 32 and 65507",
        ),
    ];
    for (address, ip, ping, expected) in rows {
        let found = problems(address, true, "linux", ip, &ping).join("\n");
        assert_eq!(found, expected, "{address} {ip:?} {ping:?}");
    }
    assert_eq!(
        problems("nas.lan", false, "linux", Ip::Auto, &marked),
        ["ping: has no effect on connections; set `check: icmp`, or leave it out"]
    );
}

#[test]
fn what_only_linux_can_do_is_refused_elsewhere() {
    let all = Ping {
        source: "en0".to_owned(),
        dscp: Dscp::parse("46"),
        size: 100,
        dont_fragment: true,
    };
    assert_eq!(
        problems("nas.lan", true, "macos", Ip::Auto, &all),
        ["source", "dscp", "dont_fragment"].map(|key| format!(
            "ping.{key}: cannot be set for single devices on macos; leave it out, or run on Linux"
        ))
    );
    let size = Ping {
        size: 100,
        ..Ping::default()
    };
    assert_eq!(problems("nas.lan", true, "macos", Ip::Both, &size), [""; 0]);
}
