//! Names that try to break out of a label: interfaces can be called nearly anything, devices too.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use super::support::{
    judges::{openmetrics_families, promtool_complaints},
    namespace::Namespace,
    netkestrel::{Place, Setup},
    requirement::{Need, can_run},
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
    let needs = [Need::Root, Need::Promtool, Need::Python];
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
}
