//! Forecasts of series whose future is known.

use super::*;

/// A small generator of its own, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        // xorshift64* (Vigna 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    /// Standard normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.next()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next()).cos()
    }
}

/// A disk in shares of its size, hour by hour.
struct Disk {
    random: Random,
    per_hour: f64,
    unrest: f64,
    noise: f64,
    daily: f64,
    weekend: f64,
    walked: f64,
    hour: u32,
}

impl Disk {
    fn next(&mut self) -> Point {
        self.hour += 1;
        let hour = f64::from(self.hour);
        let is_weekend = (hour / 24.0) % 7.0 >= 5.0;
        let growth = if is_weekend { self.weekend } else { 1.0 };
        self.walked += self.per_hour * growth + self.unrest * self.random.normal();
        let daily = self.daily * (hour / 24.0 * std::f64::consts::TAU).sin();
        Point {
            unix: hour * HOUR,
            value: self.walked + daily + self.noise * self.random.normal(),
        }
    }
}

fn disk(seed: u64, days_to_full: f64) -> Disk {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let per_hour = 0.5 / (days_to_full * 24.0);
    Disk {
        per_hour,
        unrest: per_hour * random.between(0.2, 3.0),
        noise: random.between(0.0, 0.004),
        daily: random.between(0.0, 0.01),
        weekend: random.between(0.2, 1.0),
        walked: 0.2,
        hour: 0,
        random,
    }
}

#[test]
fn nine_of_ten_forecasts_hold_what_comes() {
    let (mut told, mut held) = (0, 0);
    for seed in 1..=300 {
        let mut random = Random(seed);
        let days = random.between(4.0, 60.0);
        let watched = [2.0_f64, 5.0, 10.0, 28.0][usize::try_from(seed % 4).expect("small")].min(days * 0.7);
        let mut disk = disk(seed, days);
        let points: Vec<Point> = std::iter::repeat_with(|| disk.next())
            .take_while(|point| point.unix <= watched * DAY)
            .collect();
        let Some(trend) = Trend::of(&points) else { continue };
        let now = points.last().expect("some").unix;
        let Forecast::In { earliest, latest, .. } = trend.reaches(0.7) else {
            continue;
        };
        told += 1;
        let full = std::iter::repeat_with(|| disk.next()).find(|point| point.value >= 0.7);
        let truth = full.expect("it fills").unix - now;
        let is_held =
            truth >= earliest.as_secs_f64() && latest.is_none_or(|latest| truth <= latest.as_secs_f64());
        held += u32::from(is_held);
    }
    assert!(told > 200, "only {told} of 300 forecasts");
    assert!(f64::from(held) >= 0.9 * f64::from(told), "{held} of {told}");
}

#[test]
fn a_forecast_is_no_wider_than_it_has_to_be() {
    let mut widths = Vec::new();
    for seed in 1..=50 {
        let mut disk = disk(seed, 30.0);
        let points: Vec<Point> = (0..14 * 24).map(|_| disk.next()).collect();
        if let Some(Forecast::In {
            earliest,
            likely,
            latest: Some(latest),
        }) = Trend::of(&points).map(|trend| trend.reaches(0.7))
        {
            widths.push((latest.as_secs_f64() - earliest.as_secs_f64()) / likely.as_secs_f64());
        }
    }
    let told = widths.len();
    let width = median(&mut widths).expect("forecasts");
    assert!(told >= 40 && width < 1.0, "{told} told, usual width {width}");
}

#[test]
fn a_slow_leak_is_measured_within_a_tenth_after_six_hours() {
    for seed in 1..=40 {
        let mut random = Random(seed);
        let leak = 2e9 / (24.0 * HOUR);
        let points: Vec<Point> = (0..72)
            .map(|place| Point {
                unix: f64::from(place) * 300.0,
                value: 4e9 + leak * f64::from(place) * 300.0 + 20e6 * random.normal(),
            })
            .collect();
        let trend = Trend::of(&points).expect("six hours");
        assert!(
            (trend.slope / leak - 1.0).abs() < 0.1,
            "{seed}: {}",
            trend.slope / leak
        );
        assert!(trend.rises());
    }
}

#[test]
fn a_flat_disk_never_fills() {
    let mut told = 0;
    for seed in 1..=200 {
        let mut random = Random(seed);
        let (noise, daily) = (random.between(0.0, 0.01), random.between(0.0, 0.05));
        let hours = [48, 120, 400, 672][usize::try_from(seed % 4).expect("small")];
        let points: Vec<Point> = (0..hours)
            .map(|hour| Point {
                unix: f64::from(hour) * HOUR,
                value: 0.6
                    + daily * (f64::from(hour) / 24.0 * std::f64::consts::TAU).sin()
                    + noise * random.normal(),
            })
            .collect();
        let forecast = Trend::of(&points).map(|trend| trend.reaches(1.0));
        // Two days of a daily rhythm cannot be told from a trend, but are no alert: nothing below two days.
        if let Some(Forecast::In { likely, .. }) = forecast {
            told += 1;
            assert!(likely > Duration::from_hours(48), "{seed}: {forecast:?}");
        }
    }
    assert!(told <= 10, "{told} of 200 flat disks are said to fill");
}

#[test]
fn a_constant_has_no_slope() {
    let points: Vec<Point> = (0..100)
        .map(|hour| Point {
            unix: f64::from(hour) * HOUR,
            value: 0.5,
        })
        .collect();
    let trend = Trend::of(&points).expect("enough");
    assert_eq!((trend.slope, trend.reaches(1.0)), (0.0, Forecast::Never));
    assert_eq!(trend.reaches(0.5), Forecast::Reached);
}

#[test]
fn what_was_emptied_is_read_from_there_on() {
    let fill = |hour: u32| 0.3 + 0.002 * f64::from(hour);
    let points = |emptied: u32, until: u32| -> Vec<Point> {
        (0..until)
            .map(|hour| Point {
                unix: f64::from(hour) * HOUR,
                value: if hour < emptied {
                    fill(hour)
                } else {
                    fill(hour) - 0.4
                },
            })
            .collect()
    };
    assert_eq!(Trend::of(&points(240, 250)), None, "too soon to tell");
    let trend = Trend::of(&points(240, 290)).expect("two days later");
    assert!((trend.slope * HOUR - 0.002).abs() < 1e-6, "{trend:?}");
    assert!((trend.level - (fill(289) - 0.4)).abs() < 0.05, "{trend:?}");
}

#[test]
fn what_is_emptied_again_and_again_heads_nowhere() {
    let points: Vec<Point> = (0..28 * 24)
        .map(|hour| Point {
            unix: f64::from(hour) * HOUR,
            value: 0.3 + 0.4 * (f64::from(hour % 60) / 60.0),
        })
        .collect();
    let forecast = Trend::of(&points).map(|trend| trend.reaches(1.0));
    assert_eq!(forecast, Some(Forecast::Never));
}

#[test]
fn too_little_tells_nothing() {
    assert_eq!(Trend::of(&[]), None);
    let points: Vec<Point> = (0..30)
        .map(|minute| Point {
            unix: f64::from(minute) * 60.0,
            value: f64::from(minute),
        })
        .collect();
    assert_eq!(Trend::of(&points), None, "half an hour");
}
