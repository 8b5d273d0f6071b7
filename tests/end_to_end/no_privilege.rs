//! Without any privilege everything but ping works, and the program says what is missing and how to grant it.

use super::support::{
    namespace::Namespace,
    netkestrel::{Place, Setup},
    requirement::{Need, can_run},
};

const CONFIGURATION: &str = "
collectors:
  devices:
    interval: 1s
    timeout: 1s
    targets:
      - {name: self, address: 127.0.0.1}
      - {name: nobody, address: nonexistent.invalid}
";
const UNKNOWN: f64 = 4.0;

/// A namespace in which nobody may ping without `CAP_NET_RAW`.
fn closed() -> Namespace {
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.ping_group_range", "1 0");
    namespace
}

#[test]
fn all_but_ping_works_without_privileges() {
    if !can_run("all_but_ping_works_without_privileges", &[Need::Root]) {
        return;
    }
    let namespace = closed();
    let mut netkestrel = Setup::new(Place::Nobody(namespace.name().to_owned()), CONFIGURATION).start();
    netkestrel.wait_for("probes that could not be sent", |page| {
        page.value(
            "netkestrel_ping_unsent_total",
            "device=\"self\",reason=\"permission\"",
        )
        .filter(|count| *count > 0.0)
    });
    let page = netkestrel.page();
    for device in ["device=\"self\"", "device=\"nobody\""] {
        assert_eq!(
            page.value("netkestrel_device_status", device),
            Some(UNKNOWN),
            "{device}"
        );
        assert_eq!(page.value("netkestrel_device_up", device), None, "{device}");
        assert_eq!(
            page.value("netkestrel_ping_requests_total", device),
            Some(0.0),
            "{device}"
        );
    }
    for metric in [
        "netkestrel_network_receive_bytes_total",
        "netkestrel_memory_size_bytes",
        "netkestrel_load1",
    ] {
        assert!(page.has(metric), "{metric}");
    }
    for collector in ["network", "system"] {
        let label = format!("collector=\"{collector}\"");
        assert_eq!(
            page.value("netkestrel_collector_success", &label),
            Some(1.0),
            "{collector}"
        );
    }
    let client = netkestrel.client.clone();
    netkestrel.process.wait_for("the reason on the page", |_| {
        client
            .get("/")
            .text()
            .contains("not permitted to ping")
            .then_some(())
    });
    let (end, log) = netkestrel.process.terminate();
    assert!(end.success(), "{log:?}");
}

#[test]
fn doctor_says_what_to_grant() {
    if !can_run("doctor_says_what_to_grant", &[Need::Root]) {
        return;
    }
    let namespace = closed();
    let setup = Setup::new(Place::Nobody(namespace.name().to_owned()), CONFIGURATION);
    let output = setup.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for word in ["cap_net_raw", "setcap", "ping_group_range"] {
        assert!(text.to_lowercase().contains(word), "{word} is missing: {text}");
    }
}

#[test]
fn a_name_that_does_not_resolve_does_not_stop_the_start() {
    if !can_run(
        "a_name_that_does_not_resolve_does_not_stop_the_start",
        &[Need::Root],
    ) {
        return;
    }
    let namespace = Namespace::new();
    let mut netkestrel = Setup::new(Place::Namespace(namespace.name().to_owned()), CONFIGURATION).start();
    netkestrel.wait_for("the other device to be up", |page| {
        page.value("netkestrel_device_up", "device=\"self\"")
            .filter(|up| *up > 0.5)
    });
    netkestrel.wait_for("the reason", |page| {
        page.value(
            "netkestrel_ping_unsent_total",
            "device=\"nobody\",reason=\"resolve\"",
        )
        .filter(|count| *count > 0.0)
    });
    let page = netkestrel.page();
    assert_eq!(
        page.value("netkestrel_device_status", "device=\"nobody\""),
        Some(UNKNOWN)
    );
    assert_eq!(page.value("netkestrel_device_up", "device=\"nobody\""), None);
}
