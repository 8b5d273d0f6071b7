//! What `sysinfo` tells about a host that is not Linux: no CPU time by mode, no inodes, no busy time of disks.
//!
//! It asks network drives as the system does; one that hangs holds up this collector, which its deadline ends.

use std::{sync::Arc, time::Instant};

use smol_str::{SmolStr, ToSmolStr};
use sysinfo::{Components, CpuRefreshKind, Disks, MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, System};

use super::{
    config::Config,
    cpu::{Cpu, Time},
    disks::Disk,
    filesystems::{Filesystem, Space},
    host::Os,
    load::Load,
    memory::{Memory, Swap},
    selection,
    snapshot::{Part, Purpose, Snapshot, settle},
    temperatures::Temperature,
};
use crate::{
    collectors::{Error, Outcome, Paths},
    sample::{Missing, Observed},
};

/// Reads the host through `sysinfo`. What could not be opened is tried again at the next reading.
#[derive(Default)]
pub(super) struct Reader {
    system: Option<System>,
    drives: Option<Disks>,
    sensors: Option<Components>,
    os: Option<Arc<Os>>,
    usage: Usage,
}

/// The share of CPU time in use and when the counters behind it were read.
struct Usage {
    share: Observed,
    refreshed: Option<Instant>,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            share: Observed::Missing(Missing::FirstReading),
            refreshed: None,
        }
    }
}

impl Reader {
    /// The roots have no meaning here.
    pub(super) fn new(_paths: &Paths) -> Self {
        Self::default()
    }

    /// Reads everything once. Each part that fails is missing, and its error is among the failures.
    pub(super) fn read(&mut self, config: &Arc<Config>, purpose: Purpose) -> Outcome<Snapshot> {
        let mut failures = Vec::new();
        let system = opened(&mut self.system, System::new, "open the system", &mut failures);
        let (cpu, memory) = match system {
            Ok(system) => (Ok(cpu(system, purpose, &mut self.usage)), memory(system)),
            Err(why) => (Err(why), Err(why)),
        };
        let drives = opened(&mut self.drives, Disks::new, "list the drives", &mut failures).map(|drives| {
            drives.refresh(true);
            &*drives
        });
        let sensors = opened(
            &mut self.sensors,
            Components::new,
            "list the sensors",
            &mut failures,
        );
        let snapshot = Snapshot {
            cpu,
            load: load(),
            memory,
            filesystems: drives.map(|drives| filesystems(drives, config)),
            disks: drives.map(disks),
            temperatures: sensors.map(temperatures),
            boot_time: settle(
                library("read the time of boot", System::boot_time()),
                &mut failures,
            ),
            uptime: settle(library("read the uptime", System::uptime()), &mut failures).map(|s| s as f64),
            os: Some(Arc::clone(self.os.get_or_insert_with(|| Arc::new(os())))),
        };
        Outcome {
            data: snapshot,
            failures,
        }
    }
}

fn opened<'a, T>(
    slot: &'a mut Option<T>,
    open: impl FnOnce() -> Result<T, sysinfo::Error>,
    call: &'static str,
    failures: &mut Vec<Error>,
) -> Part<&'a mut T> {
    match slot {
        Some(open) => Ok(open),
        None => settle(library(call, open()), failures).map(|opened| slot.insert(opened)),
    }
}

fn library<T>(call: &'static str, result: Result<T, sysinfo::Error>) -> Result<T, Error> {
    result.map_err(|error| Error::Library {
        call,
        detail: error.to_string(),
    })
}

/// The share in use is taken between interval runs only, so that scrapes do not shorten its time. The library
/// ignores a refresh that comes too soon and would then repeat itself or tell 0.
fn cpu(system: &mut System, purpose: Purpose, usage: &mut Usage) -> Cpu {
    let due = usage
        .refreshed
        .is_none_or(|at| purpose == Purpose::Interval && at.elapsed() > MINIMUM_CPU_UPDATE_INTERVAL);
    if due {
        system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        if usage.refreshed.replace(Instant::now()).is_some() {
            usage.share = Observed::Value(f64::from(system.global_cpu_usage()) / 100.0);
        }
    }
    Cpu {
        logical: system.cpus().len(),
        time: Time::Shared(usage.share),
    }
}

