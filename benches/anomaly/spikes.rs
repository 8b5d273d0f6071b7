//! Short bursts within the range that a series always had: news for nobody, but marks on a curve. Series move slowly by
//! day, with noise of several kinds; bursts last one to three samples and are 10 to 16 usual steps high. A burst is found
//! when a mark falls on it; a mark that falls on none, nor on the sample after one, is false.

use netkestrel::anomaly::{Detector, Moment};

use crate::{
    generate::{BEGIN, DAY, Random, hour},
    report::{Bars, row, table},
};

const INTERVAL: i64 = 60;
const DAYS: i64 = 14;
const SEEDS: u64 = 4;
/// Usual steps from which a curve is marked.
const MARK: f32 = 5.0;
/// Score from which a novelty is shown.
const SHOWN: f32 = 0.5;

const KINDS: [&str; 4] = [
    "normal noise",
    "slow noise",
    "heavy-tailed noise",
    "multiplying noise",
];

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    bursts: u32,
    found: u32,
    false_marks: u32,
}

/// One burst: its first and last sample, and what it adds.
#[derive(Debug, Clone, Copy)]
struct Burst {
    first: i64,
    last: i64,
    height: f64,
}

pub(crate) fn measure(bars: &mut Bars) {
    table(
        "Short bursts",
        &[
            "series",
            "bursts",
            "spike track: found, false, F1",
            "novelty track: found, false, F1",
        ],
    );
    let mut total = [Counts::default(); 2];
    for (kind, name) in KINDS.iter().enumerate() {
        let mut counts = [Counts::default(); 2];
        for seed in 0..SEEDS {
            run(kind, seed, &mut counts);
        }
        tell(name, counts);
        for (total, counts) in total.iter_mut().zip(counts) {
            total.add(counts);
        }
    }
    tell("all", total);
    bars.at_least("spike track, F1 of bursts", total[0].f1(), 0.7);
}

fn tell(name: &str, [spikes, novelties]: [Counts; 2]) {
    let cell = |counts: Counts| format!("{}, {}, {:.2}", counts.found, counts.false_marks, counts.f1());
    row(&[
        name.to_owned(),
        spikes.bursts.to_string(),
        cell(spikes),
        cell(novelties),
    ]);
}

fn run(kind: usize, seed: u64, counts: &mut [Counts; 2]) {
    let mut random = Random::new(seed * 16 + kind as u64 + 1000);
    let mut detector = Detector::new(0.0);
    let mut slow = 0.0;
    let mut bursts = plan(&mut random).into_iter().peekable();
    let mut hit = [false; 2];
    for number in 0..DAYS * DAY / INTERVAL {
        let unix = BEGIN + number * INTERVAL;
        let burst = bursts.peek().copied();
        let inside = burst.is_some_and(|burst| (burst.first..=burst.last).contains(&number));
        let after = burst.is_some_and(|burst| number == burst.last + 1);
        let (calm, step) = value(kind, unix, &mut random, &mut slow);
        let height = burst.filter(|_| inside).map_or(0.0, |burst| burst.height);
        let value = (calm + height * step).max(0.0);
        let Some(verdict) = detector.update(Moment::local(unix), value) else {
            continue;
        };
        let marks = [verdict.spike_sigmas >= MARK, verdict.score >= SHOWN];
        for ((mark, hit), counts) in marks.into_iter().zip(&mut hit).zip(&mut *counts) {
            *hit |= mark && inside;
            counts.false_marks += u32::from(mark && !inside && !after && number > DAY / INTERVAL);
            if after {
                counts.bursts += 1;
                counts.found += u32::from(std::mem::take(hit));
            }
        }
        if after {
            bursts.next();
        }
    }
}

/// About two bursts a day from the third day on.
fn plan(random: &mut Random) -> Vec<Burst> {
    let mut bursts = Vec::new();
    let mut hours = 48.0;
    while hours < 24.0 * DAYS as f64 - 1.0 {
        hours += 2.0 - 10.0 * random.uniform().ln();
        let first = minutes(hours);
        let direction = if random.uniform() < 0.5 { 1.0 } else { -1.0 };
        bursts.push(Burst {
            first,
            last: first + minutes(random.uniform() * 3.0 / 60.0),
            height: direction * (10.0 + 6.0 * random.uniform()),
        });
    }
    bursts
}

#[expect(clippy::cast_possible_truncation, reason = "some days of minutes")]
fn minutes(hours: f64) -> i64 {
    (hours * 60.0).floor() as i64
}

/// A value without burst, and the usual step at that time.
fn value(kind: usize, unix: i64, random: &mut Random, slow: &mut f64) -> (f64, f64) {
    let wave = 100.0 + 50.0 * ((hour(unix) - 8.0) / 24.0 * std::f64::consts::TAU).sin();
    *slow = 0.98 * *slow + random.normal();
    let laplace = random.uniform().ln() * if random.uniform() < 0.5 { 1.0 } else { -1.0 };
    match kind {
        0 => (wave + random.normal(), 1.4),
        1 => (wave + *slow, 1.0),
        2 => (wave + laplace, 2.0),
        _ => (wave * (0.015 * random.normal()).exp(), wave * 0.021),
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.bursts += other.bursts;
        self.found += other.found;
        self.false_marks += other.false_marks;
    }

    fn f1(self) -> f64 {
        let found = f64::from(self.found);
        let missed = f64::from(self.bursts - self.found);
        2.0 * found / (2.0 * found + missed + f64::from(self.false_marks))
    }
}
