//! The default policy over a host's series at 30 s: how quiet it is when nothing happens, and how awake when something
//! does.

use std::collections::BTreeMap;

use netkestrel::anomaly::{
    Detector, Moment,
    policy::{Decision, Events, Policy, Sighting},
};

use crate::{
    generate::{BEGIN, DAY, Kind, Series},
    report::{Bars, row, table},
};

const STEP: usize = 30;
const HOSTS: u64 = 3;
/// Series of each kind on a host; all kinds make fifty series.
const OF_EACH: u32 = 5;
const DAYS: i64 = 28;
const SEEDS: u64 = 12;
/// What happens is to be shown within five minutes.
const SOON: i64 = 300;

/// A detector and what it watches.
struct Watched {
    series: Series,
    detector: Detector,
    number: u32,
    group: u32,
}

impl Watched {
    fn new(kind: Kind, seed: u64, number: u32, group: u32) -> Self {
        Self {
            series: Series::new(kind, seed),
            detector: Detector::new(0.0),
            number,
            group,
        }
    }

    fn sight(
        &mut self,
        unix: i64,
        change: impl FnOnce(f64) -> f64,
        beyond_threshold: bool,
    ) -> Option<Sighting> {
        let value = change(self.series.next(unix));
        let verdict = self.detector.update(Moment::local(unix), value)?;
        Some(Sighting {
            series: self.number,
            group: self.group,
            source: self.number,
            watched: verdict.watched,
            score: verdict.score,
            beyond_threshold,
        })
    }
}

/// Four weeks of fifty series in which nothing happens, in groups with one series of each kind.
pub(crate) fn quiet(bars: &mut Bars) {
    let mut shown: BTreeMap<u32, u32> = BTreeMap::new();
    let mut mails = 0;
    for host in 0..HOSTS {
        let mut events = Events::new(Policy::default());
        let mut watched: Vec<Watched> = Kind::ALL
            .iter()
            .flat_map(|kind| (0..OF_EACH).map(move |group| (*kind, group)))
            .zip(0..)
            .map(|((kind, group), number)| {
                let seed = host * u64::from(OF_EACH) + u64::from(group);
                Watched::new(kind, seed, number, group)
            })
            .collect();
        for unix in (BEGIN..BEGIN + DAYS * DAY).step_by(STEP) {
            let sightings = watched
                .iter_mut()
                .filter_map(|one| one.sight(unix, |value| value, false));
            for decision in events.judge(unix, sightings) {
                match decision {
                    Decision::Show { series } => *shown.entry(series / OF_EACH).or_default() += 1,
                    Decision::Mail { .. } => mails += 1,
                }
            }
        }
    }
    table("Quiet", &["kind", "shown per series-day"]);
    let days = HOSTS as f64 * f64::from(OF_EACH) * DAYS as f64;
    let rates: Vec<f64> = (0..)
        .zip(Kind::ALL)
        .map(|(number, _)| f64::from(shown.get(&number).copied().unwrap_or(0)) / days)
        .collect();
    for (kind, rate) in Kind::ALL.iter().zip(&rates) {
        row(&[format!("{kind:?}"), format!("{rate:.3}")]);
    }
    let all = rates.iter().sum::<f64>() / rates.len() as f64;
    row(&["all".to_owned(), format!("{all:.3}")]);
    let worst = rates.iter().copied().fold(0.0, f64::max);
    bars.at_most("shown per series-day, the worst kind", worst, 0.25);
    let weeks = HOSTS as f64 * DAYS as f64 / 7.0;
    bars.at_most("mails per host-week", f64::from(mails) / weeks, 1.0);
}

/// What is put into a series, and for how long in seconds.
#[derive(Debug, Clone, Copy)]
enum Incident {
    Triple,
    Zero,
    Double,
}

impl Incident {
    const ALL: [Self; 3] = [Self::Triple, Self::Zero, Self::Double];

    const fn lasts(self) -> i64 {
        match self {
            Self::Triple | Self::Zero => 600,
            Self::Double => 1_800,
        }
    }

    fn change(self, value: f64) -> f64 {
        match self {
            Self::Triple => value * 3.0,
            Self::Zero => 0.0,
            Self::Double => value * 2.0,
        }
    }
}

/// Incidents at any hour of the eleventh day: shown soon, mailed once when two related series or a threshold agree.
pub(crate) fn awake(bars: &mut Bars) {
    table(
        "Awake",
        &[
            "incident",
            "kind",
            "shown within 5 min",
            "one mail with a related series",
            "one mail with a threshold",
        ],
    );
    for incident in Incident::ALL {
        for (kind, related) in [(Kind::Cpu, Kind::Daily), (Kind::Daily, Kind::Cpu)] {
            let (mut shown, mut agreed, mut backed) = (0, 0, 0);
            for seed in 0..SEEDS {
                let pair = happen(incident, &[kind, related], seed, false);
                let alone = happen(incident, &[kind], seed, true);
                shown += u32::from(pair.shown);
                agreed += u32::from(pair.mails == 1);
                backed += u32::from(alone.mails == 1);
            }
            let cells = [format!("{incident:?}"), format!("{kind:?}")];
            let counts = [shown, agreed, backed].map(|count| format!("{count} of {SEEDS}"));
            row(&[cells.as_slice(), counts.as_slice()].concat());
            for (what, count) in [
                ("shown", shown),
                ("mailed by agreement", agreed),
                ("mailed by threshold", backed),
            ] {
                bars.at_least(format!("{incident:?}, {kind:?}, {what}"), f64::from(count), 11.0);
            }
        }
    }
}

/// What came of an incident.
struct Outcome {
    /// Whether the first series was shown in time.
    shown: bool,
    mails: u32,
}

fn happen(incident: Incident, kinds: &[Kind], seed: u64, threshold: bool) -> Outcome {
    let mut events = Events::new(Policy::default());
    let mut watched: Vec<Watched> = kinds
        .iter()
        .zip(0..)
        .map(|(kind, number)| Watched::new(*kind, 500 + seed, number, 0))
        .collect();
    // Spread over the hours of the day.
    let begin = BEGIN + 10 * DAY + seed.cast_signed() * 7_200 + 630;
    let end = begin + incident.lasts();
    let mut outcome = Outcome {
        shown: false,
        mails: 0,
    };
    for unix in (BEGIN..end + 7_200).step_by(STEP) {
        let inside = (begin..end).contains(&unix);
        let change = |value| if inside { incident.change(value) } else { value };
        let sightings = watched
            .iter_mut()
            .filter_map(|one| one.sight(unix, change, threshold && inside));
        for decision in events.judge(unix, sightings) {
            match decision {
                Decision::Show { series: 0 } => outcome.shown |= (begin..=begin + SOON).contains(&unix),
                Decision::Show { .. } => {}
                Decision::Mail { .. } => outcome.mails += u32::from(unix >= begin),
            }
        }
    }
    outcome
}
