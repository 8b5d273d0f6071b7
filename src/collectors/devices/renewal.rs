//! When the identifier of echo requests is replaced. Firewalls and NAT take requests to one device with one identifier
//! for one connection and keep a state for it for as long as they go on. One made in a bad moment, such as before the
//! rules of a gateway that starts are in force, keeps a healthy device silent for ever: a `ping` that is stopped and
//! started again gets through (<https://github.com/kubeovn/kube-ovn/issues/4193>,
//! <https://github.com/submariner-io/submariner/pull/1046>). And one made in a good moment hides that nothing new gets
//! through any more (<https://github.com/czerwonk/ping_exporter/issues/87>). Pure.

use std::time::{Duration, Instant};

/// An identifier serves no longer than this.
const LONGEST: Duration = Duration::from_mins(10);
/// One that a device keeps silent under serves this long: each new one is a new state for every device, and a state
/// is kept for about this time.
const SHORTEST: Duration = Duration::from_secs(30);

/// Whether the identifier in use since `since` is to be replaced for a request at `now`, which is for a device that
/// left something unanswered if it is to be asked `afresh`.
pub(super) fn is_due(since: Instant, afresh: bool, now: Instant) -> bool {
    let age = now.saturating_duration_since(since);
    age >= LONGEST || (afresh && age >= SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_asks_for_a_new_identifier_sooner() {
        let since = Instant::now();
        let rows = [
            (0, false, false),
            (0, true, false),
            (29, true, false),
            (30, true, true),
            (30, false, false),
            (599, false, false),
            (600, false, true),
        ];
        for (age, afresh, expected) in rows {
            let now = since + Duration::from_secs(age);
            assert_eq!(is_due(since, afresh, now), expected, "{age} s, afresh {afresh}");
        }
    }
}
