//! Lists of devices in files of their own: what each format means, and what a very large and very wrong one costs.

use std::{fmt::Write as _, fs, path::Path};

use netkestrel::{
    collectors::devices::{Check, Ip, Target},
    config::{self, Config, Error, Sources},
};

/// A configuration that names the devices file beside it.
const CONFIGURATION: &str = "collectors: {devices: {devices_file: devices.yaml, \
                             targets: [{name: own, address: 192.0.2.1}]}}\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(devices: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.put("netkestrel.yml", CONFIGURATION);
        folder.put("devices.yaml", devices);
        folder
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("writes");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self) -> Result<Config, Error> {
        let sources = Sources {
            file: Some(self.path().join("netkestrel.yml")),
            ..Sources::default()
        };
        config::load(&sources).map(|loaded| loaded.config)
    }
}

/// Name, address, group, parents, check and port of each device.
type Row = (String, String, String, String, Check, Option<u16>);

fn rows(config: &Config) -> Vec<Row> {
    let row = |target: &Target| {
        (
            target.display_name().to_owned(),
            target.address.clone(),
            target.group.clone(),
            target.parents().join(" "),
            target.check,
            target.port,
        )
    };
    config.collectors.devices.devices().map(row).collect()
}

fn row(name: &str, address: &str, group: &str, parents: &str, check: Check, port: Option<u16>) -> Row {
    let [name, address, group, parents] = [name, address, group, parents].map(str::to_owned);
    (name, address, group, parents, check, port)
}

fn case(name: &str) -> Config {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/valid");
    let sources = Sources {
        file: Some(folder.join(name)),
        ..Sources::default()
    };
    config::load(&sources).expect(name).config
}

#[test]
fn devices_of_the_file_follow_those_of_the_configuration() {
    assert_eq!(
        rows(&case("devices_file.yml")),
        [
            row("nas", "nas.lan", "", "switch", Check::Icmp, None),
            row("router", "192.0.2.1", "core ${NOT_SET}", "", Check::Icmp, None),
            row("switch", "switch.lan", "", "router", Check::Tcp, Some(22)),
            row("2001:db8::7", "2001:db8::7", "", "", Check::Icmp, None),
        ]
    );
}

#[test]
fn targets_of_prometheus_become_devices() {
    assert_eq!(
        rows(&case("devices_file_of_prometheus.yml")),
        [
            row("192.0.2.1", "192.0.2.1", "core", "", Check::Icmp, None),
            row("nas.lan", "nas.lan", "core", "", Check::Icmp, None),
            row("2001:db8::1", "2001:db8::1", "core", "", Check::Icmp, None),
            row("printer", "192.0.2.9", "", "nas.lan", Check::Icmp, None),
            row("web.lan:80", "web.lan", "", "", Check::Tcp, Some(80)),
            row("web.lan:443", "web.lan", "", "", Check::Tcp, Some(443)),
            row("ssh", "ssh.lan", "", "", Check::Tcp, Some(22)),
        ]
    );
}

#[test]
fn targets_of_prometheus_may_name_their_ip_version() {
    let folder = Folder::with(
        r#"[{"targets": ["nas.lan"], "labels": {"__meta_netkestrel_ip": "both", "ip": "192.0.2.7"}},
            {"targets": ["web.lan"], "labels": {"ip": "192.0.2.8"}}]"#,
    );
    let config = folder.load().expect("is fine");
    let devices: Vec<_> = config
        .collectors
        .devices
        .devices()
        .map(|target| target.ip)
        .collect();
    assert_eq!(devices, [Ip::Auto, Ip::Both, Ip::Auto]);
    let watched = config.collectors.devices.watched();
    let names: Vec<_> = watched.map(|target| target.display_name().to_owned()).collect();
    assert_eq!(names, ["own", "nas.lan (IPv4)", "nas.lan (IPv6)", "web.lan"]);
}

#[test]
fn labels_pause_devices_and_tell_no_parents_from_none_written() {
    let folder = Folder::with(
        r#"[{"targets": ["a", "b"], "labels": {"paused": "true", "parents": ","}},
            {"targets": ["c"], "labels": {"__meta_netkestrel_paused": "false"}}]"#,
    );
    let config = folder.load().expect("is fine");
    let listed = config.collectors.devices.listed.targets.iter();
    let facts: Vec<_> = listed
        .map(|target| (target.paused, target.parents.clone()))
        .collect();
    assert_eq!(
        facts,
        [(true, Some(Vec::new())), (true, Some(Vec::new())), (false, None)]
    );
    folder.put(
        "devices.yaml",
        r#"[{"targets": ["a"], "labels": {"paused": "yes please"}}]"#,
    );
    let error = folder.load().expect_err("is neither").to_string();
    assert!(
        error.ends_with("[0].paused: given `yes please`; accepted: `true` or `false`"),
        "{error}"
    );
}

#[test]
fn a_rule_may_name_devices_of_the_file() {
    let folder = Folder::with("[{name: camera, address: 192.0.2.2}]");
    let rules =
        "rules: [{name: slow, signal: ping_rtt_seconds, levels: {low: 0.1}, include: [camera, camrea]}]\n";
    folder.put("netkestrel.yml", &format!("{CONFIGURATION}{rules}"));
    let sources = Sources {
        file: Some(folder.path().join("netkestrel.yml")),
        ..Sources::default()
    };
    let notes = config::load(&sources).expect("is fine").notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("camrea") && !notes[0].contains("`camera`"),
        "{notes:?}"
    );
}

