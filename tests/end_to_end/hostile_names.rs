//! Names that try to break out of a label: interfaces can be called nearly anything, devices too.

use std::{collections::BTreeSet, ffi::OsStr, os::unix::ffi::OsStrExt};

use serde_json::Value;

use super::support::{
    http::Client,
    judges::{openmetrics_families, promtool_complaints},
    namespace::Namespace,
    netkestrel::{Place, Setup},
    prometheus::{Histograms, Job, Prometheus},
    proxy::{Accept, Proxy},
    requirement::{Need, can_run, servers},
};

/// Up to 15 bytes of anything but blanks, slashes and colons.
const INTERFACES: &[&[u8]] = &[
    b"q\"uo\\te",
    b"back\\",
    b"new\\nline",
    b"a=\"1\",b",
    b"{}#,n",
    "ünï→😀".as_bytes(),
    b"not\xffutf\xfe8",
    b"esc\x1b[31m\x07",
];

/// The same as they are shown, with the loopback.
const SHOWN: &[&str] = &[
    "q\"uo\\te",
    "back\\",
    "new\\nline",
    "a=\"1\",b",
    "{}#,n",
    "ünï→😀",
    "not\\xffutf\\xfe8",
    "esc\u{1b}[31m\u{7}",
    "lo",
];

const DEVICES: &str = r#"
collectors:
  devices:
    interval: 1s
    targets:
      - {name: 'q"uo\te', address: 127.0.0.1, group: 'g"\'}
      - {name: 'a="1",b{}', address: 127.0.0.1, group: '#EOF'}
      - {name: 'ünï→😀', address: 127.0.0.1}
"#;

#[test]
fn hostile_names_pass_every_judge() {
    let needs = [Need::Root, Need::Promtool, Need::Prometheus, Need::Python];
    if !can_run("hostile_names_pass_every_judge", &needs) {
        return;
    }
    let namespace = Namespace::new();
    for name in INTERFACES {
        let words = ["link", "add", "name"].map(OsStr::new).into_iter();
        let words = words.chain([OsStr::from_bytes(name)]);
        namespace.ip_words(words.chain(["type", "bridge"].map(OsStr::new)));
    }
    let mut netkestrel = Setup::new(Place::Namespace(namespace.name().to_owned()), DEVICES).start();
    netkestrel.wait_for("a check of every device", |page| {
        (page.all("netkestrel_ping_last_rtt_seconds").count() == 3).then_some(())
    });

    let text = netkestrel.client.get("/metrics");
    assert_eq!(promtool_complaints(&text.body), "");
    for label in [
        r#"interface="q\"uo\\te""#,
        r#"interface="back\\""#,
        r#"interface="new\\nline""#,
        r#"interface="a=\"1\",b""#,
        r#"interface="ünï→😀""#,
        r#"device="q\"uo\\te""#,
    ] {
        assert!(text.text().contains(label), "{label} is missing");
    }
    let counted = netkestrel
        .page()
        .all("netkestrel_network_receive_bytes_total")
        .count();
    assert_eq!(counted, INTERFACES.len() + 1, "every interface and loopback");

    let openmetrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let families = openmetrics_families(&netkestrel.client.get_with("/metrics", &openmetrics).body);
    assert!(
        families.iter().any(|family| family == "netkestrel_network"),
        "{families:?}"
    );
    assert_eq!(netkestrel.client.get("/").status, 200);
    assert_arrive_as_protobuf(&netkestrel.client);
}

/// A real Prometheus stores every name as it is shown, from the format that has no escapes.
fn assert_arrive_as_protobuf(program: &Client) {
    let proxy = Proxy::start(program, Accept::Untouched);
    let job = Job {
        name: "protobuf",
        target: proxy.address(),
    };
    for server in servers() {
        let mut prometheus = Prometheus::start(&server, Histograms::Native, &[job]);
        prometheus.wait_for("count_over_time(up[1m]) >= 2");
        assert_eq!(
            prometheus.query("up == 1").len(),
            1,
            "{}: {:?}",
            server.display(),
            prometheus.targets()
        );
        let interfaces = prometheus.query("netkestrel_network_receive_bytes_total");
        assert_eq!(
            labels(&interfaces, "interface"),
            SHOWN.iter().copied().collect(),
            "{}",
            server.display()
        );
        let devices = prometheus.query("netkestrel_ping_last_rtt_seconds");
        assert_eq!(
            labels(&devices, "device"),
            BTreeSet::from(["q\"uo\\te", "a=\"1\",b{}", "ünï→😀"]),
            "{}",
            server.display()
        );
    }
    let seen = proxy.content_types();
    assert!(
        seen.iter()
            .all(|seen| seen.starts_with("application/vnd.google.protobuf;")),
        "{seen:?}"
    );
}

fn labels<'a>(samples: &'a [Value], label: &str) -> BTreeSet<&'a str> {
    let values = samples.iter().map(|sample| sample["metric"][label].as_str());
    values.map(|value| value.expect("every sample has it")).collect()
}
