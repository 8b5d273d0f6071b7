//! Keeps the mounts to show and reads their table again only when the kernel says that it changed.
//!
//! Writing the table out is the dearest thing a scrape can ask of the kernel; asking whether it changed is the
//! cheapest.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{PROC_SUPER_MAGIC, fstatfs},
};

use super::{
    mounts::{self, Mount, View},
    source::Source,
};
use crate::collectors::{
    Error,
    system::{config::Config, snapshot::Purpose},
};

/// The mounts to show.
pub(super) struct Table {
    procfs: PathBuf,
    rootfs: PathBuf,
    /// The table, held open to learn of changes.
    held: Option<File>,
    /// Settings by which `shown` was chosen; `None` when it must be chosen anew.
    chosen_by: Option<Arc<Config>>,
    shown: Vec<Mount>,
}

impl Table {
    /// The table below these roots.
    pub(super) fn new(procfs: &Path, rootfs: &Path) -> Self {
        Self {
            procfs: procfs.to_owned(),
            rootfs: rootfs.to_owned(),
            held: None,
            chosen_by: None,
            shown: Vec::new(),
        }
    }

    /// The mounts to show now. Interval runs read the table in any case, should a kernel not tell of changes.
    pub(super) fn read(
        &mut self,
        config: &Arc<Config>,
        purpose: Purpose,
        source: &mut Source,
    ) -> Result<&[Mount], Error> {
        let unchanged = self.held.as_ref().is_some_and(is_unchanged);
        let chosen = self
            .chosen_by
            .take()
            .is_some_and(|before| Arc::ptr_eq(&before, config));
        if !(unchanged && chosen && purpose == Purpose::Scrape) {
            self.refresh(config, source)?;
        }
        self.chosen_by = Some(Arc::clone(config));
        Ok(&self.shown)
    }

    fn refresh(&mut self, config: &Config, source: &mut Source) -> Result<(), Error> {
        let (path, view) = locate(&self.procfs, &self.rootfs);
        if self.held.is_none() {
            // Opened before the table is read, so that no change can fall between the two.
            self.held = File::open(&path).ok().filter(tells_of_changes);
        }
        let entries = source.parse(&path, mounts::parse)?;
        self.shown = mounts::select(entries, view, config);
        Ok(())
    }
}

/// The file and how to understand it. In a container with the host's root below another path, the table of
/// process 1 is the host's own; where it may not be read, our own must do.
fn locate<'a>(procfs: &Path, rootfs: &'a Path) -> (PathBuf, View<'a>) {
    let own = procfs.join("mounts");
    if rootfs == Path::new("/") {
        return (own, View::Host(rootfs));
    }
    let of_host = procfs.join("1/mounts");
    if File::open(&of_host).is_ok() {
        (of_host, View::Host(rootfs))
    } else {
        (own, View::Container(rootfs))
    }
}

/// Only the kernel's own file does; any other is read every time.
fn tells_of_changes(file: &File) -> bool {
    fstatfs(file).is_ok_and(|stat| stat.f_type == PROC_SUPER_MAGIC)
}

/// Whether the table is as it was when it was opened or last asked; see `proc_pid_mounts(5)`.
fn is_unchanged(file: &File) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut asked = [PollFd::new(file, PollFlags::PRI)];
    poll(&mut asked, Some(&at_once)).is_ok_and(|changed| changed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read_once_until_it_changes() {
        let mut table = Table::new(Path::new("/proc"), Path::new("/"));
        let (config, mut source) = (Arc::new(Config::default()), Source::default());
        let first = table
            .read(&config, Purpose::Interval, &mut source)
            .map(<[_]>::to_vec);
        source.read(Path::new("/proc/loadavg")).expect("readable");
        let second = table
            .read(&config, Purpose::Scrape, &mut source)
            .map(<[_]>::to_vec);
        assert_eq!(first.expect("readable"), second.expect("kept"));
        assert!(table.held.is_some());
    }
}
