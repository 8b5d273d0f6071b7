//! Turns whatever privileges the process was started with into the least it can do with: `CAP_NET_RAW`
//! permitted and nothing effective. Raising it again belongs to the one thread that opens ping sockets.

/// Privileges of the calling thread, as far as pinging cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NetRaw {
    /// `CAP_NET_RAW` may be raised.
    pub(crate) permitted: bool,
    /// `CAP_NET_RAW` is in force now.
    pub(crate) effective: bool,
}

/// What [`keep_only_net_raw`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// There was nothing to drop: an ordinary user without capabilities, or a system that has none.
    NothingHeld,
    /// Everything else is gone.
    Kept(NetRaw),
}

/// Drops every capability of the calling thread except a permitted `CAP_NET_RAW`, for good: programs started
/// from here on cannot regain them either. Threads inherit this, so call it before any other thread exists.
///
/// User id 0 stays what it is, but loses its power over other users' files: as root, the configuration, the
/// data directory and the log file must be readable and writable for root as their owner, its group or everyone.
/// Dropping before the first file is opened makes a start fail where a later reload would have failed.
/// Ports below 1024 need `net.ipv4.ip_unprivileged_port_start` or a proxy for the same reason.
///
/// Fails when the kernel refuses `capset` or `prctl` (a system call filter that is too strict); nothing was
/// dropped then.
#[cfg(target_os = "linux")]
pub(crate) fn keep_only_net_raw() -> std::io::Result<Dropped> {
    use rustix::thread::{self, CapabilitySet, CapabilitySets};

    let held = thread::capabilities(None)?;
    if held.permitted.is_empty() && held.inheritable.is_empty() {
        return Ok(Dropped::NothingHeld);
    }
    thread::set_no_new_privs(true)?;
    let kept = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: held.permitted & CapabilitySet::NET_RAW,
        inheritable: CapabilitySet::empty(),
    };
    thread::set_capabilities(None, kept)?;
    Ok(Dropped::Kept(NetRaw {
        permitted: !kept.permitted.is_empty(),
        effective: false,
    }))
}

/// Does nothing: only Linux divides root's power into capabilities.
#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_only_net_raw() -> std::io::Result<Dropped> {
    Ok(Dropped::NothingHeld)
}

/// What the calling thread holds; `None` where there are no capabilities.
#[cfg(target_os = "linux")]
#[must_use]
pub(crate) fn net_raw() -> Option<NetRaw> {
    use rustix::thread::{self, CapabilitySet};

    let held = thread::capabilities(None).ok()?;
    Some(NetRaw {
        permitted: held.permitted.contains(CapabilitySet::NET_RAW),
        effective: held.effective.contains(CapabilitySet::NET_RAW),
    })
}

/// What the calling thread holds; `None` where there are no capabilities.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub(crate) fn net_raw() -> Option<NetRaw> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, thread as threads};

    use rustix::thread::{CapabilitySet, capabilities, no_new_privs};

    use super::*;

    /// Capabilities are per thread, so each case runs on a thread of its own.
    fn on_a_thread<T: Send + 'static>(case: impl FnOnce() -> T + Send + 'static) -> T {
        threads::spawn(case).join().expect("the case does not panic")
    }

    #[test]
    fn at_most_net_raw_stays_and_nothing_is_in_force() {
        let (before, dropped, after) = on_a_thread(|| {
            let before = capabilities(None).expect("readable");
            let dropped = keep_only_net_raw().expect("dropping is always allowed");
            (before, dropped, capabilities(None).expect("readable"))
        });
        assert_eq!(after.permitted, before.permitted & CapabilitySet::NET_RAW);
        assert!(after.effective.is_empty() && after.inheritable.is_empty());
        if before.permitted.is_empty() {
            assert_eq!(dropped, Dropped::NothingHeld);
        }
    }

    #[test]
    fn threads_that_start_later_inherit_the_loss() {
        let (mine, childs) = on_a_thread(|| {
            keep_only_net_raw().expect("dropping is always allowed");
            (net_raw(), on_a_thread(net_raw))
        });
        assert_eq!(mine, childs);
        assert_eq!(mine.map(|held| held.effective), Some(false));
    }

    #[test]
    fn a_second_call_changes_nothing() {
        on_a_thread(|| {
            keep_only_net_raw().expect("dropping is always allowed");
            let once = capabilities(None).expect("readable");
            keep_only_net_raw().expect("dropping is always allowed");
            assert_eq!(capabilities(None).expect("readable"), once);
        });
    }

    #[test]
    fn as_root_own_files_stay_usable_and_closed_ones_of_others_do_not() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: needs root to give a file away");
            return;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let (own, foreign) = (dir.path().join("own"), dir.path().join("foreign"));
        fs::write(&own, "x").expect("written");
        fs::write(&foreign, "x").expect("written");
        std::os::unix::fs::chown(&foreign, Some(65_534), Some(65_534)).expect("given away");
        fs::set_permissions(&foreign, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("closed");
        let (own, foreign, locked) = on_a_thread(move || {
            keep_only_net_raw().expect("dropping is always allowed");
            (
                fs::write(own, "y").is_ok(),
                fs::read(foreign).is_ok(),
                no_new_privs(),
            )
        });
        assert_eq!((own, foreign, locked), (true, false, Ok(true)));
    }
}
