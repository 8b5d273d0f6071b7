//! The collector over whole small hosts, kept as files: what it exposes, what it reads, how it fails.

mod content;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    clock::Now,
    collectors::{
        Collect, HealthLimits,
        system::{
            Collector, METRICS, SIGNALS,
            filesystems::{Inodes, Space},
        },
    },
    pattern::Filter,
    sample::{Batch, Family, Health, Observed, Value},
};

const GIB: u64 = 1 << 30;

fn data(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/proc")
        .join(case)
}

fn paths_of(host: &Path) -> Paths {
    let below = |folder: &str| host.join(folder).display().to_string();
    Paths {
        procfs: below("proc"),
        sysfs: below("sys"),
        rootfs: "/".to_owned(),
    }
}

/// The mounts of the small host: /home does not answer, /boot has no inodes.
fn space(path: &Path) -> io::Result<Space> {
    let space = |inodes| Space {
        size: 100 * GIB,
        avail: 4 * GIB,
        free: Some(5 * GIB),
        inodes,
    };
    match path.to_str() {
        Some("/home") => Err(io::Error::other("stale file handle")),
        Some("/boot") => Ok(space(None)),
        _ => Ok(space(Some(Inodes { all: 1000, free: 250 }))),
    }
}

fn reader(paths: &Paths) -> Reader {
    Reader::with_statvfs(paths, Arc::new(space), Duration::from_mins(1))
}

fn collector(host: &Path, config: &Config) -> Collector {
    Collector::with_reader(config, HealthLimits::default(), reader(&paths_of(host)))
}

fn at(seconds: u64) -> Now {
    let start = Now {
        instant: std::time::Instant::now(),
        wall: jiff::Timestamp::UNIX_EPOCH,
    };
    start.after(Duration::from_secs(seconds))
}

/// A copy of a host that the test may change.
fn copy_of(case: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_tree(&data(case), copy.path());
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            fs::create_dir(&target).expect("a new folder");
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            let link = fs::read_link(entry.path()).expect("a link");
            std::os::unix::fs::symlink(link, target).expect("a new link");
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        for point in &family.points {
            let pairs = family.desc.labels.iter().zip(&point.labels);
            let labels: Vec<_> = pairs.map(|(name, value)| format!("{name}={value:?}")).collect();
            let Value::Number(value) = point.value else {
                panic!("the host has no histograms")
            };
            writeln!(text, "{}{{{}}} {value}", family.desc.name, labels.join(",")).expect("a string");
        }
    }
    text
}

fn observed(batch: &Batch, signal: &str, subject: &str) -> Option<Observed> {
    let mut readings = batch.readings.iter();
    let reading = readings.find(|r| r.signal.name == signal && r.subject == subject);
    reading.map(|reading| reading.observed)
}

#[test]
fn the_small_host_is_exposed_as_recorded() {
    let collector = collector(&data("small"), &Config::default());
    let outcome = collector.scrape(at(0));
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    let golden = data("small").join("families.txt");
    let actual = text(&outcome.data);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &actual).expect("the golden file is writable");
    }
    let expected = fs::read_to_string(&golden).expect("UPDATE_GOLDEN=1 writes the golden file");
    assert_eq!(actual, expected, "UPDATE_GOLDEN=1 writes the golden file anew");
}

#[test]
fn every_metric_and_signal_is_listed() {
    let collector = collector(&data("small"), &Config::default());
    collector.sample(at(0));
    for family in collector.scrape(at(0)).data {
        assert!(METRICS.contains(&family.desc), "{}", family.desc.name);
    }
    for reading in collector.sample(at(60)).data.readings {
        assert!(SIGNALS.contains(&reading.signal), "{}", reading.signal.name);
    }
}

