//! Collectors turn operating-system sources and network probes into metric families (at scrape time) and into
//! batches of readings (on their own interval). They judge nothing and store nothing beyond what a rate needs.
//!
//! Adding one: a file with `Config`, `METRICS`, `SIGNALS`, `Collector`, and one line in the `collectors!` list.

mod guard;
mod news;
mod outcome;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    guard::{Guarded, METRICS as RUN_METRICS, RunStatus},
    news::{METRICS as NEWS_METRICS, News},
    outcome::{Error, Outcome},
};
use crate::{
    clock::{Clock, Now},
    problem::Problems,
    sample::{Batch, Desc, Family, Signal},
};

pub mod demo;
pub mod devices;
pub mod network;
pub mod packets;
pub mod system;

/// A source of samples.
///
/// [`scrape`](Collect::scrape) and [`sample`](Collect::sample) may block: they run on a thread for blocking
/// work, under a deadline, and a panic in them costs this collector's samples only.
pub trait Collect: Send + Sync + 'static {
    /// Name in the configuration and in the label `collector`.
    fn name(&self) -> &'static str;

    /// Whether it is switched on.
    fn enabled(&self) -> bool;

    /// Time between interval runs, start to start.
    fn interval(&self) -> Duration;

    /// Reads the sources now, for one exposition.
    fn scrape(&self, now: Now) -> Outcome<Vec<Family>>;

    /// One interval run, for rules and history.
    fn sample(&self, now: Now) -> Outcome<Batch>;

    /// Work that goes on between runs (probes, captures) until `stop` fires; it only accumulates.
    /// Called again after a panic, so state that must outlive one lives in the collector.
    fn background(self: Arc<Self>, stop: Stop) -> Option<Background> {
        let _ = stop;
        None
    }
}

/// Background work of a collector.
pub type Background = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells background work to end: it does when the value becomes `true` or the sender is gone.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// What every collector is built with besides its own configuration.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Where the operating system's files are.
    pub paths: Paths,
    /// Where the limits of warning and critical health lie.
    pub limits: HealthLimits,
    /// Source of time for background work.
    pub clock: Clock,
    /// Where to tell what cannot wait for the next interval run; nowhere by default.
    pub news: News,
    /// A made-up network to see instead of this host's.
    pub demo: Option<Arc<demo::World>>,
}

/// Roots of the host's file systems; other than `/` when the host is seen through a container's mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// Where the host's /proc is mounted.
    pub procfs: String,
    /// Where the host's /sys is mounted.
    pub sysfs: String,
    /// Where the host's root is mounted; mount points are shown without it.
    pub rootfs: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            procfs: "/proc".to_owned(),
            sysfs: "/sys".to_owned(),
            rootfs: "/".to_owned(),
        }
    }
}

impl Paths {
    fn validate(&self, problems: &mut Problems) {
        for (key, path) in [
            ("procfs", &self.procfs),
            ("sysfs", &self.sysfs),
            ("rootfs", &self.rootfs),
        ] {
            if !std::path::Path::new(path).is_absolute() {
                problems.push(
                    key,
                    format_args!("`{path}` is not an absolute path, such as `/host{path}`"),
                );
            }
        }
    }
}

/// Ratios from which a component is in warning or critical health. They follow the rules in force: warning is
/// the first level, critical the first of severity high or above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthLimits {
    /// CPU usage ratio.
    pub cpu: Limit,
    /// Memory usage ratio.
    pub memory: Limit,
    /// Filesystem usage ratio.
    pub disk: Limit,
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self {
            cpu: Limit {
                warning: 0.80,
                critical: 0.90,
            },
            memory: Limit {
                warning: 0.85,
                critical: 0.95,
            },
            disk: Limit {
                warning: 0.90,
                critical: 0.95,
            },
        }
    }
}

/// A pair of limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// From here on: warning.
    pub warning: f64,
    /// From here on: critical.
    pub critical: f64,
}

/// Declares the configuration section and the set of collectors, one name per collector.
macro_rules! collectors {
    ($($name:ident),* $(,)?) => {
        /// Configuration of all collectors.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            /// Where the operating system's files are.
            pub paths: Paths,
            $(#[doc = concat!("Settings of the collector `", stringify!($name), "`.")]
            pub $name: $name::Config,)*
            /// Settings of packet analysis.
            pub packets: packets::Config,
        }

        impl Config {
            /// Time between the interval runs of the collector of this name.
            #[must_use]
            pub fn interval_of(&self, collector: &str) -> Option<Duration> {
                match collector {
                    $(stringify!($name) => Some(*self.$name.interval),)*
                    _ => None,
                }
            }

            /// Reports what the schema alone cannot tell.
            pub fn validate(&self, problems: &mut Problems) {
                problems.within("paths", |p| self.paths.validate(p));
                $(problems.within(stringify!($name), |p| self.$name.validate(p));)*
                problems.within("packets", |p| self.packets.validate(p));
            }
        }

        /// All collectors of one process.
        pub struct Set {
            $(#[doc = concat!("The collector `", stringify!($name), "`.")]
            pub $name: Arc<$name::Collector>,)*
        }

        impl Set {
            /// Builds every collector; reading starts later.
            #[must_use]
            pub fn new(config: &Config, context: &Context) -> Self {
                Self { $($name: Arc::new($name::Collector::new(&config.$name, context)),)* }
            }

            /// Applies a changed configuration; what is already accumulated stays.
            pub fn apply(&self, config: &Config, limits: HealthLimits) {
                $(self.$name.apply(&config.$name, limits);)*
            }

            /// The collectors in the order of their declaration.
            #[must_use]
            pub fn all(&self) -> Vec<Arc<dyn Collect>> {
                vec![$(Arc::clone(&self.$name) as Arc<dyn Collect>,)*]
            }
        }

        /// Name of the collector that reads the signal of this name.
        #[must_use]
        pub fn collector_of(signal: &str) -> Option<&'static str> {
            let sources = [$((stringify!($name), $name::SIGNALS)),*];
            let reads = |signals: &[&Signal]| signals.iter().any(|known| known.name == signal);
            sources.into_iter().find(|(_, signals)| reads(signals)).map(|(name, _)| name)
        }

        /// Names of all collectors.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Metrics of all collectors.
        #[must_use]
        pub fn metrics() -> Vec<&'static Desc> {
            [$($name::METRICS),*].concat()
        }

        /// Signals of all collectors.
        #[must_use]
        pub fn signals() -> Vec<&'static Signal> {
            [$($name::SIGNALS),*].concat()
        }
    };
}

collectors! { network, system, devices }

/// A value that only interval runs know: it vanishes after three missed intervals instead of lying.
#[derive(Debug, Clone, Copy)]
pub struct Fresh<T> {
    /// The value.
    pub value: T,
    /// When it was taken.
    pub taken: Instant,
}

impl<T> Fresh<T> {
    /// The value, unless it is older than three `interval`s.
    pub fn get(&self, now: Now, interval: Duration) -> Option<&T> {
        let age = now.instant.saturating_duration_since(self.taken);
        (age <= interval * 3).then_some(&self.value)
    }
}
