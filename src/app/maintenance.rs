//! Tells the devices which of them are in a maintenance window: alerts know the windows, devices what follows.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::sync::watch;

use super::schedule::stopped;
use crate::{
    alerts::Windows,
    clock::Clock,
    collectors::{self, Stop},
    config::Config,
};

/// Without a window near, the clock is looked at this often: it may have been set.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// No wait is shorter, so that a timer that fires a little early does not go round and round.
const AT_LEAST: Duration = Duration::from_millis(10);

/// The windows of a configuration, with the devices they may cover.
pub(super) struct Maintenance {
    windows: Windows,
    devices: Vec<SmolStr>,
}

impl Maintenance {
    pub(super) fn new(config: &Config) -> Self {
        let rules = config.rules.in_force();
        let names = config.collectors.devices.names();
        Self {
            windows: Windows::new(&config.alerts, config.zone(), &rules),
            devices: if config.alerts.maintenance.is_empty() {
                Vec::new()
            } else {
                names.into_iter().map(SmolStr::new).collect()
            },
        }
    }

    /// Tells the devices of `set` how it is at that moment.
    pub(super) fn tell(&self, set: &collectors::Set, at: Timestamp) {
        let covered = self
            .devices
            .iter()
            .filter(|device| self.windows.cover(device, at));
        set.devices.set_maintenance(covered.cloned().collect());
    }

    /// How long that holds.
    fn holds(&self, at: Timestamp) -> Duration {
        let next = self.windows.next_change(at);
        let wait = next.and_then(|next| Duration::try_from(next.duration_since(at)).ok());
        wait.map_or(LOOK_AGAIN, |wait| wait.clamp(AT_LEAST, LOOK_AGAIN))
    }
}

/// Tells the devices again when a window begins or ends, and after each reload, until `stop`.
pub(super) async fn follow(
    set: Arc<collectors::Set>,
    mut config: watch::Receiver<Arc<Config>>,
    clock: Clock,
    mut stop: Stop,
) {
    let mut maintenance = Maintenance::new(&config.borrow_and_update());
    loop {
        let now = clock.now().wall;
        maintenance.tell(&set, now);
        tokio::select! {
            () = stopped(&mut stop) => return,
            changed = config.changed() => {
                if changed.is_err() {
                    return;
                }
                maintenance = Maintenance::new(&config.borrow_and_update());
            }
            () = tokio::time::sleep(maintenance.holds(now)) => {}
        }
    }
}