#[test]
fn two_runs_give_rates_usage_and_health() {
    let host = copy_of("small");
    let collector = collector(host.path(), &Config::default());
    let start = at(0);
    let first = collector.sample(start).data;
    let missing = |why| Some(Observed::Missing(why));
    assert_eq!(first.elapsed, None);
    assert_eq!(
        observed(&first, "cpu_usage_ratio", ""),
        missing(Missing::FirstReading)
    );
    assert_eq!(
        observed(&first, "disk_io_time_ratio", "sda"),
        missing(Missing::FirstReading)
    );
    let health: Vec<_> = first
        .health
        .iter()
        .map(|part| (part.component, part.health))
        .collect();
    assert_eq!(
        health,
        [
            ("cpu", None),
            ("memory", Some(Health::Ok)),
            ("disk", Some(Health::Critical))
        ],
        "95 of 99 GiB are used; the usage of CPUs is not known yet"
    );
    assert!(!text(&collector.scrape(start).data).contains("cpu_usage_ratio"));

    let replace = |file: &str, from: &str, to: &str| {
        let file = host.path().join("proc").join(file);
        let content = fs::read_to_string(&file).expect("readable");
        assert!(content.contains(from));
        fs::write(&file, content.replacen(from, to, 1)).expect("writable");
    };
    replace(
        "stat",
        "cpu  30000 200 9000 500000 1000",
        "cpu  30090 200 9000 500005 1005",
    );
    replace(
        "diskstats",
        "6534690 108384 11954 51653 21926840 163526 0 20436",
        "6534810 1 1 1 1 1 0 50436",
    );
    let later = start.after(Duration::from_mins(1));
    let second = collector.sample(later).data;
    let value = |value| Some(Observed::Value(value));
    for (signal, subject, expected) in [
        ("cpu_usage_ratio", "", value(0.9)),
        ("memory_usage_ratio", "", value(0.75)),
        ("swap_usage_ratio", "", value(0.25)),
        ("load1_per_core", "", value(0.25)),
        ("uptime_seconds", "", value(3600.25)),
        ("filesystem_usage_ratio", "/", value(95.0 / 99.0)),
        ("filesystem_inodes_usage_ratio", "/", value(0.75)),
        ("filesystem_inodes_usage_ratio", "/boot", None),
        ("filesystem_usage_ratio", "/mnt/my disk", None),
        ("filesystem_usage_ratio", "/home", missing(Missing::ReadFailed)),
        ("disk_read_bytes_per_second", "sda", value(1024.0)),
        (
            "disk_written_bytes_per_second",
            "sda",
            missing(Missing::CounterReset),
        ),
        ("disk_io_time_ratio", "sda", value(0.5)),
        ("temperature_celsius", "nvme@nvme1 Composite", value(-2.0)),
    ] {
        assert_eq!(
            observed(&second, signal, subject),
            expected,
            "{signal} of {subject}"
        );
    }
    assert_eq!(second.elapsed, Some(Duration::from_mins(1)));
    assert_eq!(second.health[0].health, Some(Health::Critical));

    let usage = "netkestrel_cpu_usage_ratio{} 0.9\n";
    let still = later.after(Duration::from_mins(3));
    assert!(text(&collector.scrape(still).data).contains(usage));
    let stale = later.after(Duration::from_secs(181));
    assert!(
        !text(&collector.scrape(stale).data).contains(usage),
        "three intervals later it would lie"
    );
}

#[test]
fn a_part_that_fails_costs_only_its_own_samples() {
    for (file, garbage, message, gone, unread) in [
        (
            "stat",
            "cpu 1 2 3 4 5 6 7 8",
            "there is no line `btime`",
            &["netkestrel_cpu_", "netkestrel_boot_"][..],
            &["cpu_usage_ratio", "load1_per_core"][..],
        ),
        (
            "loadavg",
            "much",
            "line 1: the 1-minute load is `much`, not a number",
            &["netkestrel_load"],
            &["load1_per_core"],
        ),
        (
            "meminfo",
            "",
            "there is no line `MemTotal`",
            &["netkestrel_memory_", "netkestrel_swap_"],
            &["memory_usage_ratio", "swap_usage_ratio"],
        ),
        (
            "self/mountinfo",
            "28 1",
            "line 1: there is no device number",
            &["netkestrel_filesystem_"],
            &["filesystem_usage_ratio"],
        ),
        (
            "diskstats",
            "8 0 sda 1 2 x",
            "line 1: sectors read is `x`, not a number",
            &["netkestrel_disk_"],
            &[
                "disk_read_bytes_per_second",
                "disk_written_bytes_per_second",
                "disk_io_time_ratio",
            ],
        ),
        (
            "../sys/class/hwmon/hwmon0/temp1_input",
            "warm",
            "line 1: the temperature is `warm`, not a number",
            &["netkestrel_temperature_"],
            &["temperature_celsius"],
        ),
    ] {
        let host = copy_of("small");
        let collector = collector(host.path(), &Config::default());
        let start = at(0);
        collector.sample(start);
        let before = text(&collector.scrape(start).data);
        let kept: Vec<_> = before
            .lines()
            .filter(|line| !gone.iter().any(|prefix| line.starts_with(prefix)))
            .collect();
        fs::write(host.path().join("proc").join(file), garbage).expect("writable");

        let outcome = collector.scrape(start);
        let failures: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
        let name = file.trim_start_matches("../");
        assert!(
            matches!(failures.as_slice(), [one] if one.contains(name) && one.ends_with(message)),
            "{failures:?}"
        );
        assert_eq!(text(&outcome.data).lines().collect::<Vec<_>>(), kept);
        let batch = collector.sample(start.after(Duration::from_mins(1))).data;
        assert_eq!(names_of_failed(&batch), unread, "{file}");
    }
}

