//! Raises the one capability a ping or capture socket needs, on the calling thread, for the time of one call.
//! Never gains what the process was not given.

/// Runs `open` with `CAP_NET_RAW` effective if it is permitted, and lowers it again afterwards.
#[cfg(target_os = "linux")]
pub(crate) fn with_net_raw<T>(open: impl FnOnce() -> T) -> T {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    let raised = capabilities(None).ok().filter(|sets| {
        sets.permitted.contains(CapabilitySet::NET_RAW) && !sets.effective.contains(CapabilitySet::NET_RAW)
    });
    if let Some(mut sets) = raised {
        sets.effective |= CapabilitySet::NET_RAW;
        // Without it the socket is refused, and that error says more than this one.
        let _ = set_capabilities(None, sets);
    }
    let result = open();
    if let Some(sets) = raised {
        let _ = set_capabilities(None, sets);
    }
    result
}

/// Runs `open`; other systems have no such capability.
#[cfg(not(target_os = "linux"))]
pub(crate) fn with_net_raw<T>(open: impl FnOnce() -> T) -> T {
    open()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    use super::*;

    #[test]
    fn a_permitted_capability_is_raised_for_the_call_only() {
        let Ok(mut sets) = capabilities(None) else { return };
        let permitted = sets.permitted.contains(CapabilitySet::NET_RAW);
        sets.effective -= CapabilitySet::NET_RAW;
        set_capabilities(None, sets).expect("lowering is always allowed");
        let effective = || {
            let sets = capabilities(None).expect("readable before");
            sets.effective.contains(CapabilitySet::NET_RAW)
        };
        assert_eq!(with_net_raw(effective), permitted);
        assert!(!effective());
    }
}
