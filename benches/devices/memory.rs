//! Memory per device: how much more is resident with many devices than with fewer, without their histograms.

use std::fs;

use netkestrel::sample::histogram;
use prometheus_client::metrics::histogram::Histogram;

use crate::support::{
    Result,
    report::{Bars, row, table},
};

const BAR_BYTES: f64 = 2048.0;
const HISTOGRAMS: u32 = 10_000;
/// The bounds of `netkestrel_ping_rtt_seconds`.
const BOUNDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];
/// Observations each has, of times as they are over veth: they fall into seven native buckets, as of most devices.
const OBSERVATIONS: u32 = 15;
const SHORTEST: f64 = 40e-6;
const STEP: f64 = 2e-6;

/// Judges the resident bytes of two numbers of devices.
pub(crate) fn judge(fewer: (u16, f64), more: (u16, f64), bars: &mut Bars) -> Result<()> {
    let growth = (more.1 - fewer.1) / f64::from(more.0 - fewer.0);
    let histogram = of_a_histogram()?;
    table(
        "Memory per device, history and rules on",
        &[
            "resident bytes per further device",
            "of these its histogram",
            "the rest",
        ],
    );
    let rest = growth - histogram;
    row(&[growth, histogram, rest].map(|bytes| format!("{bytes:.0}")));
    bars.at_most("memory per device beyond its histogram, bytes", rest, BAR_BYTES);
    Ok(())
}

/// Resident bytes of a histogram as each device has one.
fn of_a_histogram() -> Result<f64> {
    // The first ones take what others have left.
    let first = histograms();
    let before = resident()?;
    let second = histograms();
    let after = resident()?;
    drop((first, second));
    Ok((after - before) / f64::from(HISTOGRAMS))
}

fn histograms() -> Vec<Histogram> {
    let observed = |_| {
        let histogram = histogram(BOUNDS);
        for place in 0..OBSERVATIONS {
            histogram.observe(f64::from(place).mul_add(STEP, SHORTEST));
        }
        histogram
    };
    (0..HISTOGRAMS).map(observed).collect()
}

/// Resident bytes of this process.
fn resident() -> Result<f64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = pages
        .split(' ')
        .nth(1)
        .ok_or("a short /proc/self/statm")?
        .parse()?;
    Ok(pages * rustix::param::page_size() as f64)
}
