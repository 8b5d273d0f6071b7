//! The two clocks behind every decision: monotonic for intervals, wall for records.
//! Stages take a [`Now`] as an argument and never ask the operating system themselves, so tests own time.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic: differences between two of these are real elapsed time.
    pub instant: Instant,
    /// Wall clock, UTC: for records and mails; may jump.
    pub wall: Timestamp,
}

impl Now {
    /// The same moment, `by` later on both clocks.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self {
            instant: self.instant + by,
            wall: self.wall + by,
        }
    }

    /// Seconds since the Unix epoch, with fractions.
    #[must_use]
    pub fn unix_seconds(self) -> f64 {
        self.wall.as_duration().as_secs_f64()
    }
}

/// Where [`Now`] comes from.
#[derive(Debug, Clone, Copy, Default)]
pub enum Clock {
    /// The operating system's clocks.
    #[default]
    System,
    /// A wall clock that starts at `origin` and follows tokio's clock, which tests may pause and advance.
    Follow {
        /// Wall time at `since`.
        origin: Timestamp,
        /// The moment on tokio's clock that `origin` stands for.
        since: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock for tests: reads `origin` now and follows tokio's (paused) time from here on.
    #[must_use]
    pub fn following(origin: Timestamp) -> Self {
        Self::Follow {
            origin,
            since: tokio::time::Instant::now(),
        }
    }

    /// The present moment.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    pub fn now(&self) -> Now {
        match self {
            Self::System => Now {
                instant: Instant::now(),
                wall: Timestamp::now(),
            },
            Self::Follow { origin, since } => {
                let instant = tokio::time::Instant::now();
                Now {
                    instant: instant.into_std(),
                    wall: *origin + instant.duration_since(*since),
                }
            }
        }
    }
}
