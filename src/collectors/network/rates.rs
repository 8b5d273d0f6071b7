//! Two readings of an interface's counters into rates per second. A counter that went down means that the interface
//! started anew: all its rates are missing for that interval, and nothing wraps.

use std::time::Duration;

use super::interface::{Counters, Flow, Link};
use crate::sample::{Missing, Observed};

/// Above this multiple of the link speed a rate cannot be right.
const PLAUSIBLE: f64 = 1.1;

/// Rates of an interface over one interval, per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    /// What came in.
    pub(super) receive: FlowRates,
    /// What went out.
    pub(super) transmit: FlowRates,
}

/// Rates of one direction, per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FlowRates {
    /// Bytes.
    pub(super) bytes: Observed,
    /// Packets.
    pub(super) packets: Observed,
    /// Packets lost to errors.
    pub(super) errors: Observed,
    /// Packets the host dropped.
    pub(super) drops: Observed,
}

impl Rates {
    /// Rates that are all missing for the same reason.
    pub(super) fn missing(reason: Missing) -> Self {
        let observed = Observed::Missing(reason);
        let flow = FlowRates {
            bytes: observed,
            packets: observed,
            errors: observed,
            drops: observed,
        };
        Self {
            receive: flow,
            transmit: flow,
        }
    }

    /// Rates between two readings of the same interface, `elapsed` apart.
    pub(super) fn between(before: &Counters, after: &Counters, elapsed: Duration, link: &Link) -> Self {
        if elapsed.is_zero() {
            return Self::missing(Missing::NoSample);
        }
        if went_down(&before.receive, &after.receive) || went_down(&before.transmit, &after.transmit) {
            return Self::missing(Missing::CounterReset);
        }
        let flow = |before: &Flow, after: &Flow| {
            let rate = |before, after| rate(before, after, elapsed);
            FlowRates {
                bytes: flag(rate(before.bytes, after.bytes), link),
                packets: rate(before.packets, after.packets),
                errors: rate(before.errors, after.errors),
                drops: rate(before.drops, after.drops),
            }
        };
        Self {
            receive: flow(&before.receive, &after.receive),
            transmit: flow(&before.transmit, &after.transmit),
        }
    }

    /// How many of the byte rates cannot be right.
    pub(super) fn implausible(&self) -> u64 {
        let flags =
            [self.receive.bytes, self.transmit.bytes].map(|rate| matches!(rate, Observed::Implausible(_)));
        flags.map(u64::from).iter().sum()
    }
}

fn went_down(before: &Flow, after: &Flow) -> bool {
    let pairs = [
        (before.bytes, after.bytes),
        (before.packets, after.packets),
        (before.errors, after.errors),
        (before.drops, after.drops),
    ];
    pairs
        .iter()
        .any(|pair| matches!(pair, (Some(before), Some(after)) if after < before))
}

fn rate(before: Option<u64>, after: Option<u64>, elapsed: Duration) -> Observed {
    match (before, after) {
        (_, None) => Observed::Missing(Missing::Unsupported),
        (None, Some(_)) => Observed::Missing(Missing::FirstReading),
        (Some(before), Some(after)) => match after.checked_sub(before) {
            Some(difference) => Observed::Value(difference as f64 / elapsed.as_secs_f64()),
            None => Observed::Missing(Missing::CounterReset),
        },
    }
}

/// Keeps a rate above what the link can carry, but marks it. An unknown speed is no limit.
fn flag(observed: Observed, link: &Link) -> Observed {
    match (observed, link.speed) {
        (Observed::Value(rate), Some(speed)) if link.kind.is_hardware() && rate > PLAUSIBLE * speed => {
            Observed::Implausible(rate)
        }
        _ => observed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::network::{fixture, interface::Kind};

    const SECOND: Duration = Duration::from_secs(1);

    fn counters(bytes: u64) -> Counters {
        fixture::counters(bytes, bytes)
    }

    #[test]
    fn counters_become_rates() {
        let link = fixture::link(1, "eth0", Kind::Physical);
        for (case, before, after, seconds, expected) in [
            ("growth", 1_000, 4_000, 2, Observed::Value(1_500.0)),
            ("silence", 1_000, 1_000, 30, Observed::Value(0.0)),
            ("reset", 4_000, 10, 30, Observed::Missing(Missing::CounterReset)),
            (
                "near a 32-bit wrap",
                4_294_967_290,
                10,
                30,
                Observed::Missing(Missing::CounterReset),
            ),
            ("no time", 1_000, 2_000, 0, Observed::Missing(Missing::NoSample)),
        ] {
            let rates = Rates::between(&counters(before), &counters(after), SECOND * seconds, &link);
            assert_eq!(rates.receive.bytes, expected, "{case}");
            assert_eq!(rates.transmit.bytes, expected, "{case}");
        }
    }

    #[test]
    fn one_counter_that_goes_down_resets_all_rates() {
        let mut before = counters(1_000);
        before.transmit.errors = Some(3);
        let mut after = counters(2_000);
        after.transmit.errors = Some(0);
        let rates = Rates::between(&before, &after, SECOND, &fixture::link(1, "eth0", Kind::Physical));
        assert_eq!(rates, Rates::missing(Missing::CounterReset));
    }

    #[test]
    fn what_the_system_does_not_count_is_unsupported() {
        let mut after = counters(2_000);
        after.receive.drops = None;
        let link = fixture::link(1, "en0", Kind::Physical);
        let rates = Rates::between(&counters(1_000), &after, SECOND, &link);
        assert_eq!(rates.receive.drops, Observed::Missing(Missing::Unsupported));
        assert_eq!(rates.receive.bytes, Observed::Value(1_000.0));
    }

    #[test]
    fn only_known_speeds_of_hardware_make_a_rate_implausible() {
        for (kind, speed, rate, expected) in [
            (
                Kind::Physical,
                Some(1_000.0),
                1_101,
                Observed::Implausible(1_101.0),
            ),
            (Kind::Physical, Some(1_000.0), 1_099, Observed::Value(1_099.0)),
            (Kind::Physical, None, 1_000_000, Observed::Value(1_000_000.0)),
            (Kind::Virtual, Some(1_000.0), 5_000, Observed::Value(5_000.0)),
        ] {
            let mut link = fixture::link(1, "eth0", kind);
            link.speed = speed;
            let rates = Rates::between(&counters(0), &counters(rate), SECOND, &link);
            assert_eq!(rates.receive.bytes, expected, "{kind:?} {speed:?}");
            let expected = if matches!(expected, Observed::Implausible(_)) {
                2
            } else {
                0
            };
            assert_eq!(rates.implausible(), expected, "{kind:?} {speed:?}");
        }
    }
}
