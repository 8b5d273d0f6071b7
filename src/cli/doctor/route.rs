//! Whether there is a default gateway: the one device that is watched without any configuration,
//! and the parent of those that are reached through it.

use std::net::SocketAddr;

use super::check::Check;
use crate::collectors::{Paths, devices};

const NAME: &str = "gateway";

pub(super) fn check(paths: &Paths, config: &devices::Config) -> Check {
    if !(config.enabled && config.default_gateway) {
        return Check::skipped(NAME, "the default gateway is not watched, as configured");
    }
    judge(devices::default_gateway(&paths.procfs), config.devices().count())
}

fn judge(gateway: Option<SocketAddr>, targets: usize) -> Check {
    match (gateway, targets) {
        (Some(gateway), 0) => Check::ok(NAME, format!("{} is watched", gateway.ip())),
        (Some(gateway), _) => Check::ok(
            NAME,
            format!("{}, watched where a device is reached through it", gateway.ip()),
        ),
        (None, 0) => Check::warn(
            NAME,
            "no default gateway, and no device is configured: nothing is pinged",
            "Name devices below `collectors.devices.targets`.",
        ),
        (None, targets) => Check::ok(NAME, format!("no default gateway; {targets} configured devices")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    #[test]
    fn nothing_to_ping_is_worth_a_word() {
        let gateway = "192.168.1.1:0".parse().ok();
        for (gateway, targets, verdict) in [
            (gateway, 0, Verdict::Ok),
            (gateway, 2, Verdict::Ok),
            (None, 2, Verdict::Ok),
            (None, 0, Verdict::Warn),
        ] {
            assert_eq!(judge(gateway, targets).verdict, verdict, "{gateway:?} {targets}");
        }
    }
}
