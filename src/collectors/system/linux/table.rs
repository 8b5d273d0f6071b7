//! Keeps the mounts to show and reads the tables of mounts again only when the kernel says that they changed.
//!
//! Writing a table out is the dearest thing a scrape can ask of the kernel; asking whether it changed is the
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
    mountinfo::Tree,
    mounts::{Mount, Sight},
    source::Source,
};
use crate::collectors::{
    Error,
    system::{config::Config, snapshot::Purpose},
};

/// The mounts to show.
pub(super) struct Table {
    /// Our own mounts.
    own: PathBuf,
    /// The mounts of process 1.
    of_process_1: PathBuf,
    rootfs: PathBuf,
    /// The tables, held open to learn of changes; empty when they do not tell.
    held: Vec<File>,
    /// Settings by which `shown` was chosen; `None` when it must be chosen anew.
    chosen_by: Option<Arc<Config>>,
    shown: Vec<Mount>,
}

impl Table {
    /// The tables below these roots.
    pub(super) fn new(procfs: &Path, rootfs: &Path) -> Self {
        Self {
            own: procfs.join("self/mountinfo"),
            of_process_1: procfs.join("1/mountinfo"),
            rootfs: rootfs.to_owned(),
            held: Vec::new(),
            chosen_by: None,
            shown: Vec::new(),
        }
    }

    /// The mounts to show now. Interval runs read the tables in any case: a kernel may not tell of changes, and
    /// none tells of a filesystem that became read-only by an error.
    pub(super) fn read(
        &mut self,
        config: &Arc<Config>,
        purpose: Purpose,
        source: &mut Source,
    ) -> Result<&[Mount], Error> {
        let unchanged = are_unchanged(&self.held);
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
        // Opened before the tables are read, so that no change can fall between the two.
        self.hold();
        let own = source.parse(&self.own, Tree::parse)?;
        let of_process_1 = match source.parse(&self.of_process_1, Tree::parse) {
            Ok(tree) => Some(tree),
            // It may not be there for us to read.
            Err(Error::Read { .. }) => None,
            Err(error) => return Err(error),
        };
        self.shown = Sight::new(own, of_process_1, &self.rootfs).select(config);
        Ok(())
    }

    fn hold(&mut self) {
        let files = [&self.own, &self.of_process_1].map(File::open);
        self.held = files.into_iter().filter_map(Result::ok).collect();
        if !self.held.iter().all(tells_of_changes) {
            self.held.clear();
        }
    }
}

/// Only the kernel's own file does; any other is read every time.
fn tells_of_changes(file: &File) -> bool {
    fstatfs(file).is_ok_and(|stat| stat.f_type == PROC_SUPER_MAGIC)
}

/// Whether the tables are as they were when they were opened or last asked; see `proc_pid_mountinfo(5)`.
fn are_unchanged(files: &[File]) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut asked: Vec<_> = files
        .iter()
        .map(|file| PollFd::new(file, PollFlags::PRI))
        .collect();
    !asked.is_empty() && poll(&mut asked, Some(&at_once)).is_ok_and(|changed| changed == 0)
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
        assert!(!table.held.is_empty());
    }
}
