//! Applies a changed configuration: a good one at once and as a whole, a bad one not at all.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use crate::{
    clock::{Clock, Now},
    collectors,
    config::{self, Config, Sources},
    logging,
    sample::{Desc, Family, Kind},
    web::{self, Control, Reload, ReloadReport, Reloading},
};

const SUCCESSFUL: Desc = Desc {
    name: "netkestrel_config_last_reload_successful",
    kind: Kind::Gauge,
    labels: &[],
    help: "Whether the last configuration reload succeeded.",
};
const SUCCESS_TIME: Desc = Desc {
    name: "netkestrel_config_last_reload_success_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "Unix time of the last successful configuration reload.",
};

/// Metrics about the configuration.
pub(super) const METRICS: &[&Desc] = &[&SUCCESSFUL, &SUCCESS_TIME];

/// Holds the configuration in force and everything a change of it touches.
pub(super) struct Reloader {
    /// What cannot change without a restart is as it was here.
    at_start: Arc<Config>,
    sources: Sources,
    clock: Clock,
    collectors: Arc<collectors::Set>,
    log: logging::Handle,
    changed: watch::Sender<u64>,
    in_force: watch::Sender<Arc<Config>>,
    services: OnceLock<Weak<web::Services>>,
    /// Told when a reload failed for the devices file alone.
    refused: Notify,
    /// Held while a reload reads files, which may take long; `state` is only held to look and to commit.
    reloading: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    config: Arc<Config>,
    last_success: Now,
    last_attempt: Option<Attempt>,
    /// The last time the devices file alone was read, if that failed and nothing has succeeded since.
    bad_devices: Option<Attempt>,
    /// Whether the last reload that was asked for failed for the devices file alone: it is made up for with that file.
    is_owed: bool,
}

/// A reload that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// When.
    pub(super) at: Now,
    /// Why it failed; `None` when it succeeded.
    pub(super) error: Option<String>,
}

impl Reloader {
    pub(super) fn new(
        config: Config,
        sources: Sources,
        clock: Clock,
        collectors: Arc<collectors::Set>,
        log: logging::Handle,
    ) -> Self {
        // Shared: there may be thousands of devices in it.
        let config = Arc::new(config);
        Self {
            at_start: Arc::clone(&config),
            in_force: watch::channel(Arc::clone(&config)).0,
            sources,
            clock,
            collectors,
            log,
            changed: watch::channel(0).0,
            services: OnceLock::new(),
            refused: Notify::new(),
            reloading: Mutex::default(),
            state: Mutex::new(State {
                config,
                last_success: clock.now(),
                last_attempt: None,
                bad_devices: None,
                is_owed: false,
            }),
        }
    }

    /// The server whose settings change with the configuration; it in turn holds this reloader.
    pub(super) fn serve_with(&self, services: &Arc<web::Services>) {
        // Called once, right after the server was built.
        let _ = self.services.set(Arc::downgrade(services));
    }

    /// Fires after each configuration that was applied.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The configuration in force; changes with each one that is applied.
    pub(super) fn in_force(&self) -> watch::Receiver<Arc<Config>> {
        self.in_force.subscribe()
    }

    /// The last reload, or what is wrong with the devices file now; `None` when there was no reload since the start.
    pub(super) fn last_attempt(&self) -> Option<Attempt> {
        let state = self.state();
        state
            .bad_devices
            .as_ref()
            .or(state.last_attempt.as_ref())
            .cloned()
    }

    /// Families about the configuration.
    pub(super) fn families(&self) -> Vec<Family> {
        let state = self.state();
        let mut attempts = state.last_attempt.iter().chain(&state.bad_devices);
        let failed = attempts.any(|attempt| attempt.error.is_some());
        vec![
            Family::single(&SUCCESSFUL, f64::from(u8::from(!failed))),
            Family::single(&SUCCESS_TIME, state.last_success.unix_seconds()),
        ]
    }

    /// Returns when a reload failed for the devices file alone, which is to be looked at again then.
    pub(super) async fn refused(&self) {
        self.refused.notified().await;
    }

    /// One at a time, so that two cannot mix. Blocks: it reads files.
    fn load_and_apply(&self) -> Reload {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let reload = self.load_anew();
        if self.state().is_owed {
            self.refused.notify_one();
        }
        reload
    }

    /// Puts in force what the sources say now.
    fn load_anew(&self) -> Reload {
        let at = self.clock.now();
        let loaded = match config::load(&self.sources) {
            Ok(loaded) => loaded,
            Err(problem) => {
                error!(%problem, "failed to reload the configuration; the one before stays in force");
                let error = problem.to_string();
                let mut state = self.state();
                state.is_owed = problem.lies_in(&state.config.collectors.devices.listed.file);
                state.last_attempt = Some(Attempt {
                    at,
                    error: Some(error.clone()),
                });
                return Err(error);
            }
        };
        loaded.notes.iter().for_each(|note| warn!(note, "configuration"));
        let config = Arc::new(loaded.config);
        self.apply(&config);
        let report = self.commit(config, at);
        let (changed, needs_restart) = (report.applied.join(","), report.needs_restart.join(","));
        info!(changed, needs_restart, "configuration reloaded");
        Ok(report)
    }

