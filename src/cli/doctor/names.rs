//! Whether the names of configured devices resolve.

use std::{
    collections::BTreeSet,
    net::{IpAddr, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::check::Check;
use crate::{clock::Clock, collectors::devices};

const NAME: &str = "names";

/// Longest wait for all names together.
const PATIENCE: Duration = Duration::from_secs(5);

/// More names than this are not looked up.
const AT_MOST: usize = 32;

pub(super) fn check(config: &devices::Config) -> Check {
    let names = names(configured(config));
    judge(names.len(), &unresolved(names.clone(), resolves))
}

fn configured(config: &devices::Config) -> impl Iterator<Item = &str> {
    config.devices().map(|target| target.address.as_str())
}

/// Those of `addresses` that are names, each once, as many as we look up.
fn names<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: BTreeSet<&str> = addresses
        .filter(|address| address.parse::<IpAddr>().is_err())
        .collect();
    names.into_iter().take(AT_MOST).map(str::to_owned).collect()
}

fn judge(asked: usize, failed: &[String]) -> Check {
    match (asked, failed) {
        (0, _) => Check::ok(NAME, "no device is configured by name"),
        (_, []) => Check::ok(NAME, format!("{asked} resolved")),
        (_, failed) => Check::fail(
            NAME,
            format!(
                "{} of {asked} do not resolve: {}",
                failed.len(),
                failed.join(", ")
            ),
            "Their devices stay unknown; mend the name server (/etc/resolv.conf) or use addresses.",
        ),
    }
}

/// Those of `names` that have no address, or none in time. A resolver that hangs cannot hold us up.
fn unresolved(names: Vec<String>, resolves: fn(&str) -> bool) -> Vec<String> {
    let (sender, answers) = mpsc::channel();
    for name in names.clone() {
        let sender = sender.clone();
        thread::spawn(move || {
            let found = resolves(&name);
            // The receiver is gone when time is up.
            let _ = sender.send((name, found));
        });
    }
    drop(sender);
    let mut failed = names;
    let start = Clock::System.now().instant;
    while let Ok((name, found)) = answers.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
        if found {
            failed.retain(|other| *other != name);
        }
    }
    failed
}

/// Asks the resolver of this host.
fn resolves(name: &str) -> bool {
    (name, 0)
        .to_socket_addrs()
        .is_ok_and(|mut found| found.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    #[test]
    fn judges_how_many_resolve() {
        let dead = ["nas.lan".to_owned()];
        for (asked, failed, verdict) in [
            (0, &[][..], Verdict::Ok),
            (2, &[][..], Verdict::Ok),
            (2, &dead[..], Verdict::Fail),
        ] {
            assert_eq!(judge(asked, failed).verdict, verdict, "{asked} {failed:?}");
        }
    }

    #[test]
    fn addresses_need_no_look_up() {
        let given = ["nas.lan", "192.0.2.1", "::1", "nas.lan", "fe80::1", "db.lan"];
        assert_eq!(names(given.into_iter()), ["db.lan", "nas.lan"]);
    }

    #[test]
    fn names_without_an_address_are_told() {
        let names = ["db.lan", "gone.lan", "nas.lan"].map(str::to_owned).to_vec();
        assert_eq!(unresolved(names, |name| name != "gone.lan"), ["gone.lan"]);
    }

    #[test]
    fn the_resolver_of_this_host_reads_addresses() {
        // A name could be asked for outside; an address never is.
        assert!(resolves("127.0.0.1"));
    }
}