/// Signals that could not be read, each once; /home never answers and does not count.
fn names_of_failed(batch: &Batch) -> Vec<&'static str> {
    let failed = Observed::Missing(Missing::ReadFailed);
    let readings = batch
        .readings
        .iter()
        .filter(|r| r.observed == failed && r.subject != "/home");
    let mut names = Vec::new();
    for name in readings.map(|reading| reading.signal.name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[test]
fn files_that_are_not_there_are_failures_except_those_a_system_may_lack() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let outcome = collector(empty.path(), &Config::default()).sample(at(0));
    let failures: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
    let expected = ["stat", "loadavg", "meminfo", "uptime", "self/mountinfo"]
        .map(|file| format!("read {}", empty.path().join("proc").join(file).display()));
    assert_eq!(failures, expected, "no disks and no sensors are no failure");
    assert!(outcome.data.health.iter().all(|part| part.health.is_none()));
    assert!(
        outcome
            .data
            .readings
            .iter()
            .all(|reading| reading.observed.value().is_none())
    );
}

#[test]
fn a_sensor_that_sleeps_is_no_failure_and_a_new_one_is_found() {
    let host = copy_of("small");
    let collector = collector(host.path(), &Config::default());
    let start = at(0);
    collector.sample(start);
    let hwmon = host.path().join("sys/class/hwmon");
    fs::remove_file(hwmon.join("hwmon0/temp2_input")).expect("it is there");
    let scrape = collector.scrape(start);
    assert!(scrape.failures.is_empty());
    assert!(!text(&scrape.data).contains("coretemp temp2"));

    fs::create_dir(hwmon.join("hwmon9")).expect("a new chip");
    fs::write(hwmon.join("hwmon9/temp1_input"), "20000\n").expect("writable");
    let batch = collector.sample(start.after(Duration::from_mins(1))).data;
    assert_eq!(
        observed(&batch, "temperature_celsius", "hwmon9 temp1"),
        Some(Observed::Value(20.0))
    );
    assert!(text(&collector.scrape(start).data).contains("hwmon9 temp1"));
}

#[test]
fn a_container_shows_the_host() {
    let host = data("container/host");
    let paths = Paths {
        rootfs: host.join("root").display().to_string(),
        ..paths_of(&host)
    };
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let statvfs: Statvfs = Arc::new(move |path: &Path| {
        seen.lock().expect("one thread").push(path.to_owned());
        space(path)
    });
    let mut reader = Reader::with_statvfs(&paths, statvfs, Duration::from_mins(1));
    let snapshot = reader.read(&Arc::new(Config::default()), Purpose::Scrape).data;
    let mountpoints: Vec<_> = snapshot
        .filesystems
        .expect("a table of mounts")
        .into_iter()
        .map(|filesystem| filesystem.mountpoint)
        .collect();
    assert_eq!(mountpoints, ["/", "/srv"]);
    assert_eq!(
        *asked.lock().expect("one thread"),
        [host.join("root"), host.join("root/srv")]
    );
    assert_eq!(snapshot.os.expect("always told").id, "alpine");
}

