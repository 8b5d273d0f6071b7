//! The vocabulary that flows through every stage: what is exposed (metric families) and what is judged and
//! remembered (readings of signals). Imports nothing of ours and decides nothing.

use std::time::Duration;

use prometheus_client::metrics::histogram::{Histogram, NativeHistogramConfig};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::clock::Now;

/// What kind of metric a [`Desc`] describes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Constant 1 with facts as labels; its name ends in `_info`.
    Info,
    /// Classic buckets with these upper bounds, and a native histogram beside them.
    Histogram(&'static [f64]),
}

/// Description of a metric: a constant beside the code that fills it, and a row of the catalogue.
#[derive(Debug, PartialEq)]
pub struct Desc {
    /// Name as the text format 0.0.4 shows it, with prefix and suffix.
    pub name: &'static str,
    /// Kind of metric.
    pub kind: Kind,
    /// Label names, in the order in which [`Point::labels`] gives their values.
    pub labels: &'static [&'static str],
    /// One sentence, without backslash or line break.
    pub help: &'static str,
}

/// Growth of native buckets, and how many there may be: the defaults of Prometheus' client libraries.
const NATIVE_FACTOR: f64 = 1.1;
const NATIVE_BUCKETS: usize = 160;

/// An empty histogram of the form every [`Kind::Histogram`] promises: classic buckets with these upper bounds, and
/// native ones beside them.
#[must_use]
pub fn histogram(bounds: &'static [f64]) -> Histogram {
    let native = NativeHistogramConfig::with_bucket_factor(NATIVE_FACTOR).max_buckets(NATIVE_BUCKETS);
    Histogram::new_classic_and_native(bounds.iter().copied(), native)
}

/// The value of one series.
#[derive(Debug, Clone)]
pub enum Value {
    /// A counter, a gauge or (always 1) an info.
    Number(f64),
    /// A shared handle on an accumulating histogram.
    Histogram(Histogram),
}

/// One series of a family.
#[derive(Debug, Clone)]
pub struct Point {
    /// Label values in the order of [`Desc::labels`].
    pub labels: Box<[SmolStr]>,
    /// Present value.
    pub value: Value,
}

/// All series of one metric.
#[derive(Debug, Clone)]
pub struct Family {
    /// What the series mean.
    pub desc: &'static Desc,
    /// The series; a family without points is not exposed.
    pub points: Vec<Point>,
}

impl Family {
    /// An empty family.
    #[must_use]
    pub fn new(desc: &'static Desc) -> Self {
        Self {
            desc,
            points: Vec::new(),
        }
    }

    /// A family with one series that has no labels.
    #[must_use]
    pub fn single(desc: &'static Desc, value: f64) -> Self {
        let mut family = Self::new(desc);
        family.push([], value);
        family
    }

    /// Adds a series. `labels` must be as many as the description names.
    pub fn push<const N: usize>(&mut self, labels: [SmolStr; N], value: f64) {
        self.push_value(labels, Value::Number(value));
    }

    /// Adds a series if there is a value: a missing value is no series, never 0.
    pub fn push_some<const N: usize>(&mut self, labels: [SmolStr; N], value: Option<f64>) {
        if let Some(value) = value {
            self.push(labels, value);
        }
    }

    /// Adds a series with any kind of value.
    pub fn push_value<const N: usize>(&mut self, labels: [SmolStr; N], value: Value) {
        debug_assert_eq!(
            labels.len(),
            self.desc.labels.len(),
            "labels of {}",
            self.desc.name
        );
        self.points.push(Point {
            labels: Box::new(labels),
            value,
        });
    }
}

/// A value a rule can name.
#[derive(Debug, PartialEq, Eq)]
pub struct Signal {
    /// Name used by rules, history and dashboards, for example `cpu_usage_ratio`; it ends in its unit.
    pub name: &'static str,
    /// What it is in two or three words, as the subject of a mail begins: `CPU usage`.
    pub title: &'static str,
    /// What the subject is.
    pub subject: SubjectKind,
    /// One sentence for people.
    pub help: &'static str,
}

/// What kind of thing a [`Signal`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// The host as a whole; the subject is empty.
    Host,
    /// A network interface, by name.
    Interface,
    /// A mounted filesystem, by mount point.
    Mount,
    /// A disk, by kernel name.
    Disk,
    /// A temperature sensor, by label.
    Sensor,
    /// A configured device, by name.
    Device,
}

/// Why a reading has no value. Missing is never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A rate needs two readings and this is the first.
    FirstReading,
    /// The counter went down: the source restarted, the difference means nothing.
    CounterReset,
    /// The source could not be read this time.
    ReadFailed,
    /// The operating system does not tell.
    Unsupported,
    /// Privileges are lacking.
    NoPermission,
    /// The name does not resolve.
    NameResolution,
    /// Our own side has no route or no link.
    LocalNetwork,
    /// What the device is reached through is down.
    ParentDown,
    /// Nothing was measured in this interval.
    NoSample,
    /// It is not asked, by request.
    Paused,
}

/// What was seen when a signal was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observed {
    /// A value in the signal's unit.
    Value(f64),
    /// A value that cannot be right, such as a rate above the link's speed: kept, but flagged.
    Implausible(f64),
    /// A value of a time that does not count, such as a maintenance window: judged, but in no uptime.
    Excused(f64),
    /// No value, and why.
    Missing(Missing),
}

impl Observed {
    /// The value, plausible or not.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) | Self::Implausible(value) | Self::Excused(value) => Some(value),
            Self::Missing(_) => None,
        }
    }
}

/// One signal of one subject in one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which signal.
    pub signal: &'static Signal,
    /// Which interface, mount, disk, sensor or device; empty for the host.
    pub subject: SmolStr,
    /// What was seen.
    pub observed: Observed,
}

/// How a component fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Within its limits.
    Ok,
    /// Beyond the first limit.
    Warning,
    /// Beyond the upper limit.
    Critical,
}

/// Health of one component; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentHealth {
    /// `cpu`, `memory`, `disk`, `network` or `devices`.
    pub component: &'static str,
    /// `None` when it cannot be told.
    pub health: Option<Health>,
}

/// Since when a subject is seen as it is, and why: a batch tells what is, and it may have become so before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which subject.
    pub subject: SmolStr,
    /// For how long it had been so when the batch was taken. Of a device that is down, since the first miss.
    pub lasting: Duration,
    /// Why, in a few words; may be empty.
    pub why: SmolStr,
}

/// What a [`Batch`] covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// An interval run: every subject the collector has. History records these; a subject that is not in it is gone.
    Whole,
    /// News between two runs about the subjects in it, such as a device that was confirmed down; it says nothing
    /// about others and is not recorded.
    News,
}

/// Readings taken together: what rules judge and history records.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Name of the collector.
    pub collector: &'static str,
    /// What it covers.
    pub scope: Scope,
    /// When the sources were read.
    pub at: Now,
    /// Time since the run before; `None` on the first.
    pub elapsed: Option<Duration>,
    /// Everything that was seen.
    pub readings: Vec<Reading>,
    /// More about subjects that are seen otherwise than before; empty where there is no more to say.
    pub changes: Vec<Change>,
    /// Health of the components the collector answers for.
    pub health: Vec<ComponentHealth>,
}
