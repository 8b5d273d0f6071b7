//! All series that are watched: batches of readings into anomalies that are shown, and events that are told. Pure: time
//! comes with the batches, and nothing is read or sent.
//!
//! A series begins with its first value, and lasts until another one needs its place and it was not seen for a day.
//! Related are all series of an interface, of a device, and of the host with its disks; what is told of them is one event
//! with the name of that. Nothing is told where a rule fires already: that alert says the same.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use jiff::tz::TimeZone;
use smol_str::SmolStr;
use tracing::warn;

use super::{
    config::Config,
    metrics::{Kind, Overview},
    moment::Moment,
    policy::{Decision, Events},
    saved::Saved,
    series::{Series, group_of},
    shown::{Anomaly, Tale, Told},
    signals::Watched,
};
use crate::sample::{Batch, Missing, Observed, Reading, Scope, Signal};

/// How many anomalies are remembered.
const REMEMBERED: usize = 200;
/// A series that was not seen for this many seconds gives its place to a new one.
const DISPENSABLE: i64 = 86_400;
/// Series named in the log when there are too many.
const NAMED: usize = 3;

/// What rules say about a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is within all levels, or no rule is about it.
    Within,
    /// It is beyond a level that a rule names, but not for long enough yet.
    Beyond,
    /// A rule fires.
    Fires,
}

