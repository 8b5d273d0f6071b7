//! Every signal as a `PromQL` expression over the metrics of NetKestrel: one series per subject, in the signal's unit.
//! Gauges are taken as they are; what an interval run computes from two readings becomes a rate.

use crate::{sample::SubjectKind, units::HumanDuration};

/// The interfaces that have hardware.
const HARDWARE: &str = "netkestrel_network_info{kind=~\"physical|wireless\"}";

/// A signal in `PromQL`.
pub(super) struct Expression {
    /// The value.
    pub(super) value: String,
    /// What is not quite the signal, as a sentence; empty when nothing is.
    pub(super) differs: &'static str,
}

impl Expression {
    fn exact(value: impl Into<String>) -> Option<Self> {
        Some(Self {
            value: value.into(),
            differs: "",
        })
    }

    fn close(value: String, differs: &'static str) -> Option<Self> {
        Some(Self { value, differs })
    }
}

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

/// The signal of this name, with rates over `window`; `None` for one that no metric tells.
pub(super) fn expression(signal: &str, window: HumanDuration) -> Option<Expression> {
    let of = |metric: &str| rate(metric, window);
    let network = |counter: &str| of(&format!("network_{counter}_total"));
    match signal {
        "network_receive_bytes_per_second" => Expression::exact(network("receive_bytes")),
        "network_transmit_bytes_per_second" => Expression::exact(network("transmit_bytes")),
        "network_receive_packets_per_second" => Expression::exact(network("receive_packets")),
        "network_transmit_packets_per_second" => Expression::exact(network("transmit_packets")),
        "network_receive_errors_per_second" => Expression::exact(network("receive_errs")),
        "network_transmit_errors_per_second" => Expression::exact(network("transmit_errs")),
        "network_receive_drops_per_second" => Expression::exact(network("receive_drop")),
        "network_transmit_drops_per_second" => Expression::exact(network("transmit_drop")),
        "network_total_bytes_per_second" => Expression::close(
            total(window),
            "Hardware is counted as it is; without any, all but the loopback, also what stands before another \
             interface. A rate above the link speed counts.",
        ),
        "network_utilisation_ratio" => Expression::close(
            format!(
                "(\n  {receive} > {transmit}\n  or {transmit}\n)\n/ netkestrel_network_speed_bytes",
                receive = network("receive_bytes"),
                transmit = network("transmit_bytes"),
            ),
            "A rate above the link speed counts.",
        ),
        "network_interface_up" => Expression::exact("netkestrel_network_up"),
        "network_link_up" => Expression::close(
            format!(
                "netkestrel_network_up\n\
                 and on (job, instance, interface) {HARDWARE}\n\
                 and on (job, instance, interface) max_over_time(netkestrel_network_up[1d]) == 1"
            ),
            "An interface that had a link within a day and was switched off on purpose counts as one that lost it.",
        ),
        "device_up" => Expression::exact("netkestrel_device_up"),
        "ping_loss_ratio" => Expression::exact(format!(
            "sum without (reason) (rate(netkestrel_ping_failures_total[{window}]))\n/ ({} > 0)",
            of("ping_requests_total")
        )),
        "ping_rtt_seconds" => {
            Expression::exact(mean("ping_rtt_seconds_sum", "ping_rtt_seconds_count", window))
        }
        "ping_jitter_seconds" => Expression::exact(mean(
            "ping_jitter_seconds_total",
            "ping_jitter_samples_total",
            window,
        )),
        _ => of_host(signal, window),
    }
}

fn of_host(signal: &str, window: HumanDuration) -> Option<Expression> {
    let of = |metric: &str| rate(metric, window);
    match signal {
        "cpu_usage_ratio" => Expression::exact("netkestrel_cpu_usage_ratio"),
        "load1_per_core" => Expression::exact("netkestrel_load1 / netkestrel_cpu_logical_cores"),
        "memory_usage_ratio" => {
            Expression::exact("1 - netkestrel_memory_available_bytes / netkestrel_memory_size_bytes")
        }
        "swap_usage_ratio" => {
            Expression::exact("1 - netkestrel_swap_free_bytes / (netkestrel_swap_size_bytes > 0)")
        }
        "filesystem_usage_ratio" => Expression::exact(
            "(\n    (netkestrel_filesystem_size_bytes - netkestrel_filesystem_free_bytes)\n      \
             / (netkestrel_filesystem_size_bytes - netkestrel_filesystem_free_bytes \
             + netkestrel_filesystem_avail_bytes)\n  \
             or\n    1 - netkestrel_filesystem_avail_bytes / netkestrel_filesystem_size_bytes\n)\n\
             unless netkestrel_filesystem_readonly == 1",
        ),
        "filesystem_inodes_usage_ratio" => Expression::exact(
            "1 - netkestrel_filesystem_files_free / (netkestrel_filesystem_files > 0)\n\
             unless netkestrel_filesystem_readonly == 1",
        ),
        "disk_read_bytes_per_second" => Expression::exact(of("disk_read_bytes_total")),
        "disk_written_bytes_per_second" => Expression::exact(of("disk_written_bytes_total")),
        "disk_io_time_ratio" => Expression::exact(of("disk_io_time_seconds_total")),
        "temperature_celsius" => Expression::exact("netkestrel_temperature_celsius"),
        "uptime_seconds" => Expression::exact("time() - netkestrel_boot_time_seconds"),
        _ => None,
    }
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