    fn commit(&self, config: Arc<Config>, at: Now) -> ReloadReport {
        let mut state = self.state();
        let report = ReloadReport {
            applied: changes(&state.config, &config),
            needs_restart: owned(config::restart_needed(&self.at_start, &config)),
        };
        state.config = config;
        state.last_success = at;
        state.last_attempt = Some(Attempt { at, error: None });
        state.bad_devices = None;
        state.is_owed = false;
        report
    }

    /// Reads the devices file again, and nothing else: an edit of the configuration waits until somebody asks for it.
    pub(super) async fn reread_devices(self: &Arc<Self>) {
        let reloader = Arc::clone(self);
        if let Err(error) = tokio::task::spawn_blocking(move || reloader.take_devices()).await {
            error!(%error, "failed to read the devices file again");
        }
    }

    fn take_devices(&self) {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().is_owed && (self.load_anew().is_ok() || self.state().is_owed) {
            return;
        }
        let at = self.clock.now();
        let before = Arc::clone(&self.state().config);
        match config::reread_devices(&before) {
            Ok(config) => {
                let config = Arc::new(config);
                self.apply(&config);
                let known = before.notes();
                let notes = config.notes();
                let fresh = notes.iter().filter(|note| !known.contains(note));
                fresh.for_each(|note| warn!(note, "configuration"));
                let devices = config.collectors.devices.listed.targets.len();
                let mut state = self.state();
                state.config = config;
                state.last_success = at;
                state.bad_devices = None;
                drop(state);
                info!(devices, "devices file read again");
            }
            Err(problem) => {
                error!(%problem, "failed to read the devices file again; its devices before stay in force");
                let error = Some(problem.to_string());
                self.state().bad_devices = Some(Attempt { at, error });
            }
        }
    }

    fn apply(&self, config: &Arc<Config>) {
        self.collectors.apply(&config.collectors, config.health_limits());
        self.log.set_level(config.log.level);
        if let Some(services) = self.services.get().and_then(Weak::upgrade) {
            services.apply(&config.web);
        }
        self.in_force.send_replace(Arc::clone(config));
        self.changed.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control for Arc<Reloader> {
    fn reload(&self) -> Reloading<'_> {
        let reloader = Arc::clone(self);
        Box::pin(async move {
            let applied = tokio::task::spawn_blocking(move || reloader.load_and_apply()).await;
            applied.unwrap_or_else(|error| Err(error.to_string()))
        })
    }
}

/// Paths that differ and are in force at once.
fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let values = (serde_json::to_value(old), serde_json::to_value(new));
    if let (Ok(before), Ok(after)) = values {
        differences(String::new(), &before, &after, &mut found);
    }
    if old.collectors.devices.listed != new.collectors.devices.listed {
        found.push("collectors.devices.devices_file".to_owned());
        found.dedup();
    }
    if found.is_empty() && old != new {
        found.push("a secret".to_owned());
    }
    let later = config::restart_needed(old, new);
    found.retain(|path| !later.iter().any(|key| is_at_or_below(path, key)));
    found
}

fn is_at_or_below(path: &str, key: &str) -> bool {
    path.strip_prefix(key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn owned(paths: Vec<&'static str>) -> Vec<String> {
    paths.into_iter().map(str::to_owned).collect()
}

/// Adds the path of every key that differs; a list counts as one.
fn differences(path: String, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                differences(below, old.get(key).unwrap_or(&Value::Null), value, found);
            }
        }
        _ if old != new => found.push(path),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Secret;

    #[test]
    fn changes_in_force_are_told_by_path() {
        let old = Config::default();
        let changed = |change: fn(&mut Config)| {
            let mut new = old.clone();
            change(&mut new);
            changes(&old, &new)
        };
        assert_eq!(changed(|_| ()), [""; 0]);
        assert_eq!(changed(|new| new.timezone = "UTC".to_owned()), ["timezone"]);
        assert_eq!(
            changed(|new| new.notifiers.email.password = Secret::new("other")),
            ["notifiers.email.password"]
        );
        assert_eq!(
            changed(|new| new.web.listen_address = ":1".to_owned()),
            [""; 0],
            "needs a restart"
        );
        assert_eq!(
            changed(|new| new.collectors.paths.procfs = "/host/proc".to_owned()),
            [""; 0]
        );
    }
}
