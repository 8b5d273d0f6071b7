//! What one reading of the host yields: each part, or the reason why it is missing.

use std::{io, sync::Arc};

use super::{
    cpu::{self, Cpu},
    disks::{self, Disk},
    filesystems::{self, Filesystem},
    host::{self, Os},
    load::{self, Load},
    memory::{self, Memory},
    temperatures::{self, Temperature},
};
use crate::{
    collectors::Error,
    sample::{Family, Missing},
};

/// A part of the host, or why it could not be told.
pub(super) type Part<T> = Result<T, Missing>;

/// What a reading is for: scrapes are frequent and leave out what only interval runs need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One exposition.
    Scrape,
    /// The interval run; looks for new sensors and a changed operating system, too.
    Interval,
}

/// The host as read once.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) cpu: Part<Cpu>,
    pub(super) load: Part<Load>,
    pub(super) memory: Part<Memory>,
    pub(super) filesystems: Part<Vec<Filesystem>>,
    pub(super) disks: Part<Vec<Disk>>,
    pub(super) temperatures: Part<Vec<Temperature>>,
    /// Unix seconds.
    pub(super) boot_time: Part<u64>,
    /// Seconds; only read for interval runs.
    pub(super) uptime: Part<f64>,
    pub(super) os: Option<Arc<Os>>,
}

impl Snapshot {
    /// Families of all parts that could be read.
    pub(super) fn families(&self) -> Vec<Family> {
        let mut families = Vec::with_capacity(32);
        families.extend(self.cpu.iter().flat_map(cpu::families));
        families.extend(self.load.iter().flat_map(load::families));
        families.extend(self.memory.iter().flat_map(memory::families));
        families.extend(self.filesystems.iter().flat_map(|all| filesystems::families(all)));
        families.extend(self.disks.iter().flat_map(|all| disks::families(all)));
        families.extend(
            self.temperatures
                .iter()
                .flat_map(|all| temperatures::families(all)),
        );
        families.extend(self.boot_time.iter().copied().map(host::boot_time));
        families.extend(self.os.iter().map(|os| host::os(os)));
        families
    }
}

/// Puts an error on the list of failures and keeps the reason.
pub(super) fn settle<T>(result: Result<T, Error>, failures: &mut Vec<Error>) -> Part<T> {
    result.map_err(|error| {
        let missing = match &error {
            Error::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Missing::NoPermission
            }
            _ => Missing::ReadFailed,
        };
        failures.push(error);
        missing
    })
}
