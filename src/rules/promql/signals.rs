//! Every signal as a `PromQL` expression over the metrics of NetKestrel: one series per subject, in the signal's unit.
//! Gauges are taken as they are; what an interval run computes from two readings becomes a rate.

use crate::{sample::SubjectKind, units::HumanDuration};

/// The interfaces that have hardware.
const HARDWARE: &str = "netkestrel_network_info{kind=~\"physical|wireless\"}";

/// The label that names a subject, and what is exposed of it for as long as it exists, as a series and a comparison.
pub(super) const fn subject(kind: SubjectKind) -> (Option<&'static str>, &'static str, &'static str) {
    match kind {
        SubjectKind::Host => (None, "netkestrel_build_info", ""),
        SubjectKind::Interface => (Some("interface"), "netkestrel_network_up", ""),
        SubjectKind::Mount => (Some("mountpoint"), "netkestrel_filesystem_readonly", " == 0"),
        SubjectKind::Disk => (Some("disk"), "netkestrel_disk_read_bytes_total", ""),
        SubjectKind::Sensor => (Some("sensor"), "netkestrel_temperature_celsius", ""),
        SubjectKind::Device => (Some("device"), "netkestrel_device_status", ""),
    }
}

/// In what the expression for a signal is not quite the signal, as sentences; empty where it is.
pub(super) fn difference(signal: &str) -> &'static str {
    match signal {
        "network_total_bytes_per_second" => {
            "Hardware is counted as it is; without any, all but the loopback, also what stands before another \
             interface. A rate above the link speed counts."
        }
        "network_utilisation_ratio" => "A rate above the link speed counts.",
        "network_link_up" => {
            "An interface that had a link within a day and was switched off on purpose counts as one that lost it."
        }
        _ => "",
    }
}

/// The signal of this name, with rates over `window`; `None` for one that no metric tells.
pub(super) fn value(signal: &str, window: HumanDuration) -> Option<String> {
    let of = |metric: &str| rate(metric, window);
    let network = |counter: &str| of(&format!("network_{counter}_total"));
    let value = match signal {
        "network_receive_bytes_per_second" => network("receive_bytes"),
        "network_transmit_bytes_per_second" => network("transmit_bytes"),
        "network_receive_packets_per_second" => network("receive_packets"),
        "network_transmit_packets_per_second" => network("transmit_packets"),
        "network_receive_errors_per_second" => network("receive_errs"),
        "network_transmit_errors_per_second" => network("transmit_errs"),
        "network_receive_drops_per_second" => network("receive_drop"),
        "network_transmit_drops_per_second" => network("transmit_drop"),
        "network_total_bytes_per_second" => total(window),
        "network_utilisation_ratio" => format!(
            "(\n  {receive} > {transmit}\n  or {transmit}\n)\n/ netkestrel_network_speed_bytes",
            receive = network("receive_bytes"),
            transmit = network("transmit_bytes"),
        ),
        "network_interface_up" => "netkestrel_network_up".to_owned(),
        "network_link_up" => format!(
            "netkestrel_network_up\n\
             and on (job, instance, interface) {HARDWARE}\n\
             and on (job, instance, interface) max_over_time(netkestrel_network_up[1d]) == 1"
        ),
        "device_up" => "netkestrel_device_up".to_owned(),
        "uplink_up" => "netkestrel_uplink_up".to_owned(),
        "ping_loss_ratio" => format!(
            "sum without (reason) (rate(netkestrel_ping_failures_total[{window}]))\n/ ({} > 0)",
            of("ping_requests_total")
        ),
        "ping_rtt_seconds" => mean("ping_rtt_seconds_sum", "ping_rtt_seconds_count", window),
        "ping_jitter_seconds" => mean("ping_jitter_seconds_total", "ping_jitter_samples_total", window),
        _ => return of_host(signal, window),
    };
    Some(value)
}

fn of_host(signal: &str, window: HumanDuration) -> Option<String> {
    let of = |metric: &str| rate(metric, window);
    let value = match signal {
        "cpu_usage_ratio" => "netkestrel_cpu_usage_ratio".to_owned(),
        "load1_per_core" => "netkestrel_load1 / netkestrel_cpu_logical_cores".to_owned(),
        "memory_usage_ratio" => {
            "1 - netkestrel_memory_available_bytes / netkestrel_memory_size_bytes".to_owned()
        }
        "swap_usage_ratio" => "1 - netkestrel_swap_free_bytes / (netkestrel_swap_size_bytes > 0)".to_owned(),
        "filesystem_usage_ratio" => {
            "(\n    (netkestrel_filesystem_size_bytes - netkestrel_filesystem_free_bytes)\n      \
             / (netkestrel_filesystem_size_bytes - netkestrel_filesystem_free_bytes \
             + netkestrel_filesystem_avail_bytes)\n  \
             or\n    1 - netkestrel_filesystem_avail_bytes / netkestrel_filesystem_size_bytes\n)\n\
             unless netkestrel_filesystem_readonly == 1"
                .to_owned()
        }
        "filesystem_inodes_usage_ratio" => {
            "1 - netkestrel_filesystem_files_free / (netkestrel_filesystem_files > 0)\n\
             unless netkestrel_filesystem_readonly == 1"
                .to_owned()
        }
        "filesystem_full_seconds" => "netkestrel_filesystem_full_seconds{bound=\"likely\"}".to_owned(),
        "disk_read_bytes_per_second" => of("disk_read_bytes_total"),
        "disk_written_bytes_per_second" => of("disk_written_bytes_total"),
        "disk_io_time_ratio" => of("disk_io_time_seconds_total"),
        "temperature_celsius" => "netkestrel_temperature_celsius".to_owned(),
        "uptime_seconds" => "time() - netkestrel_boot_time_seconds".to_owned(),
        _ => return None,
    };
    Some(value)
}

/// The rate of a counter. As in an interval run there is none over a reset: `rate` alone would take what a counter
/// shows after one for all that passed.
fn rate(metric: &str, window: HumanDuration) -> String {
    let metric = format!("netkestrel_{metric}[{window}]");
    format!("(rate({metric}) unless resets({metric}) > 0)")
}

fn mean(sum: &str, count: &str, window: HumanDuration) -> String {
    format!(
        "rate(netkestrel_{sum}[{window}])\n/ ({} > 0)",
        rate(count, window)
    )
}

/// A part of the total is no total: where one counter was reset there is none.
fn total(window: HumanDuration) -> String {
    let receive = format!("netkestrel_network_receive_bytes_total[{window}]");
    let transmit = format!("netkestrel_network_transmit_bytes_total[{window}]");
    let sum = |info: &str| {
        format!(
            "  sum without (interface) (\n    rate({receive}) + rate({transmit})\n      \
             and on (job, instance, interface) {info}\n  )"
        )
    };
    format!(
        "(\n{}\n  or\n{}\n)\nunless on (job, instance) (resets({receive}) > 0 or resets({transmit}) > 0)",
        sum(HARDWARE),
        sum("netkestrel_network_info{kind=\"virtual\"}")
    )
}
