//! Readings as the metrics that a scrape would have found at the same time, in the notation of promtool: a sample per
//! run, `stale` where a series is not there.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use netkestrel::{
    collectors,
    sample::{Missing, Observed, SubjectKind},
};

use super::readings::Due;

/// Samples before the first run, so that it has a rate.
pub(crate) const LEAD: u32 = 1;

/// The instance that all subjects belong to.
pub(crate) const HOST: &str = "host:10980";

/// Far enough from zero for a rate to be that of the samples.
const BASE: f64 = 1e15;

/// How many probes end in an interval.
const PROBES: f64 = 100.0;

/// A series of a test of promtool.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) values: String,
}

/// What was read in each run; `None` is no reading at all.
type Seen = Vec<Option<Observed>>;

/// All readings of one subject.
struct Told<'t> {
    instance: String,
    subject: &'t str,
    seen: &'t Seen,
    seconds: f64,
}

/// The instance that is to show a reading: scenarios have several hosts where they need several subjects of a signal
/// that is about the host.
pub(crate) fn instance(signal: &str, subject: &str) -> String {
    let all = collectors::signals();
    let kind = all
        .iter()
        .find(|known| known.name == signal)
        .map(|known| known.subject);
    if kind == Some(SubjectKind::Host) && !subject.is_empty() {
        format!("{subject}:10980")
    } else {
        HOST.to_owned()
    }
}

/// Every series that these readings need.
pub(crate) fn of(dues: &VecDeque<Due>, every: Duration) -> Vec<Series> {
    let runs = dues.back().map_or(0, |due| run_of(due.at, every) + 1);
    let mut read: BTreeMap<(&str, &str), Seen> = BTreeMap::new();
    for due in dues {
        for reading in &due.readings {
            let seen = read
                .entry((reading.signal.name, &reading.subject))
                .or_insert_with(|| vec![None; runs]);
            seen[run_of(due.at, every)] = Some(reading.observed);
        }
    }
    let mut series = Vec::new();
    let mut there: BTreeMap<String, Seen> = BTreeMap::new();
    let mut links = BTreeSet::new();
    for ((signal, subject), seen) in &read {
        let told = Told {
            instance: instance(signal, subject),
            subject,
            seen,
            seconds: every.as_secs_f64(),
        };
        for (all, one) in there
            .entry(told.instance.clone())
            .or_insert_with(|| vec![None; runs])
            .iter_mut()
            .zip(seen.iter())
        {
            *all = all.or(*one);
        }
        series.extend(told.series(signal));
        // Loss and answers of a device share what says that it exists.
        series.extend(
            told.existence(signal)
                .filter(|series| links.insert(series.name.clone())),
        );
    }
    for (instance, seen) in there {
        let name = format!("netkestrel_build_info{{job=\"netkestrel\", instance=\"{instance}\"}}");
        series.push(present(name, &seen));
    }
    series
}

/// The first run at that time or after it.
fn run_of(at: Duration, every: Duration) -> usize {
    usize::try_from(at.as_nanos().div_ceil(every.as_nanos())).expect("a scenario is short")
}

