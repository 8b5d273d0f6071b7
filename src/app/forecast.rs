//! Tells when filesystems will be full: now and then asks history how they filled, and tells rules and scrapes.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tracing::warn;

use super::{chain, gather::OwnFamilies, schedule::stopped};
use crate::{
    clock::{Clock, Now},
    collectors::{self, Fresh, Stop},
    history::{self, Point, Query, Reader, Stream},
    sample::{Batch, Desc, Family, Kind, Observed, Reading, Scope},
    trend::{self, Forecast},
};

/// Forecasts are made this often.
const EVERY: Duration = Duration::from_mins(10);
/// From so much of the past, in steps of an hour, ...
const PAST: Duration = Duration::from_hours(28 * 24);
/// ... and from so much of it in steps of five minutes.
const HOURS: Duration = Duration::from_hours(6);
/// What was not seen for so long is not there any more.
const GONE: Duration = Duration::from_hours(1);
/// Told to rules where something is full later or never.
const FAR: Duration = Duration::from_hours(365 * 24);

/// What is read, and what is told of it.
const USAGE: &str = "filesystem_usage_ratio";
const FULL: &str = "filesystem_full_seconds";

const FULL_SECONDS: Desc = Desc {
    name: "netkestrel_filesystem_full_seconds",
    kind: Kind::Gauge,
    labels: &["mountpoint", "bound"],
    help: "Time until the filesystem is full, as it filled so far: likely, and hardly before the earliest or after the latest. Absent where it does not fill.",
};

/// Metrics of forecasts.
pub(super) const METRICS: &[&Desc] = &[&FULL_SECONDS];

/// When a filesystem is full.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Full {
    /// Where it is mounted.
    pub(crate) mount: SmolStr,
    /// When.
    pub(crate) forecast: Forecast,
}

/// The forecasts for all filesystems that were seen lately, as of `now`. Reads files.
pub(crate) fn filesystems(reader: &Reader, now: Timestamp) -> Result<Vec<Full>, history::Error> {
    let ask = |back: Duration, step: Duration| {
        let mut query = Query::new(Stream::System, now - back, now);
        (query.step, query.max_points) = (Some(step), 1000);
        query.signals = vec![USAGE.to_owned()];
        reader.query(&query)
    };
    let past = ask(PAST, Duration::from_hours(1))?;
    let hours = ask(HOURS, Duration::from_mins(5))?;
    let mut told = Vec::new();
    for fine in &hours.series {
        let is_there = fine.points.last().is_some_and(|last| last.at >= now - GONE);
        let coarse = past.series.iter().find(|series| series.subject == fine.subject);
        let coarse = coarse.map(|series| points(&series.points)).unwrap_or_default();
        let forecast = trend::reaches(&coarse, &points(&fine.points), 1.0);
        if let (true, Some(forecast)) = (is_there, forecast) {
            told.push(Full {
                mount: fine.subject.clone(),
                forecast,
            });
        }
    }
    Ok(told)
}

fn points(points: &[Point]) -> Vec<trend::Point> {
    let read = |point: &Point| trend::Point {
        unix: point.at.as_second() as f64,
        value: point.mean,
    };
    points.iter().map(read).collect()
}

/// Makes forecasts and keeps the last ones.
pub(super) struct Forecaster {
    reader: Reader,
    clock: Clock,
    last: Arc<ArcSwapOption<Fresh<Vec<Full>>>>,
}

impl Forecaster {
    pub(super) fn new(reader: Reader, clock: Clock) -> Self {
        Self {
            reader,
            clock,
            last: Arc::default(),
        }
    }

    /// The last forecasts, for a scrape.
    pub(super) fn families(&self) -> OwnFamilies {
        let (last, clock) = (Arc::clone(&self.last), self.clock);
        Box::new(move || {
            let last = last.load();
            last.as_deref()
                .map(|last| family(last, clock.now()))
                .into_iter()
                .collect()
        })
    }

