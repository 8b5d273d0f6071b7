//! /proc/PID/mountinfo: the tree of mounts as one process sees it, and which of them a path leads to.
//!
//! Everything is told by the table alone. Asking the paths instead could wait for a server that hangs, and
//! `stat` gives subvolumes device numbers of their own, which no table lists.

use std::{
    collections::HashSet,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use smol_str::SmolStr;

use super::source::{Malformed, lines, number};

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    id: u64,
    /// The mount it is mounted on; `None` where that is out of the process's sight, as for its root.
    parent: Option<u64>,
    pub(super) device: Device,
    /// The folder of the filesystem that is mounted, `/` for all of it.
    pub(super) folder: Vec<u8>,
    pub(super) mountpoint: PathBuf,
    pub(super) fstype: SmolStr,
    /// What was mounted: a device, an export, or just a word.
    pub(super) source: SmolStr,
    /// Whether this mount or the filesystem itself refuses writes.
    pub(super) read_only: bool,
}

/// Number of the device a filesystem is on; those without a device have one made up, each its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Device {
    major: u64,
    minor: u64,
}

/// The mounts of one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    /// Reads the table; spaces and the like in names are written as octal numbers.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let mut entries = lines(text)
            .filter(|(_, content)| !content.is_empty())
            .map(|(line, content)| entry(line, content))
            .collect::<Result<Vec<_>, _>>()?;
        let known: HashSet<u64> = entries.iter().map(|entry| entry.id).collect();
        for entry in &mut entries {
            let id = entry.id;
            entry.parent = entry
                .parent
                .filter(|parent| *parent != id && known.contains(parent));
        }
        Ok(Self { entries })
    }

    /// Every mount, also those that others hide.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The mounts that the way to `path` leads through; the last one holds it. Empty where the root is no mount
    /// of its own, as after `chroot`.
    pub(super) fn way_to(&self, path: &Path) -> Vec<&Entry> {
        let mut way: Vec<&Entry> = Vec::new();
        // A sound table ends the loop earlier; in another one mounts could be their own parents.
        for _ in &self.entries {
            let here = way.last().map(|entry| entry.id);
            let on_the_way = self
                .entries
                .iter()
                .filter(|entry| entry.parent == here && path.starts_with(&entry.mountpoint));
            let Some(next) = on_the_way.min_by_key(|entry| entry.mountpoint.as_os_str().len()) else {
                break;
            };
            // Nothing of a mount is used when another lies on top of it.
            way.pop_if(|covered| covered.mountpoint == next.mountpoint);
            way.push(next);
        }
        way
    }

    /// Whether `entry` can be reached: no other mount covers it or a folder above it.
    pub(super) fn reaches(&self, entry: &Entry) -> bool {
        self.way_to(&entry.mountpoint)
            .last()
            .is_some_and(|last| last.id == entry.id)
    }
}

fn entry(line: usize, content: &[u8]) -> Result<Entry, Malformed> {
    let mut fields = content.split(|byte| *byte == b' ');
    let mut field = |what: &str| next(&mut fields, line, what);
    let id = number(line, "the number of the mount", field("number of a mount")?)?;
    let parent = number(line, "the number of the parent", field("number of a parent")?)?;
    let device = device(line, field("device number")?)?;
    let folder = unescape(field("folder")?);
    let mountpoint = mountpoint(line, field("mount point")?)?;
    let mount_options = field("list of options")?;
    // Any number of optional fields, ended by a dash.
    if !fields.any(|field| field == b"-") {
        return Err(Malformed::in_line(
            line,
            "there is no `-` after the optional fields",
        ));
    }
    let mut field = |what: &str| next(&mut fields, line, what);
    let fstype = text(&unescape(field("filesystem type")?));
    let source = text(&unescape(field("source")?));
    let filesystem_options = field("list of options of the filesystem")?;
    Ok(Entry {
        id,
        parent: Some(parent),
        device,
        folder,
        mountpoint,
        fstype,
        source,
        read_only: refuses_writes(mount_options) || refuses_writes(filesystem_options),
    })
}

fn next<'a>(
    fields: &mut impl Iterator<Item = &'a [u8]>,
    line: usize,
    what: &str,
) -> Result<&'a [u8], Malformed> {
    fields
        .next()
        .ok_or_else(|| Malformed::in_line(line, format!("there is no {what}")))
}

fn device(line: usize, field: &[u8]) -> Result<Device, Malformed> {
    let mut numbers = field.splitn(2, |byte| *byte == b':');
    let mut next = |what| number(line, what, numbers.next().unwrap_or_default());
    Ok(Device {
        major: next("the major device number")?,
        minor: next("the minor device number")?,
    })
}