#[test]
fn the_file_alone_is_read_again() {
    let folder = Folder::with("[{name: a, address: 192.0.2.2}]");
    let first = folder.load().expect("is fine");
    folder.put("netkestrel.yml", "this: is not asked for");
    folder.put("devices.yaml", "[{name: b, address: 192.0.2.3, parents: [own]}]");
    let second = config::reread_devices(&first).expect("is fine");
    let names: Vec<_> = rows(&second).into_iter().map(|row| row.0).collect();
    assert_eq!(names, ["own", "b"]);
    let differ = |one: &Config, other: &Config| {
        one.collectors.devices.listed.digest != other.collectors.devices.listed.digest
    };
    assert!(differ(&first, &second));

    for (devices, expected) in [
        (
            Some("- {name: own, address: 192.0.2.4}\n- {name: camera, address: c, parents: [onw]}\n"),
            vec![
                "devices.yaml:1:10: [0].name: `own` is the name of `collectors.devices.targets[0]` already; names \
                 must be unique",
                "devices.yaml:2:40: [1].parents[0]: `onw` is not the name of a device; did you mean `own`?",
            ],
        ),
        (
            Some(""),
            vec!["devices.yaml: the file is empty; accepted: a list of devices, or `[]` for none"],
        ),
        (
            None,
            vec!["devices.yaml: there is no such file; accepted: a file with a list of devices"],
        ),
    ] {
        match devices {
            Some(text) => folder.put("devices.yaml", text),
            None => fs::remove_file(folder.path().join("devices.yaml")).expect("was there"),
        }
        let error = config::reread_devices(&second).expect_err("is wrong").to_string();
        let path = format!("{}/", folder.path().display());
        assert_eq!(error.replace(&path, "").lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_parent_that_leaves_the_file_is_missed_in_the_configuration() {
    let folder = Folder::with("[{name: router, address: 192.0.2.2}]");
    folder.put(
        "netkestrel.yml",
        "collectors: {devices: {devices_file: devices.yaml, targets: [{address: nas, parents: [router]}]}}",
    );
    let config = folder.load().expect("is fine");
    folder.put("devices.yaml", "[]");
    let error = config::reread_devices(&config).expect_err("a parent is missing");
    assert_eq!(
        error.to_string(),
        "collectors.devices.targets[0].parents[0]: `router` is not the name of a device"
    );
}

/// Devices of which everything is wrong: one circle of all, one in eight with the name of another, one in eight with a
/// parent nobody has, one in eight at no address.
fn wrong(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        let name = if line % 8 == 1 { line - 1 } else { line };
        // Behind the next one that is what it is called.
        let next = if line % 8 == 0 { line + 2 } else { line + 1 };
        let mut parents = format!("device{}", next % lines);
        if line % 8 == 2 {
            let _ = write!(parents, ", nobody{line}");
        }
        let address = if line % 8 == 3 {
            "10.0.0.300".to_owned()
        } else {
            format!("10.{}.{}.{}", line >> 16, (line >> 8) & 255, line & 255)
        };
        let _ = writeln!(
            text,
            "- {{name: device{name}, address: {address}, parents: [{parents}]}}"
        );
    }
    text
}

#[test]
fn a_hundred_thousand_wrong_lines_are_told_at_once() {
    const LINES: usize = 100_000;
    let folder = Folder::with(&wrong(LINES));
    let error = folder.load().expect_err("everything is wrong");
    let text = error.to_string();
    assert_eq!(text.lines().count(), 101, "nobody reads more");
    let Error::Invalid(findings) = error else {
        panic!("{error}");
    };
    let about = |words: &str| findings.iter().filter(|one| one.message.contains(words)).count();
    assert_eq!(about("names must be unique"), LINES / 8);
    assert_eq!(about("is not the name of a device"), LINES / 8);
    assert_eq!(about("is not an IP address"), LINES / 8);
    assert_eq!(about("parents must not form a circle"), LINES);
    let more = format!("… and {} more", findings.len() - 100);
    assert_eq!(text.lines().last(), Some(more.as_str()));
}

/// Eight times the lines may take eight times as long and some more; with each line compared to each it would be
/// sixty-four times. Counted is the time on the processor, so that a busy machine makes no difference.
#[cfg(target_os = "linux")]
#[test]
fn the_work_grows_with_the_lines_not_with_their_square() {
    fn on_the_processor() -> u64 {
        let counts = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
        let first = counts.split(' ').next().expect("a figure");
        first.parse().expect("nanoseconds")
    }
    let took = |lines: usize| {
        let folder = Folder::with(&wrong(lines));
        let once = || {
            let start = on_the_processor();
            assert!(folder.load().is_err(), "everything is wrong");
            on_the_processor() - start
        };
        (0..3).map(|_| once()).min().expect("three times")
    };
    // Long enough that what does not depend on the lines counts little.
    let (few, many) = (took(1_000), took(8_000));
    assert!(many < few * 20, "{few} ns, then {many} ns");
}
