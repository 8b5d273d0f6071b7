//! Gives a made-up network its past: a week of it passes on a clock that runs ahead, through the collectors, rules and
//! alerts that watch a real one, and becomes OpenMetrics for Prometheus. What those stages do not tell, such as the
//! memory of the process, is made up by the descriptions of the catalogue.

mod life;
mod own;
mod pages;

use std::{path::PathBuf, sync::Arc, time::Duration};

use self::life::Life;
pub use self::pages::Pages;
use crate::{
    alerts::Saved,
    anomaly,
    clock::{Clock, Now},
    collectors::demo::World,
    config::{Config, Override},
};

/// How long a past is that will be looked at: a week, and a little more to compare the present with.
const WEEK: Duration = Duration::from_hours(7 * 24 + 7);
/// How long it is otherwise: enough for the alerts of the present.
const SHORT: Duration = Duration::from_hours(26);
/// The past passes in steps of this length.
const TICK: Duration = Duration::from_secs(30);
const DAY: f64 = 86_400.0;
/// How much is compared with earlier days.
const COMPARED: f64 = 7.0 * 3600.0;

/// What NetKestrel and people did besides watching, in seconds from the anchor.
const DEEDS: &[(f64, Deed)] = &[
    (
        -4.38 * DAY,
        acknowledge("device_down", "heating", "Kim", "The installer is here"),
    ),
    (-5.0 * 3600.0, Deed::Restart),
    (
        -3.0 * 3600.0,
        acknowledge("disk", "/srv", "Robin", "Larger disks are ordered"),
    ),
    (-2.0 * 3600.0, Deed::Reload),
    (
        -35.0 * 60.0,
        acknowledge(
            "device_down",
            "ap-hall",
            "Kim",
            "The cable is broken, a new one comes tomorrow",
        ),
    ),
];

/// Something that somebody did.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// NetKestrel was updated.
    Restart,
    /// The configuration was read again.
    Reload,
    /// Somebody took an alert on.
    Acknowledge {
        rule: &'static str,
        subject: &'static str,
        by: &'static str,
        note: &'static str,
    },
}

const fn acknowledge(
    rule: &'static str,
    subject: &'static str,
    by: &'static str,
    note: &'static str,
) -> Deed {
    Deed::Acknowledge {
        rule,
        subject,
        by,
        note,
    }
}

/// Why there is no past.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The clock of the system cannot show it.
    #[error("make up a past: the clock of this system began too late")]
    Clock,
    /// A file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// Which one, or its folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a demo lays over any configuration: the made-up devices, and intervals that suit its pace.
#[must_use]
pub fn overrides() -> Vec<Override> {
    let targets = serde_json::to_string(&World::targets()).unwrap_or_default();
    let all = [
        ("collectors.network.enabled", "true"),
        ("collectors.system.enabled", "true"),
        ("collectors.devices.enabled", "true"),
        ("collectors.network.interval", "30s"),
        ("collectors.network.include", "[]"),
        ("collectors.network.exclude", "[]"),
        ("collectors.system.interval", "60s"),
        ("collectors.devices.interval", "60s"),
        ("collectors.devices.targets", targets.as_str()),
    ];
    let set = |(path, value): (&str, &str)| Override {
        path: path.to_owned(),
        value: value.to_owned(),
        flag: "demo".to_owned(),
    };
    all.into_iter().map(set).collect()
}

/// Whether a past will be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It becomes samples.
    Yes,
    /// Only the present that it leads to matters.
    No,
}

/// A made-up network with its past still ahead of it.
pub struct Demo {
    world: Arc<World>,
    begin: Now,
    anchor: Now,
}

impl Demo {
    /// A network whose past ends at `now`: a week of it where that is to be seen, else a day.
    ///
    /// # Errors
    /// When the monotonic clock of the system does not reach back that far.
    pub fn new(now: Now, seen: Seen) -> Result<Self, Error> {
        let past = match seen {
            Seen::Yes => WEEK,
            Seen::No => SHORT,
        };
        let begin = Now {
            instant: now.instant.checked_sub(past).ok_or(Error::Clock)?,
            wall: now.wall - past,
        };
        Ok(Self {
            world: Arc::new(World::new(now.wall, begin.wall)),
            begin,
            anchor: now,
        })
    }

    /// The network itself.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// How long the past is, in seconds.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.anchor
            .wall
            .duration_since(self.begin.wall)
            .unsigned_abs()
            .as_secs()
    }

    /// Lets the past pass until it has caught up with the present, and writes it down: every half minute of its last
    /// day, every `step` before that. `passed` hears how many seconds are done. Returns the alerts, and what is usual, as they
    /// are at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn pass(
        &self,
        config: &Config,
        step: Duration,
        mut pages: Option<Pages>,
        passed: impl Fn(u64),
    ) -> Result<(Saved, anomaly::Saved), Error> {
        let mut now = self.begin;
        self.world.look_at(Some(now));
        let mut life = Life::begin(config, &self.world, now);
        while now.wall <= Clock::System.now().wall {
            self.world.look_at(Some(now));
            let at = self.story(now);
            for (_, deed) in DEEDS
                .iter()
                .filter(|(when, _)| at - TICK.as_secs_f64() < *when && *when <= at)
            {
                match deed {
                    Deed::Restart => life = life.again(config, &self.world, now),
                    Deed::Reload => life.reload(now),
                    Deed::Acknowledge {
                        rule,
                        subject,
                        by,
                        note,
                    } => life.acknowledge((rule, subject), (by, note), now),
                }
            }
            life.live(now);
            let done = (now.wall.duration_since(self.begin.wall)).unsigned_abs();
            if let Some(pages) = pages.as_mut().filter(|_| is_fine(at) || is_due(done, step)) {
                pages.write(life.families(now), now)?;
            }
            passed(done.as_secs());
            now = now.after(TICK);
        }
        if let Some(pages) = pages {
            pages.finish()?;
        }
        self.world.look_at(None);
        Ok(life.saved())
    }

    /// Seconds from the anchor.
    fn story(&self, now: Now) -> f64 {
        now.wall.duration_since(self.anchor.wall).as_secs_f64()
    }
}

/// Whether samples are close together here: in the last day, and in the hours that charts of the last hours compare it
/// with, a day and a week earlier.
fn is_fine(at: f64) -> bool {
    !(-7.0 * DAY..=-DAY - COMPARED).contains(&at)
}

/// Whether something that comes every `step` comes within the tick after `done`.
fn is_due(done: Duration, step: Duration) -> bool {
    done.as_secs() % step.as_secs().max(1) < TICK.as_secs()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::app;

    #[test]
    fn the_past_shows_every_metric_there_is() {
        let loaded = crate::config::load(&crate::config::Sources {
            flags: overrides(),
            ..crate::config::Sources::default()
        });
        let config = loaded.expect("the overrides are valid").config;
        let demo = Demo::new(Clock::System.now(), Seen::No).expect("a clock that reaches back");
        let mut now = demo.anchor;
        let earlier = Duration::from_hours(1);
        now.instant -= earlier;
        now.wall -= earlier;
        demo.world.look_at(Some(now));
        let mut life = Life::begin(&config, &demo.world, now);
        for _ in 0..120 {
            now = now.after(TICK);
            demo.world.look_at(Some(now));
            life.live(now);
        }
        let families = life.families(now);
        let shown: BTreeSet<&str> = families
            .iter()
            .filter(|family| !family.points.is_empty())
            .map(|family| family.desc.name)
            .collect();
        let missing: Vec<&str> = app::catalogue()
            .into_iter()
            .map(|desc| desc.name)
            .filter(|name| !shown.contains(name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