/// `sysinfo` reports failures as zero, and no host has a memory of that size.
fn memory(system: &mut System) -> Part<Memory> {
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
    let memory = Memory {
        size: system.total_memory(),
        available: Some(system.available_memory()).filter(|available| *available > 0),
        free: system.free_memory(),
        swap: Some(Swap {
            size: system.total_swap(),
            free: system.free_swap(),
        }),
    };
    Some(memory)
        .filter(|memory| memory.size > 0)
        .ok_or(Missing::ReadFailed)
}

/// An error means that the system, such as Windows, has no load average.
fn load() -> Part<Load> {
    let load = System::load_average().map_err(|_| Missing::Unsupported)?;
    Ok(Load {
        one: load.one,
        five: load.five,
        fifteen: load.fifteen,
    })
}

fn filesystems(drives: &Disks, config: &Config) -> Vec<Filesystem> {
    let mut filesystems: Vec<Filesystem> = Vec::new();
    for drive in drives {
        let filesystem = Filesystem {
            disk: drive.name().to_string_lossy().to_smolstr(),
            mountpoint: drive.mount_point().to_string_lossy().to_smolstr(),
            fstype: drive.file_system().to_string_lossy().to_smolstr(),
            read_only: drive.is_read_only(),
            space: (drive.total_space() > 0).then(|| Space {
                size: drive.total_space(),
                avail: drive.available_space(),
                free: None,
                inodes: None,
            }),
        };
        let known = filesystems
            .iter()
            .any(|other| other.mountpoint == filesystem.mountpoint);
        if !known && selection::shows(config, &filesystem.mountpoint, &filesystem.fstype) {
            filesystems.push(filesystem);
        }
    }
    filesystems
}

/// Counters of each disk once: volumes of one disk report the same. The library reports failures as zero, and a
/// disk in use has been read.
fn disks(drives: &Disks) -> Vec<Disk> {
    let mut disks: Vec<Disk> = Vec::new();
    for drive in drives {
        let name = match drive.name().to_string_lossy() {
            name if name.is_empty() => drive.mount_point().to_string_lossy().to_smolstr(),
            name => name.to_smolstr(),
        };
        if disks.iter().any(|disk| disk.name == name) {
            continue;
        }
        let usage = drive.usage();
        if usage.total_read_bytes == 0 {
            continue;
        }
        disks.push(Disk {
            name,
            read_bytes: usage.total_read_bytes,
            written_bytes: usage.total_written_bytes,
            io_time: None,
        });
    }
    disks
}

fn temperatures(sensors: &mut Components) -> Vec<Temperature> {
    sensors.refresh(true);
    let mut temperatures: Vec<Temperature> = Vec::new();
    for component in &*sensors {
        let sensor = SmolStr::new(component.label());
        if temperatures.iter().all(|known| known.sensor != sensor) {
            let celsius = component.temperature().map(f64::from);
            temperatures.push(Temperature {
                sensor,
                celsius: celsius.filter(|celsius| celsius.is_finite()),
            });
        }
    }
    temperatures
}

fn os() -> Os {
    let told = |text: Result<String, sysinfo::Error>| text.map(SmolStr::from).unwrap_or_default();
    Os {
        id: System::distribution_id().into(),
        name: told(System::name()),
        version_id: told(System::os_version()),
        kernel: told(System::kernel_version()),
        architecture: System::cpu_arch().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_tells_the_size_of_this_host() {
        let mut reader = Reader::new(&Paths::default());
        let config = Arc::new(Config::default());
        let first = reader.read(&config, Purpose::Scrape).data;
        let cpu = first.cpu.expect("every system tells its CPUs");
        assert!(cpu.logical > 0);
        assert_eq!(cpu.time, Time::Shared(Observed::Missing(Missing::FirstReading)));
        assert!(first.memory.expect("every system tells its memory").size > 0);
        assert!(first.boot_time.expect("every system has started") > 0);
        let second = reader.read(&config, Purpose::Interval).data;
        match second.cpu.expect("still told").time {
            Time::Shared(Observed::Value(share)) => assert!((0.0..=1.0).contains(&share)),
            other => assert_eq!(
                other,
                Time::Shared(Observed::Missing(Missing::FirstReading)),
                "too soon"
            ),
        }
    }
}
