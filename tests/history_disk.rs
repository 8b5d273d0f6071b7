//! The history on a disk that is full, and on one that may not be written: small tmpfs mounts in a mount namespace of
//! their own. Needs root and `unshare` of util-linux; without them it says so and passes, unless
//! `NETKESTREL_TEST_REQUIRE=1` demands that it runs.
#![cfg(target_os = "linux")]

mod requirement;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use netkestrel::{
    clock::Now,
    durable::{Error::Io, Os},
    history::{Config, Error, Store, Stream},
    sample::{Batch, Observed, Reading, Scope, Signal, SubjectKind},
};

const INSIDE: &str = "NETKESTREL_TEST_HISTORY_DISK";
const NAME: &str = "recording_resumes_when_a_disk_can_be_written_again";
const SCRIPT: &str = "mount -t tmpfs -o size=256k small \"$0\" && exec \"$@\"";

const RATE: Signal = Signal {
    name: "network_receive_bytes_per_second",
    title: "download",
    subject: SubjectKind::Interface,
    help: "For tests.",
};

#[test]
fn recording_resumes_when_a_disk_can_be_written_again() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    if let Some(obstacle) = obstacle() {
        return requirement::skip(NAME, obstacle);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT])
        .arg(folder.path())
        .arg(std::env::current_exe().expect("a test is a program"))
        .args(["--exact", NAME, "--nocapture"])
        .env(INSIDE, folder.path())
        .status()
        .expect("util-linux is installed");
    assert!(status.success(), "the same test inside the namespace failed");
}

fn inside(folder: &Path) {
    let store = Store::open(Arc::new(Os), folder, &Config::default());
    let ballast = folder.join("ballast");
    store.append(&batch(0)).expect("recorded");
    fill(&ballast);
    let mut written = 1;
    let error = loop {
        match store.append(&batch(written)) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the disk never fills");
    };
    assert!(
        matches!(&error, Error::Write { source, .. } if source.is_full()),
        "{error}"
    );
    assert_eq!(recorded(folder), written, "nothing that was acknowledged is gone");
    fs::remove_file(&ballast).expect("removed");
    store.append(&batch(written)).expect("recording resumes");

    // A handle to write would keep the mount from being made read-only.
    drop(store);
    remount(folder, "ro");
    let opened = Store::open(Arc::new(Os), folder, &Config::default());
    let error = opened.append(&batch(written + 1)).expect_err("read-only");
    assert!(
        matches!(
            &error,
            Error::Write {
                source: Io { .. },
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(recorded(folder), written + 1);
    remount(folder, "rw");
    opened.append(&batch(written + 1)).expect("recording resumes");
    assert_eq!(recorded(folder), written + 2);
}

/// Leaves no room, not even in a page that is begun.
fn fill(path: &Path) {
    let error = fs::write(path, vec![0; 1 << 20]).expect_err("256 KiB");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

fn remount(folder: &Path, mode: &str) {
    let status = Command::new("mount")
        .args(["-o", &format!("remount,bind,{mode}")])
        .arg(folder)
        .status();
    assert!(status.expect("mount is installed").success(), "remounted {mode}");
}

fn recorded(folder: &Path) -> i64 {
    let store = Store::open(Arc::new(Os), folder, &Config::default());
    let records = store
        .reader()
        .records(Stream::Bandwidth, Timestamp::MIN, Timestamp::MAX);
    i64::try_from(records.expect("readable").count()).expect("few")
}

fn batch(number: i64) -> Batch {
    Batch {
        collector: "network",
        scope: Scope::Whole,
        at: Now {
            instant: Instant::now(),
            wall: Timestamp::from_second(1_795_600_800 + number * 30).expect("in range"),
        },
        elapsed: Some(Duration::from_secs(30)),
        readings: vec![Reading {
            signal: &RATE,
            subject: "eth0".into(),
            observed: Observed::Value(1.5),
        }],
        changes: Vec::new(),
        health: Vec::new(),
    }
}

fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may mount");
    }
    let made = Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs -o size=64k test /mnt"])
        .status();
    (!made.is_ok_and(|status| status.success())).then_some("`unshare` cannot make a mount namespace")
}
