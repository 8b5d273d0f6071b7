//! Whether the data directory can be written, is closed to others and has room.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::check::Check;

const NAME: &str = "data directory";

/// Below this there is no room for a busy day of history.
const SCARCE_BYTES: u64 = 300 * 1024 * 1024;

/// Below this nothing works for long.
const FULL_BYTES: u64 = 5 * 1024 * 1024;

/// What the directory, or the one it would be created in, is like.
#[derive(Debug)]
enum Place {
    /// It is there; permissions where the system has them.
    Present {
        mode: Option<u32>,
        written: io::Result<()>,
    },
    /// It would be created in this directory.
    Absent {
        parent: PathBuf,
        written: io::Result<()>,
    },
    /// Something else is in the way.
    NotADirectory,
}

/// `None` is a user without a home, who configured no directory either.
pub(super) fn checks(data_dir: Option<&Path>) -> Vec<Check> {
    let Some(dir) = data_dir else {
        return vec![Check::fail(
            NAME,
            "none is configured, and the environment names no home to put one in",
            "Set `data_dir`, or give `--data-dir`.",
        )];
    };
    let mut checks = vec![judge(dir, &inspect(dir))];
    checks.extend(free_bytes(existing(dir)).map(judge_room));
    checks
}

fn inspect(dir: &Path) -> Place {
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => Place::Present {
            mode: mode(&metadata),
            written: try_to_write(dir),
        },
        Ok(_) => Place::NotADirectory,
        Err(_) => {
            let parent = existing(dir).to_owned();
            Place::Absent {
                written: try_to_write(&parent),
                parent,
            }
        }
    }
}

/// The nearest directory above `dir` that exists.
fn existing(dir: &Path) -> &Path {
    dir.ancestors()
        .find(|above| above.is_dir())
        .unwrap_or_else(|| Path::new("."))
}

/// Creates and removes a nameless file: the only proof that counts on read-only and foreign file systems.
pub(super) fn try_to_write(dir: &Path) -> io::Result<()> {
    tempfile::tempfile_in(dir).map(drop)
}

fn judge(dir: &Path, place: &Place) -> Check {
    let shown = dir.display();
    match place {
        Place::NotADirectory => Check::fail(
            NAME,
            format!("{shown} is not a directory"),
            "Move what is there out of the way, or set `data_dir`.",
        ),
        Place::Present {
            written: Err(error), ..
        } => Check::fail(
            NAME,
            format!("{shown} cannot be written: {error}"),
            "Make the user that runs NetKestrel its owner, or set `data_dir`.",
        ),
        Place::Absent {
            parent,
            written: Err(error),
        } => Check::fail(
            NAME,
            format!(
                "{shown} is not there and cannot be created in {}: {error}",
                parent.display()
            ),
            "Create it for the user that runs NetKestrel, with mode 0700, or set `data_dir`.",
        ),
        Place::Present { mode: Some(mode), .. } if mode & 0o077 != 0 => Check::warn(
            NAME,
            format!("{shown} is open to others (mode {mode:04o}), and the access token lies there"),
            format!("Run `chmod 700 {shown}`."),
        ),
        Place::Present { .. } => Check::ok(NAME, format!("{shown} can be written")),
        Place::Absent { .. } => Check::ok(NAME, format!("{shown} will be created")),
    }
}

fn judge_room(bytes: u64) -> Check {
    const NAME: &str = "free space";
    let mebibytes = bytes / (1024 * 1024);
    let found = format!("{mebibytes} MiB for the data directory");
    match bytes {
        0..FULL_BYTES => Check::fail(NAME, found, "Free some space, or set `data_dir` to another disk."),
        FULL_BYTES..SCARCE_BYTES => Check::warn(
            NAME,
            found,
            "Free some space before it runs out; history alone may take 256 MiB a stream.",
        ),
        _ => Check::ok(NAME, found),
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "not every system has permission bits")]
fn mode(metadata: &fs::Metadata) -> Option<u32> {
    Some(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> Option<u32> {
    None
}

#[cfg(target_os = "linux")]
fn free_bytes(dir: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(dir).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(not(target_os = "linux"))]
fn free_bytes(dir: &Path) -> Option<u64> {
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    let holding = disks.iter().filter(|disk| dir.starts_with(disk.mount_point()));
    let disk = holding.max_by_key(|disk| disk.mount_point().as_os_str().len())?;
    Some(disk.available_space())
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    #[test]
    fn judges_the_directory() {
        let denied = || Err(io::ErrorKind::PermissionDenied.into());
        for (place, verdict) in [
            (
                Place::Present {
                    mode: Some(0o700),
                    written: Ok(()),
                },
                Verdict::Ok,
            ),
            (
                Place::Present {
                    mode: None,
                    written: Ok(()),
                },
                Verdict::Ok,
            ),
            (
                Place::Present {
                    mode: Some(0o755),
                    written: Ok(()),
                },
                Verdict::Warn,
            ),
            (
                Place::Present {
                    mode: Some(0o700),
                    written: denied(),
                },
                Verdict::Fail,
            ),
            (
                Place::Absent {
                    parent: "/".into(),
                    written: Ok(()),
                },
                Verdict::Ok,
            ),
            (
                Place::Absent {
                    parent: "/".into(),
                    written: denied(),
                },
                Verdict::Fail,
            ),
            (Place::NotADirectory, Verdict::Fail),
        ] {
            assert_eq!(judge(Path::new("/d"), &place).verdict, verdict, "{place:?}");
        }
    }

    #[test]
    fn judges_the_room() {
        for (bytes, verdict) in [
            (0, Verdict::Fail),
            (10 << 20, Verdict::Warn),
            (10 << 30, Verdict::Ok),
        ] {
            assert_eq!(judge_room(bytes).verdict, verdict, "{bytes}");
        }
    }

    #[test]
    fn looks_without_creating_anything() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join("state/netkestrel");
        assert!(matches!(inspect(&dir), Place::Absent { parent, written: Ok(()) } if parent == home.path()));
        assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 0);
        let file = home.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(matches!(inspect(&file), Place::NotADirectory));
    }
}
