//! The system collector in a sandbox like that of the systemd unit: a mount namespace of its own in which every
//! mount is read-only and one is hidden. Needs root and `unshare` of util-linux, and the host's mounts around it;
//! without them it says so and passes, unless `NETKESTREL_TEST_REQUIRE=1` demands that it runs.
#![cfg(target_os = "linux")]

use std::{fs, io::Write as _, process::Command};

use netkestrel::{
    clock::Clock,
    collectors::{Collect, Config, Context, Set},
    sample::{Family, Value},
};

/// Tells the test that it runs inside the namespace.
const INSIDE: &str = "NETKESTREL_TEST_IN_MOUNT_NAMESPACE";
const HIDDEN: &str = "/dev/shm";
const SANDBOX: &str =
    "mount -o remount,ro,bind / / && mount -t tmpfs -o ro,size=4k hidden /dev/shm && exec \"$@\"";

#[test]
fn a_sandboxed_process_shows_the_mounts_as_they_are_outside() {
    if std::env::var_os(INSIDE).is_some() {
        return in_the_sandbox();
    }
    if let Some(obstacle) = obstacle() {
        let required = std::env::var_os("NETKESTREL_TEST_REQUIRE").is_some_and(|value| value == "1");
        assert!(!required, "NETKESTREL_TEST_REQUIRE=1, but {obstacle}");
        // Unlike `eprintln!` this is shown for tests that pass, too.
        let _ = writeln!(std::io::stderr(), "SKIPPED mount_namespace: {obstacle}");
        return;
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", SANDBOX, "sh"])
        .arg(std::env::current_exe().expect("a test is a program"))
        .args([
            "--exact",
            "a_sandboxed_process_shows_the_mounts_as_they_are_outside",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .status()
        .expect("util-linux is installed");
    assert!(status.success(), "the same test inside the namespace failed");
}

fn in_the_sandbox() {
    assert!(
        fs::write("/netkestrel-test", "").is_err(),
        "the root is read-only"
    );
    let mut config = Config::default();
    config.system.mounts.include = vec!["/".to_owned(), HIDDEN.to_owned()];
    config.system.fstypes.include = vec!["*".to_owned()];
    let set = Set::new(&config, &Context::default());
    let now = Clock::System.now();

    let scrape = set.system.scrape(now);
    assert!(scrape.failures.is_empty(), "{:?}", scrape.failures);
    for (metric, mountpoint, expected) in [
        ("netkestrel_filesystem_readonly", "/", Some(0.0)),
        ("netkestrel_filesystem_device_error", "/", Some(0.0)),
        ("netkestrel_filesystem_readonly", HIDDEN, Some(0.0)),
        ("netkestrel_filesystem_device_error", HIDDEN, Some(1.0)),
        ("netkestrel_filesystem_size_bytes", HIDDEN, None),
    ] {
        assert_eq!(
            value(&scrape.data, metric, mountpoint),
            expected,
            "{metric} of {mountpoint}"
        );
    }

    let batch = set.system.sample(now).data;
    let mut readings = batch.readings.iter();
    let usage =
        readings.find(|reading| (reading.signal.name, &*reading.subject) == ("filesystem_usage_ratio", "/"));
    assert!(
        usage.is_some_and(|usage| usage.observed.value().is_some()),
        "{usage:?}"
    );
}

fn value(families: &[Family], name: &str, mountpoint: &str) -> Option<f64> {
    let family = families.iter().find(|family| family.desc.name == name)?;
    let point = family.points.iter().find(|point| point.labels[1] == mountpoint)?;
    match point.value {
        Value::Number(number) => Some(number),
        Value::Histogram(_) => None,
    }
}

fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may make mount namespaces");
    }
    let [ours, of_process_1] = ["self", "1"].map(mounts_seen_by);
    if ours.len() < 2 || ours != of_process_1 {
        return Some("this test and process 1 do not both see `/` and `/dev/shm`, writable");
    }
    let made = Command::new("unshare").args(["--mount", "true"]).status();
    (!made.is_ok_and(|status| status.success())).then_some("`unshare` cannot make a mount namespace")
}

/// Lines about the two mounts in the table of a process, without the numbers of the mounts; none if it may not be
/// read or does not show both as writable.
fn mounts_seen_by(process: &str) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
    let line = |mountpoint: &str| {
        let mut lines = table.lines().filter_map(|line| line.splitn(3, ' ').nth(2));
        lines
            .find(|line| line.contains(&format!(" {mountpoint} rw")))
            .map(ToOwned::to_owned)
    };
    ["/", HIDDEN]
        .iter()
        .map_while(|mountpoint| line(mountpoint))
        .collect()
}
