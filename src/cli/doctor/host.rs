//! Whether we see the host itself: its network namespace, its /proc, /sys and root.

use std::{fs, io, path::Path};

use super::check::Check;
use crate::collectors::Paths;

const NAMESPACE: &str = "network";

/// What tells whose interfaces we see.
#[derive(Debug, Default)]
struct View {
    /// Our network namespace is that of the host's first process; `None` when that cannot be read.
    same_as_init: Option<bool>,
    /// Something says that we are in a container.
    container: bool,
    /// There is an interface with hardware behind it.
    hardware: bool,
}

/// Whose interfaces we see. Needs more privileges than `run` has, where users are not root.
pub(super) fn namespace(paths: &Paths) -> Check {
    if cfg!(not(target_os = "linux")) {
        return Check::skipped(NAMESPACE, "namespaces are not checked on this system");
    }
    judge_namespace(&View {
        same_as_init: same_namespace(Path::new(&paths.procfs)),
        container: in_container(),
        hardware: has_hardware(Path::new(&paths.sysfs)),
    })
}

fn judge_namespace(view: &View) -> Check {
    const ADVICE: &str =
        "Use the host's network (`--network host`, `network_mode: host`) to see its interfaces.";
    match view {
        View {
            same_as_init: Some(false),
            ..
        } => Check::warn(
            NAMESPACE,
            "in a network namespace of our own: only its interfaces are seen, not the host's",
            ADVICE,
        ),
        View {
            container: true,
            hardware: false,
            ..
        } => Check::warn(
            NAMESPACE,
            "in a container, and no interface has hardware behind it: these are the container's interfaces",
            ADVICE,
        ),
        View {
            container: true,
            hardware: true,
            ..
        } => Check::ok(NAMESPACE, "in a container, with the host's interfaces in sight"),
        View {
            same_as_init: Some(true),
            ..
        } => Check::ok(NAMESPACE, "the host's own namespace"),
        View {
            same_as_init: None, ..
        } => Check::ok(
            NAMESPACE,
            "no sign of a namespace of our own; only root can tell for certain",
        ),
    }
}

/// Our own namespace is read last: nothing that happens in between can make two different ones look alike.
fn same_namespace(procfs: &Path) -> Option<bool> {
    let inits = fs::read_link(procfs.join("1/ns/net")).ok()?;
    let ours = fs::read_link("/proc/self/ns/net").ok()?;
    Some(inits == ours)
}

fn in_container() -> bool {
    let marked = ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|file| Path::new(file).exists());
    marked || std::env::var_os("container").is_some() || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn has_hardware(sysfs: &Path) -> bool {
    let interfaces = fs::read_dir(sysfs.join("class/net"))
        .into_iter()
        .flatten()
        .flatten();
    interfaces
        .into_iter()
        .any(|interface| interface.path().join("device").exists())
}

/// One check for each root of the host's file systems.
pub(super) fn roots(paths: &Paths) -> Vec<Check> {
    if cfg!(not(target_os = "linux")) {
        return vec![Check::skipped("proc and sys", "this system has neither")];
    }
    [
        ("proc", &paths.procfs, "stat", "paths.procfs"),
        ("sys", &paths.sysfs, "class/net", "paths.sysfs"),
        ("root", &paths.rootfs, ".", "paths.rootfs"),
    ]
    .map(|(name, root, witness, key)| {
        let path = Path::new(root).join(witness);
        judge_root(name, root, key, fs::metadata(&path).and_then(|_| readable(&path)))
    })
    .into()
}

fn readable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        fs::read_dir(path).map(drop)
    } else {
        fs::File::open(path).map(drop)
    }
}

fn judge_root(name: &'static str, root: &str, key: &str, read: io::Result<()>) -> Check {
    match read {
        Ok(()) => Check::ok(name, format!("{root} is readable")),
        Err(error) => Check::fail(
            name,
            format!("{root} does not show the host: {error}"),
            format!("Mount it there, readable for this user, or set `collectors.{key}`."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    #[test]
    fn judges_whose_interfaces_we_see() {
        for (same_as_init, container, hardware, verdict) in [
            (Some(true), false, true, Verdict::Ok),
            (Some(true), false, false, Verdict::Ok),
            (Some(false), false, true, Verdict::Warn),
            (Some(false), true, true, Verdict::Warn),
            // Inside a container, process 1 is the container's: being like it proves nothing.
            (Some(true), true, false, Verdict::Warn),
            (Some(true), true, true, Verdict::Ok),
            (None, true, false, Verdict::Warn),
            (None, false, false, Verdict::Ok),
        ] {
            let view = View {
                same_as_init,
                container,
                hardware,
            };
            assert_eq!(judge_namespace(&view).verdict, verdict, "{view:?}");
        }
    }

    #[test]
    fn a_root_that_is_not_the_hosts_names_its_key() {
        let check = judge_root(
            "proc",
            "/host/proc",
            "paths.procfs",
            Err(io::ErrorKind::NotFound.into()),
        );
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.found.starts_with("/host/proc does not show the host"));
        assert!(
            check
                .advice
                .is_some_and(|advice| advice.contains("`collectors.paths.procfs`"))
        );
    }

    #[test]
    fn hardware_is_told_by_the_device_link() {
        let sysfs = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(sysfs.path().join("class/net/lo")).expect("created");
        assert!(!has_hardware(sysfs.path()));
        fs::create_dir_all(sysfs.path().join("class/net/eth0/device")).expect("created");
        assert!(has_hardware(sysfs.path()));
    }
}
