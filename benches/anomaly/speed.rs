//! Time of an update, for series of every kind together: CPU time on Linux, so that other work on the machine counts
//! little.

use std::hint::black_box;

use netkestrel::anomaly::{Detector, Moment};

use crate::{
    generate::{BEGIN, Kind, Series},
    report::{Bars, Spread, row, table},
};

const SLICES: usize = 15;
/// A week every thirty seconds.
const SAMPLES: i64 = 7 * 2880;

pub(crate) fn measure(bars: &mut Bars) {
    let series = Kind::ALL.map(|kind| {
        let mut series = Series::new(kind, 1);
        let values = (0..SAMPLES).map(|number| BEGIN + number * 30);
        values.map(|unix| (unix, series.next(unix))).collect::<Vec<_>>()
    });
    let mut times = Vec::new();
    for _ in 0..SLICES {
        let began = seconds();
        for values in &series {
            let mut detector = Detector::new(0.0);
            for (unix, value) in values {
                black_box(detector.update(Moment::local(*unix), *value));
            }
        }
        let samples = series.len() as f64 * SAMPLES as f64;
        times.push((seconds() - began) * 1e6 / samples);
    }
    let times = Spread::of(&times);
    table("Time", &["bytes a series", "µs a sample, min / median / max"]);
    row(&[size_of::<Detector>().to_string(), format!("{times:.2}")]);
    bars.at_most("bytes a series", size_of::<Detector>() as f64, 4096.0);
    bars.at_most("a sample, µs", times.median, 1.0);
}

#[cfg(target_os = "linux")]
fn seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(target_os = "linux"))]
fn seconds() -> f64 {
    use std::{sync::OnceLock, time::Instant};

    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64()
}