    /// Makes forecasts until `stop`, and tells rules of them.
    pub(super) async fn run(self, batches: mpsc::Sender<Arc<Batch>>, mut stop: Stop) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                _ = ticks.tick() => {}
            }
            let (reader, now) = (self.reader.clone(), self.clock.now());
            match tokio::task::spawn_blocking(move || filesystems(&reader, now.wall)).await {
                Ok(Ok(told)) => {
                    // Rules that lag behind hear the next one.
                    let _ = batches.try_send(Arc::new(batch(&told, now)));
                    self.last.store(Some(Arc::new(Fresh {
                        value: told,
                        taken: now.instant,
                    })));
                }
                Ok(Err(error)) => warn!(error = chain(&error), "no forecasts: history cannot be read"),
                Err(error) => warn!(%error, "no forecasts"),
            }
        }
    }
}

fn family(last: &Fresh<Vec<Full>>, now: Now) -> Family {
    let age = now.instant.saturating_duration_since(last.taken);
    let mut family = Family::new(&FULL_SECONDS);
    for full in last.get(now, EVERY).into_iter().flatten() {
        let bounds = match full.forecast {
            Forecast::Never => [None; 3],
            Forecast::Reached => [Some(Duration::ZERO); 3],
            Forecast::In {
                earliest,
                likely,
                latest,
            } => [Some(earliest), Some(likely), latest],
        };
        for (name, bound) in ["earliest", "likely", "latest"].into_iter().zip(bounds) {
            if let Some(bound) = bound {
                let labels = [full.mount.clone(), SmolStr::new_static(name)];
                family.push(labels, bound.saturating_sub(age).as_secs_f64());
            }
        }
    }
    family
}

/// What rules are told: a time for every filesystem, so that what was to be full and is not any more is over.
fn batch(told: &[Full], now: Now) -> Batch {
    let signals = collectors::signals();
    let signal = signals.into_iter().find(|signal| signal.name == FULL);
    let readings = signal.into_iter().flat_map(|signal| {
        told.iter().map(move |full| {
            let time = match full.forecast {
                Forecast::Never => FAR,
                Forecast::Reached => Duration::ZERO,
                Forecast::In { likely, .. } => likely.min(FAR),
            };
            Reading {
                signal,
                subject: full.mount.clone(),
                observed: Observed::Value(time.as_secs_f64()),
            }
        })
    });
    Batch {
        collector: "forecast",
        scope: Scope::Whole,
        at: now,
        elapsed: Some(EVERY),
        readings: readings.collect(),
        changes: Vec::new(),
        health: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(likely: u64) -> Full {
        Full {
            mount: "/srv".into(),
            forecast: Forecast::In {
                earliest: Duration::from_hours(likely / 2),
                likely: Duration::from_hours(likely),
                latest: None,
            },
        }
    }

    fn flat() -> Full {
        Full {
            mount: "/".into(),
            forecast: Forecast::Never,
        }
    }

    #[test]
    fn a_scrape_sees_the_time_that_is_left_and_only_of_what_fills() {
        let now = Clock::System.now();
        let told = Fresh {
            value: vec![forecast(10), flat()],
            taken: now.instant,
        };
        let later = |minutes| now.after(Duration::from_mins(minutes));
        let seen = |family: Family| -> Vec<(SmolStr, f64)> {
            let number = |point: &crate::sample::Point| match point.value {
                crate::sample::Value::Number(number) => number,
                crate::sample::Value::Histogram(_) => f64::NAN,
            };
            let points = family.points.iter();
            points
                .map(|point| (point.labels[1].clone(), number(point)))
                .collect()
        };
        let expected = [("earliest".into(), 4.5 * 3600.0), ("likely".into(), 9.5 * 3600.0)];
        assert_eq!(seen(family(&told, later(30))), expected);
        assert_eq!(seen(family(&told, later(31))), [], "three turns were missed");
    }

    #[test]
    fn rules_are_told_of_every_filesystem() {
        let batch = batch(&[forecast(10), flat()], Clock::System.now());
        let values = batch
            .readings
            .iter()
            .map(|reading| (&*reading.subject, reading.observed));
        let expected = [
            ("/srv", Observed::Value(36_000.0)),
            ("/", Observed::Value(FAR.as_secs_f64())),
        ];
        assert_eq!(values.collect::<Vec<_>>(), expected);
    }
}