#[test]
fn a_sandbox_shows_the_mounts_as_they_are_outside() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let statvfs: Statvfs = Arc::new(move |path: &Path| {
        seen.lock().expect("one thread").push(path.display().to_string());
        space(path)
    });
    let reader = Reader::with_statvfs(&paths_of(&data("sandbox")), statvfs, Duration::from_mins(1));
    let collector = Collector::with_reader(&Config::default(), HealthLimits::default(), reader);
    let families = text(&collector.scrape(at(0)).data);
    let shown: Vec<_> = families
        .lines()
        .filter(|line| line.contains("_readonly{") || line.contains("_device_error{"))
        .filter_map(|line| line.strip_prefix("netkestrel_filesystem_"))
        .collect();
    assert_eq!(
        shown,
        [
            r#"readonly{disk="/dev/sda2",mountpoint="/",fstype="ext4"} 0"#,
            r#"readonly{disk="/dev/sda1",mountpoint="/boot",fstype="vfat"} 0"#,
            r#"readonly{disk="/dev/sdb1",mountpoint="/cdimage",fstype="xfs"} 1"#,
            r#"readonly{disk="/dev/sdc1",mountpoint="/broken",fstype="ext4"} 1"#,
            r#"readonly{disk="/dev/sdd1",mountpoint="/home",fstype="ext4"} 0"#,
            r#"device_error{disk="/dev/sda2",mountpoint="/",fstype="ext4"} 0"#,
            r#"device_error{disk="/dev/sda1",mountpoint="/boot",fstype="vfat"} 0"#,
            r#"device_error{disk="/dev/sdb1",mountpoint="/cdimage",fstype="xfs"} 0"#,
            r#"device_error{disk="/dev/sdc1",mountpoint="/broken",fstype="ext4"} 0"#,
            r#"device_error{disk="/dev/sdd1",mountpoint="/home",fstype="ext4"} 1"#,
        ]
    );
    assert_eq!(
        *asked.lock().expect("one thread"),
        ["/", "/boot", "/cdimage", "/broken"],
        "what lies at /home here has another space"
    );
    let batch = collector.sample(at(0)).data;
    let usage = |mountpoint| observed(&batch, "filesystem_usage_ratio", mountpoint);
    assert_eq!(usage("/"), Some(Observed::Value(95.0 / 99.0)));
    assert_eq!(usage("/home"), Some(Observed::Missing(Missing::ReadFailed)));
    assert_eq!(usage("/broken"), None, "nobody can fill it");
}

#[test]
fn the_table_of_mounts_is_understood_again_only_when_it_or_the_settings_change() {
    let host = copy_of("small");
    let collector = collector(host.path(), &Config::default());
    let mountpoints = || -> Vec<String> {
        let families = collector.scrape(at(0)).data;
        let mut families = families.into_iter();
        let family = families.find(|family| family.desc.name == "netkestrel_filesystem_readonly");
        let points = family.expect("the table is readable").points;
        points.iter().map(|point| point.labels[1].to_string()).collect()
    };
    assert_eq!(mountpoints(), ["/", "/boot", "/mnt/my disk", "/home"]);
    assert_eq!(mountpoints(), ["/", "/boot", "/mnt/my disk", "/home"]);
    let config = Config {
        mounts: Filter {
            include: Vec::new(),
            exclude: vec!["/mnt/*".to_owned()],
        },
        ..Config::default()
    };
    collector.apply(&config, HealthLimits::default());
    assert_eq!(mountpoints(), ["/", "/boot", "/home"]);
    let table = host.path().join("proc/self/mountinfo");
    fs::write(table, "28 1 8:2 / / rw - ext4 /dev/sda2 rw\n").expect("writable");
    assert_eq!(mountpoints(), ["/"]);
}

#[test]
fn this_host_is_read_without_failure() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let statvfs: Statvfs = Arc::new(|path: &Path| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        watch::statvfs(path)
    });
    let mut reader = Reader::with_statvfs(&Paths::default(), statvfs, STATVFS_DEADLINE);
    let outcome = reader.read(&Arc::new(Config::default()), Purpose::Interval);
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert!(outcome.data.cpu.is_ok_and(|cpu| cpu.logical > 0));
    assert_eq!(
        outcome.data.filesystems.map(|all| all.len()),
        Ok(ASKED.load(Ordering::Relaxed)),
        "each filesystem is asked once"
    );
}
