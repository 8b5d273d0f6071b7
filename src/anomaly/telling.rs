//! Which events of the watch are told, what is said of them, and how they stand until they are over.

use smol_str::SmolStr;

use super::{
    policy::Backing,
    series::Series,
    shown::{Anomaly, Event, Standing, Tale, Told},
    watch::Watch,
};
use crate::sample::{Batch, Observed, Reading, Signal};

impl Watch {
    /// Tells on what people still hear of, and nothing else: each with its subject and the signal that decided it. What
    /// is not known any more is over with the next run.
    pub fn resume(&mut self, active: Vec<(SmolStr, &'static Signal, Event)>) {
        self.told
            .retain(|told| active.iter().any(|(name, ..)| *name == told.name));
        for (name, signal, event) in active {
            if self.told.iter().all(|told| told.name != name) {
                let group = self.group(&name);
                self.told.push(Told {
                    group,
                    subject: name.clone(),
                    name,
                    signal,
                    event,
                    read: None,
                });
            }
        }
    }

    /// People say that what an event was about is normal: its series may be as they were, at that hour, and a little
    /// more. Returns how many there are; none if nothing is known of such an event any more.
    pub fn accept(&mut self, subject: &str) -> usize {
        let Some(told) = self.told.iter().find(|told| told.name == subject) else {
            return 0;
        };
        // A threshold may have spoken for it some minutes later.
        let begin = told.event.since.as_second() - self.events.policy().together;
        let is_meant = |anomaly: &&Anomaly| anomaly.group == told.group && anomaly.moment.unix() >= begin;
        let mut accepted = 0;
        for anomaly in self.recent.iter().filter(is_meant) {
            let mut series = self.series.values_mut();
            if let Some(series) = series.find(|series| series.id == anomaly.series) {
                series.accept(anomaly.moment, anomaly.value, anomaly.usual);
                accepted += 1;
            }
        }
        accepted
    }

    /// From now on the event of this series is told.
    pub(super) fn begin(&mut self, reading: &Reading, because: Backing) {
        let key = (reading.signal.name, reading.subject.clone());
        let Some(series) = self.series.get(&key) else {
            return;
        };
        let Some(seen) = series.seen else { return };
        let (group, unix) = (series.group, seen.moment.unix());
        // The novelty may be a few runs old when a threshold speaks for it.
        let found = self.recent.iter().rfind(|anomaly| anomaly.series == series.id);
        let (usual, value) = found.map_or((seen.verdict.usual, seen.verdict.value), |found| {
            (found.usual, found.value)
        });
        let why = found.map_or_else(|| series.explain(&seen), |found| found.explanation.clone());
        let told = Told {
            group,
            name: series.group_name().into(),
            signal: series.signal,
            subject: series.subject.clone(),
            event: Event {
                since: seen.moment.timestamp(),
                value: seen.verdict.value,
                usual,
                above: value >= usual,
                explanation: format!("{why}; {}", self.backing(series, unix, because)),
            },
            read: Some(unix),
        };
        let together = self.events.policy().together;
        for anomaly in &mut self.recent {
            anomaly.told |= anomaly.group == group && unix - anomaly.moment.unix() <= together;
        }
        self.told.retain(|other| other.group != group);
        self.told.push(told);
    }

    /// What speaks for an event, in words.
    fn backing(&self, series: &Series, unix: i64, because: Backing) -> String {
        if because == Backing::Threshold {
            return "beyond the level of a rule as well".to_owned();
        }
        let together: Vec<u32> = self.events.together(series.group, unix).collect();
        let others = self.series.values().filter(|other| {
            other.id != series.id
                && other.watched.source != series.watched.source
                && together.contains(&other.id)
        });
        let titles: Vec<String> = others.map(Series::title).collect();
        format!("unusual as well: {}", titles.join(", "))
    }

    /// How every event that is told stands, as far as this batch says something about it. What is over is told once.
    pub(super) fn tell(&mut self, batch: &Batch, unix: i64) -> Vec<Tale> {
        let mut tales = Vec::new();
        let mut told = std::mem::take(&mut self.told);
        told.retain_mut(|told| {
            let standing = self.standing(told, batch, unix);
            let lasts = matches!(standing, None | Some(Standing::Lasting(_) | Standing::Unseen(_)));
            tales.extend(standing.map(|standing| Tale {
                subject: told.name.clone(),
                signal: told.signal,
                at: batch.at,
                standing,
            }));
            lasts
        });
        self.told = told;
        tales
    }

    fn standing(&self, told: &mut Told, batch: &Batch, unix: i64) -> Option<Standing> {
        if !self
            .series
            .contains_key(&(told.signal.name, told.subject.clone()))
        {
            return Some(Standing::Unwatched);
        }
        let is_meant = |reading: &&Reading| reading.signal == told.signal && reading.subject == told.subject;
        let observed = batch
            .readings
            .iter()
            .find(is_meant)
            .map(|reading| reading.observed);
        if observed.is_some() {
            told.read = Some(unix);
        }
        if let Some(Observed::Value(value)) = observed {
            told.event.value = value;
        }
        if self.events.since(told.group, unix).is_none() {
            let quiet = self.events.policy().quiet;
            let is_gone = told.read.is_some_and(|read| unix - read > quiet);
            let value = told.event.value;
            return Some(if is_gone {
                Standing::Gone
            } else {
                Standing::Over { value }
            });
        }
        Some(match observed? {
            Observed::Missing(why) => Standing::Unseen(why),
            Observed::Value(_) | Observed::Implausible(_) | Observed::Excused(_) => {
                Standing::Lasting(told.event.clone())
            }
        })
    }
}