fn mountpoint(line: usize, field: &[u8]) -> Result<PathBuf, Malformed> {
    let mountpoint = PathBuf::from(OsString::from_vec(unescape(field)));
    if mountpoint.is_absolute() {
        return Ok(mountpoint);
    }
    let shown = mountpoint.display();
    Err(Malformed::in_line(
        line,
        format!("the mount point is `{shown}`, not an absolute path"),
    ))
}

/// An ext4 that the kernel took out of service after an error is told by the options of the filesystem: older
/// kernels write `ro` there; newer ones (seen with 6.18) leave `rw`, which `statvfs` repeats, and add
/// `emergency_ro`. Either way the kernel does not call it a change of the table, so scrapes show it after the
/// next interval run.
fn refuses_writes(options: &[u8]) -> bool {
    options
        .split(|byte| *byte == b',')
        .any(|option| [&b"ro"[..], b"emergency_ro"].contains(&option))
}

fn text(bytes: &[u8]) -> SmolStr {
    SmolStr::new(String::from_utf8_lossy(bytes))
}

/// Replaces `\040` by the byte of that octal number; anything else stays as it is.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        if let (b'\\', Some((digits, behind))) = (*first, tail.split_at_checked(3))
            && let Some(byte) = octal(digits)
        {
            plain.push(byte);
            rest = behind;
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    u8::from_str_radix(digits, 8).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped() {
        for (escaped, plain) in [
            (r"/mnt/my\040disk", "/mnt/my disk"),
            (r"/a\134b", r"/a\b"),
            (r"/a\09", r"/a\09"),
            (r"/a\+12", r"/a\+12"),
            (r"/a\777", r"/a\777"),
            (r"/end\", r"/end\"),
        ] {
            assert_eq!(unescape(escaped.as_bytes()), plain.as_bytes(), "{escaped}");
        }
    }

    #[test]
    fn what_refuses_writes_is_told_by_either_list_of_options() {
        for (mount, filesystem, expected, why) in [
            ("rw,relatime", "rw,discard", false, "writable"),
            ("ro,relatime", "rw", true, "mounted read-only here"),
            (
                "rw,relatime",
                "ro,errors=remount-ro",
                true,
                "after an error, on an older kernel",
            ),
            (
                "rw,relatime",
                "rw,errors=remount-ro,emergency_ro",
                true,
                "after an error, on a newer kernel",
            ),
            (
                "rw,relatime",
                "rw,errors=remount-ro",
                false,
                "what would happen has not happened",
            ),
        ] {
            let line = format!("27 1 254:0 / / {mount} shared:1 master:2 - ext4 /dev/vda {filesystem}\n");
            let tree = Tree::parse(line.as_bytes()).expect("well-formed");
            assert_eq!(tree.entries()[0].read_only, expected, "{why}");
        }
    }

    #[test]
    fn a_path_leads_through_the_mounts_that_can_be_seen() {
        let table = "1 1 0:1 / / rw - rootfs none rw\n\
                     2 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     3 2 0:30 / /boot rw - autofs systemd-1 rw\n\
                     4 3 8:2 / /boot rw - vfat /dev/sda2 rw\n\
                     5 2 0:40 / /mnt rw - nfs4 nas:/x rw\n\
                     6 5 8:3 / /mnt/inner rw - ext4 /dev/sdc1 rw\n\
                     7 2 8:4 / /old/inner rw - ext4 /dev/sdd1 rw\n\
                     8 2 0:50 / /old rw - tmpfs hidden rw\n";
        let tree = Tree::parse(table.as_bytes()).expect("well-formed");
        for (path, expected) in [
            ("/", &[2][..]),
            ("/home/me", &[2]),
            ("/boot/efi", &[2, 4]),
            ("/bootstrap", &[2]),
            ("/mnt", &[2, 5]),
            ("/mnt/inner", &[2, 5, 6]),
            ("/old/inner", &[2, 8]),
        ] {
            let way: Vec<_> = tree
                .way_to(Path::new(path))
                .iter()
                .map(|entry| entry.id)
                .collect();
            assert_eq!(way, expected, "{path}");
        }
        let hidden: Vec<_> = tree
            .entries()
            .iter()
            .filter(|entry| !tree.reaches(entry))
            .map(|entry| entry.id)
            .collect();
        assert_eq!(hidden, [1, 3, 7]);
    }

    #[test]
    fn roots_may_be_missing_and_parents_may_be_nonsense() {
        let chroot = Tree::parse(b"9 2 8:1 /srv /data rw - ext4 /dev/sda1 rw\n").expect("well-formed");
        assert!(chroot.way_to(Path::new("/")).is_empty());
        assert_eq!(chroot.way_to(Path::new("/data/x")).len(), 1);
        let circle = "1 2 8:1 / / rw - ext4 a rw\n2 1 8:2 / / rw - ext4 b rw\n";
        let circle = Tree::parse(circle.as_bytes()).expect("well-formed");
        assert!(circle.way_to(Path::new("/")).is_empty());
    }
}