impl Told<'_> {
    fn series(&self, signal: &str) -> Vec<Series> {
        let share_free = |used: f64| ((1.0 - used) * 1e6).round();
        let million = |_| 1e6;
        match signal {
            "cpu_usage_ratio" => vec![self.gauge("cpu_usage_ratio", "", |value| value)],
            "memory_usage_ratio" => vec![
                self.gauge("memory_size_bytes", "", million),
                self.gauge("memory_available_bytes", "", share_free),
            ],
            "filesystem_usage_ratio" => vec![
                self.gauge("filesystem_size_bytes", "mountpoint", million),
                self.gauge("filesystem_free_bytes", "mountpoint", share_free),
                self.gauge("filesystem_avail_bytes", "mountpoint", share_free),
            ],
            "filesystem_inodes_usage_ratio" => vec![
                self.gauge("filesystem_files", "mountpoint", million),
                self.gauge("filesystem_files_free", "mountpoint", share_free),
            ],
            "filesystem_full_seconds" => {
                let Series { name, values } =
                    self.gauge("filesystem_full_seconds", "mountpoint", |value| value);
                let name = name.replace('}', ", bound=\"likely\"}");
                vec![Series { name, values }]
            }
            "network_total_bytes_per_second" => {
                let name = |metric| {
                    format!(
                        "netkestrel_network_{metric}{{{}, interface=\"eth0\"",
                        self.labels("")
                    )
                };
                vec![
                    self.counter(name("receive_bytes_total") + "}", |rate| rate * self.seconds),
                    self.constant(name("transmit_bytes_total") + "}"),
                    self.constant(name("info") + ", kind=\"physical\"}"),
                ]
            }
            "network_link_up" => {
                let link = self.gauge("network_up", "interface", |value| value);
                let had = Series {
                    values: link.values.replacen('_', "1", 1),
                    ..link
                };
                let info = format!(
                    "netkestrel_network_info{{{}, kind=\"physical\"}}",
                    self.labels("interface")
                );
                vec![had, self.constant(info)]
            }
            "device_up" => vec![self.gauge("device_up", "device", |value| value)],
            "uplink_up" => vec![self.gauge("uplink_up", "", |value| value)],
            "ping_loss_ratio" => vec![
                self.probes("ping_requests_total", "", |_| PROBES),
                self.probes("ping_failures_total", ", reason=\"timeout\"", |loss| {
                    loss * PROBES
                }),
            ],
            "ping_rtt_seconds" => vec![
                self.probes("ping_rtt_seconds_count", "", |_| PROBES),
                self.probes("ping_rtt_seconds_sum", "", |mean| mean * PROBES),
            ],
            _ => panic!("{signal} is in a scenario and has no series here yet"),
        }
    }

    /// What says that the subject exists, with or without a value.
    fn existence(&self, signal: &str) -> impl Iterator<Item = Series> {
        let name = match signal {
            "device_up" | "ping_loss_ratio" | "ping_rtt_seconds" => Some(("device_status", "device")),
            "filesystem_usage_ratio" | "filesystem_inodes_usage_ratio" | "filesystem_full_seconds" => {
                Some(("filesystem_readonly", "mountpoint"))
            }
            _ => None,
        };
        name.into_iter().map(|(metric, label)| {
            let name = format!("netkestrel_{metric}{{{}}}", self.labels(label));
            let values = present(name.clone(), self.seen).values;
            // Of a filesystem 1 would mean that nobody can write to it.
            let values = if label == "mountpoint" {
                values.replace('1', "0")
            } else {
                values
            };
            Series { name, values }
        })
    }

    /// Job, instance and, unless it is about the host, the subject.
    fn labels(&self, label: &str) -> String {
        let host = format!("job=\"netkestrel\", instance=\"{}\"", self.instance);
        if label.is_empty() {
            host
        } else {
            format!("{host}, {label}=\"{}\"", self.subject)
        }
    }

    fn gauge(&self, metric: &str, label: &str, value: impl Fn(f64) -> f64) -> Series {
        let sample = |observed: &Option<Observed>| match observed {
            Some(Observed::Value(read) | Observed::Implausible(read)) => value(*read).to_string(),
            // A device in maintenance is not exposed as up or down.
            Some(Observed::Missing(_) | Observed::Excused(_)) | None => "stale".to_owned(),
        };
        let name = format!("netkestrel_{metric}{{{}}}", self.labels(label));
        listed(name, "_", self.seen.iter().map(sample))
    }

    /// There whenever something was read.
    fn constant(&self, name: String) -> Series {
        let series = present(name, self.seen);
        Series {
            values: series.values.replacen('_', "1", 1),
            ..series
        }
    }

    /// Grows by what `grown` makes of each reading.
    fn counter(&self, name: String, grown: impl Fn(f64) -> f64) -> Series {
        let mut count = BASE;
        let lead = match self.seen.first() {
            Some(Some(Observed::Missing(Missing::FirstReading)) | None) | None => "_".to_owned(),
            Some(Some(_)) => count.to_string(),
        };
        let sample = |observed: &Option<Observed>| {
            match observed {
                Some(Observed::Value(rate) | Observed::Implausible(rate) | Observed::Excused(rate)) => {
                    count += grown(*rate);
                }
                Some(Observed::Missing(Missing::FirstReading)) => {}
                Some(Observed::Missing(Missing::CounterReset)) => count = (count / 2.0).round(),
                Some(Observed::Missing(_)) | None => return "stale".to_owned(),
            }
            count.to_string()
        };
        listed(name, &lead, self.seen.iter().map(sample).collect::<Vec<_>>())
    }

    /// Counts probes: where none ended, it stands still.
    fn probes(&self, metric: &str, reason: &str, grown: impl Fn(f64) -> f64) -> Series {
        let mut count = 1e6;
        let lead = count.to_string();
        let sample = |observed: &Option<Observed>| {
            match observed {
                Some(Observed::Value(read) | Observed::Implausible(read) | Observed::Excused(read)) => {
                    count += grown(*read);
                }
                Some(Observed::Missing(_)) => {}
                None => return "stale".to_owned(),
            }
            count.to_string()
        };
        let name = format!("netkestrel_{metric}{{{}{reason}}}", self.labels("device"));
        listed(name, &lead, self.seen.iter().map(sample).collect::<Vec<_>>())
    }
}

fn present(name: String, seen: &Seen) -> Series {
    let sample = |observed: &Option<Observed>| if observed.is_some() { "1" } else { "stale" };
    listed(name, "_", seen.iter().map(|one| sample(one).to_owned()))
}

fn listed(name: String, lead: &str, samples: impl IntoIterator<Item = String>) -> Series {
    let values: Vec<String> = std::iter::once(lead.to_owned()).chain(samples).collect();
    Series {
        name,
        values: values.join(" "),
    }
}
