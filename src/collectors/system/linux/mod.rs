//! Reads a Linux host below configurable roots of /proc, /sys and the root filesystem.
//!
//! Each file is read at once into one buffer and parsed as bytes; what rarely changes (the table of mounts, the
//! sensors, the operating system's name) is kept.

mod diskstats;
mod hwmon;
mod loadavg;
mod meminfo;
mod mountinfo;
mod mounts;
mod release;
mod source;
mod stat;
mod steady;
mod table;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use self::{
    hwmon::Sensors,
    mounts::Mount,
    source::Source,
    stat::Stat,
    steady::Steady,
    table::Table,
    watch::{Statvfs, Watch},
};
use super::{
    config::Config,
    cpu::{Cpu, Time},
    filesystems::{Filesystem, Space},
    host::Os,
    snapshot::{Part, Purpose, Snapshot, settle},
};
use crate::{
    collectors::{Error, Outcome, Paths},
    sample::Missing,
};

/// Time for a network filesystem to tell its space. It is waited for once; Prometheus gives a scrape 10 s.
const STATVFS_DEADLINE: Duration = Duration::from_secs(1);

/// Reads the host and keeps what the next reading can use.
pub(super) struct Reader {
    paths: Sources,
    source: Source,
    steady: Steady,
    mounts: Table,
    watch: Watch,
    sensors: Sensors,
    os: Option<Arc<Os>>,
}

/// Where everything is read.
struct Sources {
    stat: PathBuf,
    loadavg: PathBuf,
    meminfo: PathBuf,
    uptime: PathBuf,
    diskstats: PathBuf,
    hwmon: PathBuf,
    procfs: PathBuf,
    rootfs: PathBuf,
}

impl Reader {
    /// Reads below these roots.
    pub(super) fn new(paths: &Paths) -> Self {
        Self::with_statvfs(paths, Arc::new(watch::statvfs), STATVFS_DEADLINE)
    }

    /// Asks filesystems with another function than the operating system's.
    fn with_statvfs(paths: &Paths, statvfs: Statvfs, deadline: Duration) -> Self {
        Self {
            paths: Sources::new(paths),
            source: Source::default(),
            steady: Steady::default(),
            mounts: Table::new(Path::new(&paths.procfs), Path::new(&paths.rootfs)),
            watch: Watch::new(statvfs, deadline),
            sensors: Sensors::default(),
            os: None,
        }
    }

    /// Reads everything once. Each part that fails is missing, and its error is among the failures.
    pub(super) fn read(&mut self, config: &Arc<Config>, purpose: Purpose) -> Outcome<Snapshot> {
        let mut failures = Vec::new();
        let Self { paths, source, .. } = self;
        let stat = settle(source.parse(&paths.stat, stat::parse), &mut failures);
        let load = settle(source.parse(&paths.loadavg, loadavg::parse), &mut failures);
        let memory = settle(source.parse(&paths.meminfo, meminfo::parse), &mut failures);
        let disks = match source.parse(&paths.diskstats, diskstats::parse) {
            Err(error) if is_absent(&error) => Err(Missing::Unsupported),
            other => settle(other, &mut failures),
        };
        let uptime = match purpose {
            Purpose::Scrape => Err(Missing::NoSample),
            Purpose::Interval => settle(source.parse(&paths.uptime, loadavg::uptime), &mut failures),
        };
        let temperatures = settle(self.sensors.read(&paths.hwmon, purpose, source), &mut failures);
        let snapshot = Snapshot {
            boot_time: stat.as_ref().map(|stat| stat.boot_time).map_err(|why| *why),
            cpu: stat.map(|stat| self.cpu(stat)),
            load,
            memory,
            filesystems: self.filesystems(config, purpose, &mut failures),
            disks,
            temperatures,
            uptime,
            os: Some(self.os(purpose)),
        };
        Outcome {
            data: snapshot,
            failures,
        }
    }

    fn cpu(&mut self, mut stat: Stat) -> Cpu {
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        self.steady.settle(&mut stat, ticks_per_second);
        Cpu {
            logical: stat.cores.len(),
            time: Time::Counted {
                cores: stat.cores,
                all: stat.all,
                ticks_per_second: ticks_per_second as f64,
            },
        }
    }

    fn filesystems(
        &mut self,
        config: &Arc<Config>,
        purpose: Purpose,
        failures: &mut Vec<Error>,
    ) -> Part<Vec<Filesystem>> {
        let mounts = self.mounts.read(config, purpose, &mut self.source);
        let mounts = settle(mounts, failures)?;
        let spaces = self.watch.spaces(mounts);
        let filesystem = |(mount, space): (&Mount, Option<Space>)| Filesystem {
            disk: mount.disk.clone(),
            mountpoint: mount.mountpoint.clone(),
            fstype: mount.fstype.clone(),
            // Not what `statvfs` says: that is true for our own mounts, which a sandbox makes read-only.
            read_only: mount.read_only,
            space,
        };
        Ok(mounts.iter().zip(spaces).map(filesystem).collect())
    }

    fn os(&mut self, purpose: Purpose) -> Arc<Os> {
        match &self.os {
            Some(os) if purpose == Purpose::Scrape => Arc::clone(os),
            _ => {
                let os = release::read(&self.paths.procfs, &self.paths.rootfs, &mut self.source);
                Arc::clone(self.os.insert(Arc::new(os)))
            }
        }
    }
}

impl Sources {
    fn new(paths: &Paths) -> Self {
        let procfs = PathBuf::from(&paths.procfs);
        Self {
            stat: procfs.join("stat"),
            loadavg: procfs.join("loadavg"),
            meminfo: procfs.join("meminfo"),
            uptime: procfs.join("uptime"),
            diskstats: procfs.join("diskstats"),
            hwmon: Path::new(&paths.sysfs).join("class/hwmon"),
            procfs,
            rootfs: PathBuf::from(&paths.rootfs),
        }
    }
}

fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
}
