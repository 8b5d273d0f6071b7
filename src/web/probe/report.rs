//! What a probe found, as families under the names that `blackbox_exporter` gave them, and as text for people.

use std::{
    fmt::{Display, Write as _},
    net::IpAddr,
    time::Duration,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{config::Config, request::ICMP};
use crate::sample::{Desc, Family, Kind};

const SUCCESS: Desc = gauge(
    "probe_success",
    &[],
    "Whether the host answered the probe (1) or not (0).",
);
const DURATION: Desc = gauge(
    "probe_duration_seconds",
    &[],
    "Time that the probe took as a whole.",
);
const LOOKUP: Desc = gauge(
    "probe_dns_lookup_time_seconds",
    &[],
    "Time that it took to find the address of the name.",
);
const PROTOCOL: Desc = gauge(
    "probe_ip_protocol",
    &[],
    "Version of the Internet protocol that was used, 4 or 6; 0 when no address was found.",
);
const HASH: Desc = gauge(
    "probe_ip_addr_hash",
    &[],
    "A hash of the address that was probed, which changes with it; 0 when no address was found.",
);
const PHASES: Desc = gauge(
    "probe_icmp_duration_seconds",
    &["phase"],
    "Time that each phase of the probe took; 0 when it was not reached.",
);
const HOP_LIMIT: Desc = gauge(
    "probe_icmp_reply_hop_limit",
    &[],
    "Hop limit of the reply, or its TTL with IPv4; absent without a reply.",
);

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Desc {
    Desc {
        name,
        kind: Kind::Gauge,
        labels,
        help,
    }
}

/// What a probe found. A phase that was not reached has taken no time, as users of these names expect.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Report {
    pub(super) success: bool,
    pub(super) duration: Duration,
    pub(super) lookup: Duration,
    pub(super) ip: Option<IpAddr>,
    pub(super) setup: Duration,
    pub(super) round_trip: Duration,
    pub(super) hop_limit: Option<u8>,
}

impl Report {
    /// Everything but whether it succeeded.
    pub(super) fn families(&self) -> Vec<Family> {
        let resolve = self.ip.map_or(Duration::ZERO, |_| self.lookup);
        let mut phases = Family::new(&PHASES);
        for (phase, took) in [
            ("resolve", resolve),
            ("setup", self.setup),
            ("rtt", self.round_trip),
        ] {
            phases.push([SmolStr::new_static(phase)], took.as_secs_f64());
        }
        let mut hop_limit = Family::new(&HOP_LIMIT);
        hop_limit.push_some([], self.hop_limit.map(f64::from));
        vec![
            Family::single(&DURATION, self.duration.as_secs_f64()),
            Family::single(&LOOKUP, self.lookup.as_secs_f64()),
            Family::single(
                &PROTOCOL,
                self.ip.map_or(0.0, |ip| if ip.is_ipv4() { 4.0 } else { 6.0 }),
            ),
            Family::single(&HASH, self.ip.map_or(0.0, |ip| f64::from(hash(ip)))),
            phases,
            hop_limit,
        ]
    }

    /// Whether it succeeded: the last family by name.
    pub(super) fn success(&self) -> Family {
        Family::single(&SUCCESS, f64::from(u8::from(self.success)))
    }
}

/// FNV-1a over the bytes of the address: the same number as the one that users of this name know.
fn hash(ip: IpAddr) -> u32 {
    let fold = |octets: &[u8]| {
        octets.iter().fold(0x811c_9dc5_u32, |hash, octet| {
            (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
        })
    };
    match ip {
        IpAddr::V4(ip) => fold(&ip.octets()),
        IpAddr::V6(ip) => fold(&ip.octets()),
    }
}

/// What happened during one probe, in lines for people.
#[derive(Debug)]
pub(super) struct Log {
    target: String,
    lines: String,
}

impl Log {
    pub(super) fn of(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            lines: String::new(),
        }
    }

    /// Adds a line with one more fact.
    pub(super) fn add(&mut self, at: Timestamp, level: Level, message: &str, key: &str, value: impl Display) {
        let (level, target, value) = (level.word(), &self.target, value.to_string());
        // A String takes any text.
        let _ = writeln!(
            self.lines,
            "time={at:.3} level={level} msg={message:?} module={ICMP} target={target:?} {key}={value:?}"
        );
    }

    /// The whole answer to `debug=true`, in the shape that `blackbox_exporter` gives it.
    pub(super) fn document(&self, metrics: &str, config: &Config) -> String {
        let Config {
            timeout,
            preferred_ip_protocol,
            ip_protocol_fallback,
            ..
        } = config;
        format!(
            "Logs for the probe:\n{}\n\n\nMetrics that would have been returned:\n{metrics}\n\n\nModule configuration:\n\
             prober: {ICMP}\ntimeout: {timeout}\nicmp:\n  preferred_ip_protocol: {}\n  ip_protocol_fallback: \
             {ip_protocol_fallback}\n",
            self.lines,
            preferred_ip_protocol.word()
        )
    }
}

/// How much a line matters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    Info,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_legal() {
        let all = &[
            &SUCCESS, &DURATION, &LOOKUP, &PROTOCOL, &HASH, &PHASES, &HOP_LIMIT,
        ];
        assert_eq!(crate::exposition::complaints(all), Vec::<String>::new());
    }

    #[test]
    fn the_hash_is_the_one_that_blackbox_exporter_tells() {
        for (ip, expected) in [
            ("127.0.0.1", 3_668_918_509),
            ("240.0.0.1", 833_780_210),
            ("::1", 1_751_717_746),
        ] {
            assert_eq!(hash(ip.parse().expect("an address")), expected, "{ip}");
        }
    }

    #[test]
    fn a_log_stays_one_line_per_entry_whatever_the_target() {
        let mut log = Log::of("a\nb=\"c\"");
        log.add(
            Timestamp::UNIX_EPOCH,
            Level::Error,
            "Probe failed",
            "reason",
            "no\nanswer",
        );
        assert_eq!(
            log.lines,
            "time=1970-01-01T00:00:00.000Z level=error msg=\"Probe failed\" module=icmp target=\"a\\nb=\\\"c\\\"\" \
             reason=\"no\\nanswer\"\n"
        );
    }
}