/// Name of a signal, and the subject.
type Key = (&'static str, SmolStr);

/// Watches series for anomalies.
#[derive(Debug)]
pub struct Watch {
    config: Config,
    zone: TimeZone,
    pub(super) series: BTreeMap<Key, Series>,
    pub(super) events: Events,
    pub(super) told: Vec<Told>,
    /// The anomalies that were shown last, the newest last.
    pub(super) recent: VecDeque<Anomaly>,
    counts: BTreeMap<(&'static str, Kind), u64>,
    /// Series of each collector's last run that found no place.
    left_out: BTreeMap<&'static str, usize>,
    /// Whether the log knows that there are too many.
    complained: bool,
    /// The second in which no place was found.
    full: Option<i64>,
    next: u32,
}

impl Watch {
    /// Goes on from what was saved, as far as it is about `signals` that are still to be watched.
    #[must_use]
    pub fn new(config: Config, zone: TimeZone, saved: Option<Saved>, signals: &[&'static Signal]) -> Self {
        let saved = saved.unwrap_or_default();
        let mut watch = Self {
            events: saved.events,
            zone,
            series: BTreeMap::new(),
            told: Vec::new(),
            recent: saved.recent.into(),
            counts: BTreeMap::new(),
            left_out: BTreeMap::new(),
            complained: false,
            full: None,
            next: saved.next,
            config,
        };
        let told = saved.told.into_iter();
        watch.told = told.filter_map(|told| Told::again(told, signals)).collect();
        watch.events.apply(watch.config.policy());
        for kept in saved.series {
            let signal = signals.iter().find(|signal| signal.name == kept.signal);
            let row = signal.and_then(|signal| Some((watch.config.watched(signal.name)?, *signal)));
            if let Some(row) = row {
                watch.next = watch.next.max(kept.id.saturating_add(1));
                let key = (row.1.name, kept.subject.clone());
                watch.series.insert(key, Series::again(kept, row));
            }
        }
        watch
    }

    /// Everything that is needed to go on after a restart.
    #[must_use]
    pub fn saved(&self) -> Saved {
        Saved {
            series: self.series.values().map(Series::kept).collect(),
            events: self.events.clone(),
            told: self.told.iter().map(Told::kept).collect(),
            recent: self.recent.iter().cloned().collect(),
            next: self.next,
        }
    }

    /// Watches as `config` says from now on. What is known of a series that is still watched stays.
    pub fn apply(&mut self, config: Config, zone: TimeZone) {
        self.events.apply(config.policy());
        self.series
            .retain(|(signal, _), _| config.watched(signal).is_some());
        self.counts
            .retain(|(signal, _), _| config.watched(signal).is_some());
        if config != self.config {
            self.left_out.clear();
            self.complained = false;
        }
        if !config.enabled {
            self.told.clear();
        }
        (self.config, self.zone) = (config, zone);
    }

    /// Learns a batch that was recorded earlier, as far as it is not known yet. What was odd then is old now.
    pub fn learn(&mut self, batch: &Batch) {
        if !self.config.enabled {
            return;
        }
        let moment = Moment::new(batch.at.wall, &self.zone);
        let is_new = |watch: &Self, reading: &Reading| {
            let key = (reading.signal.name, reading.subject.clone());
            watch
                .series
                .get(&key)
                .is_none_or(|series| series.last < moment.unix())
        };
        for reading in &batch.readings {
            if is_new(self, reading) {
                let _ = self.look(reading, batch, moment, Level::Within);
            }
        }
    }

    /// Judges an interval run by what was seen before; `level` tells what rules say of a reading. Returns how the events
    /// stand that are to be told.
    pub fn judge(&mut self, batch: &Batch, level: &dyn Fn(&Reading) -> Level) -> Vec<Tale> {
        if !self.config.enabled || batch.scope != Scope::Whole {
            return Vec::new();
        }
        let moment = Moment::new(batch.at.wall, &self.zone);
        let mut homeless = Vec::new();
        for reading in &batch.readings {
            if let Err(NoPlace) = self.look(reading, batch, moment, level(reading)) {
                homeless.push(reading);
            }
        }
        self.complain(batch.collector, &homeless);
        self.tell(batch, moment.unix())
    }

    /// The anomalies that were shown last, the newest first, and whether their events last at `unix`.
    pub fn anomalies(&self, unix: i64) -> impl Iterator<Item = (&Anomaly, bool)> {
        let lasts = move |anomaly: &Anomaly| {
            let since = self.events.since(anomaly.group, unix);
            since.is_some_and(|since| anomaly.moment.unix() >= since)
        };
        self.recent
            .iter()
            .rev()
            .map(move |anomaly| (anomaly, lasts(anomaly)))
    }

    /// How all series stand at `now`.
    #[must_use]
    pub fn overview(&self, now: Instant, unix: i64) -> Overview {
        let policy = self.events.policy();
        let left_out = self.left_out.values().sum();
        let mut overview = Overview::new(self.counts.clone(), left_out, self.config.bands);
        for series in self.series.values() {
            let since = self.events.since(series.group, unix);
            let is_active = since.is_some_and(|since| series.shown.is_some_and(|at| at >= since));
            overview.add(series, now, policy, is_active);
        }
        overview
    }

    /// Judges and learns one reading. An error when there is no place for its series.
    fn look(
        &mut self,
        reading: &Reading,
        batch: &Batch,
        moment: Moment,
        level: Level,
    ) -> Result<(), NoPlace> {
        let Some(watched) = self.config.watched(reading.signal.name) else {
            return Ok(());
        };
        let value = match reading.observed {
            Observed::Value(value) if value.is_finite() => value,
            Observed::Missing(Missing::CounterReset) => {
                self.interrupt(reading);
                return Ok(());
            }
            // What was not seen is not zero; what cannot be right, or is not as usual on purpose, is not to be learnt.
            Observed::Value(_) | Observed::Implausible(_) | Observed::Excused(_) | Observed::Missing(_) => {
                return Ok(());
            }
        };
        let series = self.find_or_begin(watched, reading, moment)?;
        if series.judge(value, (moment, batch.at), batch.elapsed).is_none() {
            return Ok(());
        }
        let Some(seen) = series.seen else { return Ok(()) };
        let sighting = series.sighting(&seen, level != Level::Within);
        for decision in self.events.judge(moment.unix(), [sighting]) {
            match decision {
                Decision::Show { .. } => self.show(reading),
                Decision::Mail { because, .. } if level != Level::Fires => self.begin(reading, because),
                Decision::Mail { .. } => {}
            }
        }
        Ok(())
    }

    fn interrupt(&mut self, reading: &Reading) {
        let key = (reading.signal.name, reading.subject.clone());
        if let Some(series) = self.series.get_mut(&key) {
            series.detector.interrupt();
        }
    }

    fn find_or_begin(
        &mut self,
        watched: &'static Watched,
        reading: &Reading,
        moment: Moment,
    ) -> Result<&mut Series, NoPlace> {
        let key = (reading.signal.name, reading.subject.clone());
        if !self.series.contains_key(&key) {
            self.make_room(moment.unix())?;
            let group = self.group(group_of(reading.signal, &reading.subject));
            let id = self.number();
            let series = Series::new((watched, reading.signal), &reading.subject, (id, group));
            self.series.insert(key.clone(), series);
        }
        self.series.get_mut(&key).ok_or(NoPlace)
    }

    /// Makes sure that there is a place for one more series.
    fn make_room(&mut self, unix: i64) -> Result<(), NoPlace> {
        if self.series.len() < self.config.max_series {
            return Ok(());
        }
        if self.full == Some(unix) {
            return Err(NoPlace);
        }
        let longest_unseen = self.series.iter().min_by_key(|(_, series)| series.last);
        let (key, series) = longest_unseen.ok_or(NoPlace)?;
        if unix.saturating_sub(series.last) < DISPENSABLE {
            self.full = Some(unix);
            return Err(NoPlace);
        }
        let key = key.clone();
        self.series.remove(&key);
        Ok(())
    }

    /// The group of this name.
    pub(super) fn group(&mut self, name: &str) -> u32 {
        let known = self.series.values().find(|series| series.group_name() == name);
        let told = self.told.iter().find(|told| told.name == name);
        let known = known.map(|series| series.group).or(told.map(|told| told.group));
        known.unwrap_or_else(|| self.number())
    }

    fn number(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    /// Remembers that a series was new.
    fn show(&mut self, reading: &Reading) {
        let key = (reading.signal.name, reading.subject.clone());
        let Some(series) = self.series.get_mut(&key) else {
            return;
        };
        let Some(seen) = series.seen else { return };
        series.shown = Some(seen.moment.unix());
        let verdict = &seen.verdict;
        *self.counts.entry((key.0, Kind::of(verdict))).or_default() += 1;
        let told = self.told.iter().any(|told| told.group == series.group);
        self.recent.push_back(Anomaly {
            at: seen.moment.timestamp(),
            signal: SmolStr::new_static(series.signal.name),
            title: series.title().into(),
            subject: series.subject.clone(),
            score: verdict.score,
            value: verdict.value,
            usual: verdict.usual,
            explanation: series.explain(&seen),
            told,
            series: series.id,
            group: series.group,
            moment: seen.moment,
        });
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }

    /// Says once that there are too many series.
    fn complain(&mut self, collector: &'static str, homeless: &[&Reading]) {
        self.left_out.insert(collector, homeless.len());
        if homeless.is_empty() || self.complained {
            return;
        }
        self.complained = true;
        let name = |reading: &&Reading| match reading.subject.as_str() {
            "" => reading.signal.name.to_owned(),
            subject => format!("{} of {subject}", reading.signal.name),
        };
        let mut named: Vec<String> = homeless.iter().take(NAMED).map(name).collect();
        if let Some(more @ 1..) = homeless.len().checked_sub(NAMED) {
            named.push(format!("{more} more"));
        }
        warn!(
            max_series = self.config.max_series,
            collector,
            left_out = named.join(", "),
            "more series than are watched for anomalies; raise `anomalies.max_series` or name fewer `anomalies.signals`"
        );
    }
}

/// That there are as many series as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoPlace;

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
