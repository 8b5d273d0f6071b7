//! Turns `tracing` events into lines on standard error or in a file, counts them, and lets the level change
//! while the program runs. Which events deserve a line is decided where they arise.

mod count;
mod file;
mod line;
mod queue;

use std::{io, path::PathBuf, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::{Registry, filter::Targets, layer::SubscriberExt, reload};

use self::{
    count::Counts,
    file::{Failures, Limits, RotatingFile},
    line::Lines,
    queue::{Flush, Stream},
};
pub use self::{count::METRICS, queue::AtEnd};
use crate::{problem::Problems, sample::Family};

/// Old log files beyond this number would make each rotation slow.
const KEEP_AT_MOST: u32 = 100;

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Least important level that is written. Libraries are one level quieter than NetKestrel itself.
    pub level: Level,
    /// Form of a line.
    pub format: Format,
    /// File to write to instead of standard error; empty means standard error.
    pub file: String,
    /// Size in bytes at which the file is renamed to `FILE.1` and a new one begun; 0 never does so.
    pub max_bytes: u64,
    /// How many renamed files are kept, from `FILE.1` to `FILE.5`; at most 100.
    #[schemars(range(max = 100))]
    pub keep: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: Level::default(),
            format: Format::default(),
            file: String::new(),
            max_bytes: 10 * 1024 * 1024,
            keep: 5,
        }
    }
}

impl Config {
    /// Reports what the schema alone cannot tell.
    pub fn validate(&self, problems: &mut Problems) {
        if self.keep > KEEP_AT_MOST {
            problems.push(
                "keep",
                format_args!(
                    "`{}` is too many files, accepted are 0 to {KEEP_AT_MOST}",
                    self.keep
                ),
            );
        }
    }
}

/// Log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Someone must act.
    Error,
    /// Something went wrong and was coped with.
    Warn,
    /// Life cycle.
    #[default]
    Info,
    /// Everything useful when searching for a cause.
    Debug,
    /// Everything.
    Trace,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log file cannot be opened.
    #[error("failed to open the log file {}", path.display())]
    Open {
        /// The configured file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Another subscriber was installed before.
    #[error("failed to install the log, there already is one")]
    Installed(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// The running log. Lines are written by a thread of its own; see [`Handle::flush_at_end`].
#[derive(Clone)]
pub struct Handle {
    level: reload::Handle<Targets, Registry>,
    counts: Arc<Counts>,
    flush: Flush,
}

impl Handle {
    /// Changes the level from the next event on. Format and file stay as they were at start.
    pub fn set_level(&self, level: Level) {
        // The only failure is that the subscriber is gone, and then nothing is written anyway.
        let _ = self.level.reload(targets(level));
    }

    /// Writes the lines that are still queued when it is dropped, also while a panic unwinds: keep it until the
    /// program ends.
    #[must_use]
    pub fn flush_at_end(&self) -> AtEnd {
        self.flush.at_end()
    }

    /// Present values of [`METRICS`].
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        self.counts.families()
    }
}

/// Starts logging for the whole process. Fails when the file cannot be opened; later trouble with it is coped
/// with: lines then go to standard error until the file takes them again.
pub fn init(config: &Config) -> Result<Handle, Error> {
    let (subscriber, handle) = build(config)?;
    tracing::subscriber::set_global_default(subscriber)?;
    log_panics();
    Ok(handle)
}

fn build(config: &Config) -> Result<(impl tracing::Subscriber + Send + Sync, Handle), Error> {
    let failures = Failures::default();
    let (queue, flush) = match config.file.as_str() {
        "" => queue::start(Stream::new(io::stderr(), failures.clone())),
        path => open(PathBuf::from(path), config, &failures)?,
    };
    let counts = Arc::new(Counts::new(failures, queue.error_counter()));
    let (filter, level) = reload::Layer::new(targets(config.level));
    let subscriber = Registry::default()
        .with(filter)
        .with(counts.layer())
        .with(Lines::new(config.format, queue));
    let handle = Handle { level, counts, flush };
    Ok((subscriber, handle))
}

fn open(path: PathBuf, config: &Config, failures: &Failures) -> Result<(NonBlocking, Flush), Error> {
    let limits = Limits {
        max_bytes: config.max_bytes,
        keep: config.keep,
    };
    let file =
        RotatingFile::open(&path, limits, failures.clone()).map_err(|source| Error::Open { path, source })?;
    Ok(queue::start(file))
}

/// Our own events at `level`, those of libraries one level quieter.
fn targets(level: Level) -> Targets {
    let (own, libraries) = match level {
        Level::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        Level::Warn => (LevelFilter::WARN, LevelFilter::ERROR),
        Level::Info => (LevelFilter::INFO, LevelFilter::WARN),
        Level::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
        Level::Trace => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), own)
        .with_default(libraries)
}

/// Panics become one line of the log like everything else, instead of several lines beside it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(thread, place, error = message, "panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &std::path::Path) -> String {
        std::fs::read_to_string(path).expect("the log file")
    }

    #[test]
    fn the_file_gets_the_lines_and_the_counter_their_number() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("netkestrel.log");
        let config = Config {
            file: path.display().to_string(),
            ..Config::default()
        };
        let (subscriber, handle) = build(&config).expect("opened");
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("seen");
            tracing::debug!("too fine");
            tracing::info!(target: "some_library", "chatter");
            handle.set_level(Level::Debug);
            tracing::debug!("fine enough now");
            tracing::warn!(target: "some_library", "worth it");
        });
        let values: Vec<f64> = handle.families()[0]
            .points
            .iter()
            .filter_map(|point| match point.value {
                crate::sample::Value::Number(number) => Some(number),
                crate::sample::Value::Histogram(_) => None,
            })
            .collect();
        assert_eq!(values, [0.0, 1.0, 1.0], "error, warn, info");
        drop(handle.flush_at_end());
        let messages: Vec<String> = read(&path)
            .lines()
            .map(|line| line.split("msg=").nth(1).unwrap_or_default().to_owned())
            .collect();
        assert_eq!(messages, ["seen", "\"fine enough now\"", "\"worth it\""]);
    }

    #[test]
    fn a_log_file_that_cannot_be_opened_is_named() {
        let config = Config {
            file: "/nonexistent/netkestrel.log".to_owned(),
            ..Config::default()
        };
        let error = build(&config).err().expect("no such directory");
        assert_eq!(
            error.to_string(),
            "failed to open the log file /nonexistent/netkestrel.log"
        );
    }

    #[test]
    fn too_many_old_files_are_refused() {
        let mut problems = Problems::new();
        let config = Config {
            keep: 101,
            ..Config::default()
        };
        config.validate(&mut problems);
        let found = problems.into_vec();
        assert_eq!(found[0].path, "keep");
        assert_eq!(found[0].message, "`101` is too many files, accepted are 0 to 100");
    }
}
