//! Metrics about this process and this build, by the standard names of Prometheus' client libraries.
//! What the operating system does not tell is absent.

use smol_str::SmolStr;

use crate::{
    clock::Now,
    sample::{Desc, Family, Kind},
};

const BUILD_INFO: Desc = Desc {
    name: "netkestrel_build_info",
    kind: Kind::Info,
    labels: &["version", "revision", "rustversion", "os", "arch"],
    help: "Constant 1 with the version of the running binary.",
};
const CPU: Desc = Desc {
    name: "process_cpu_seconds_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Total user and system CPU time spent in seconds.",
};
const RESIDENT: Desc = gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
const VIRTUAL: Desc = gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
const OPEN_FDS: Desc = gauge("process_open_fds", "Number of open file descriptors.");
const MAX_FDS: Desc = gauge("process_max_fds", "Maximum number of open file descriptors.");
const THREADS: Desc = gauge("process_threads", "Number of OS threads in the process.");
const START_TIME: Desc = gauge(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
);

/// Metrics about the process and the build.
pub(super) const METRICS: &[&Desc] = &[
    &BUILD_INFO,
    &CPU,
    &RESIDENT,
    &VIRTUAL,
    &OPEN_FDS,
    &MAX_FDS,
    &THREADS,
    &START_TIME,
];

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    Desc {
        name,
        kind: Kind::Gauge,
        labels: &[],
        help,
    }
}

/// What the operating system tells about this process.
#[derive(Debug, Default, PartialEq)]
struct Usage {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
    threads: Option<f64>,
}

/// Families about this process, which started at `started`.
pub(super) fn families(started: Now) -> Vec<Family> {
    let usage = usage();
    let present = [
        (&CPU, usage.cpu_seconds),
        (&RESIDENT, usage.resident_bytes),
        (&VIRTUAL, usage.virtual_bytes),
        (&OPEN_FDS, usage.open_fds),
        (&MAX_FDS, usage.max_fds),
        (&THREADS, usage.threads),
        (&START_TIME, Some(started.unix_seconds())),
    ];
    let mut families = vec![build_info()];
    families.extend(
        present
            .into_iter()
            .filter_map(|(desc, value)| Some(Family::single(desc, value?))),
    );
    families
}

/// Files and connections that this process opens at most, when a thousand probes are asked for at once.
#[cfg(target_os = "linux")]
const MOST_FILES: u64 = 4_096;

/// Raises the limit on open files to what this process may need, as far as it is allowed to: the usual limit is for
/// programs that wait with `select`.
#[cfg(target_os = "linux")]
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(MOST_FILES, |maximum| maximum.min(MOST_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit on open files stays; fewer probes are possible at once");
        }
    }
}

/// Other systems keep the limit they give.
#[cfg(not(target_os = "linux"))]
pub(super) fn raise_file_limit() {}

fn build_info() -> Family {
    let mut family = Family::new(&BUILD_INFO);
    let facts = [
        crate::build::VERSION,
        crate::build::REVISION,
        crate::build::RUST_VERSION,
        std::env::consts::OS,
        std::env::consts::ARCH,
    ];
    family.push(facts.map(SmolStr::new_static), 1.0);
    family
}

#[cfg(target_os = "linux")]
fn usage() -> Usage {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    Usage {
        open_fds: std::fs::read_dir("/proc/self/fd")
            .ok()
            .map(|entries| entries.count() as f64),
        max_fds: limit.map(|limit| limit as f64),
        ..parse_stat(
            &stat,
            rustix::param::clock_ticks_per_second() as f64,
            rustix::param::page_size() as f64,
        )
    }
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Usage {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
    let pid = Pid::from_u32(std::process::id());
    let Ok(mut system) = System::new() else {
        return Usage::default();
    };
    let kind = ProcessRefreshKind::nothing().with_memory().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
    let Some(process) = system.process(pid) else {
        return Usage::default();
    };
    Usage {
        cpu_seconds: Some(process.accumulated_cpu_time() as f64 / 1000.0),
        resident_bytes: Some(process.memory() as f64),
        virtual_bytes: Some(process.virtual_memory() as f64),
        ..Usage::default()
    }
}

/// Reads `/proc/self/stat` (proc(5)): fields 14, 15 (CPU ticks), 20 (threads), 23 (bytes) and 24 (pages).
/// The second field is the program's name in parentheses and may itself contain spaces and parentheses.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &str, ticks_per_second: f64, page_bytes: f64) -> Usage {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Usage {
        cpu_seconds: field(14)
            .zip(field(15))
            .map(|(user, system)| (user + system) / ticks_per_second),
        threads: field(20),
        virtual_bytes: field(23),
        resident_bytes: field(24).map(|pages| pages * page_bytes),
        ..Usage::default()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_the_last_parenthesis() {
        let stat = "7 (a) b(c)) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 4 0 99 8192000 300 1 1 1";
        let usage = parse_stat(stat, 100.0, 4096.0);
        assert_eq!(usage.cpu_seconds, Some(2.0));
        assert_eq!(usage.threads, Some(4.0));
        assert_eq!(usage.virtual_bytes, Some(8_192_000.0));
        assert_eq!(usage.resident_bytes, Some(1_228_800.0));
        for broken in ["", "7", "7 (x", "7 (x) S", "7 (x) S a b c"] {
            assert_eq!(parse_stat(broken, 100.0, 4096.0), Usage::default(), "{broken:?}");
        }
    }
}
