//! One file, the environment and flags into [`Config`], the composition of every stage's own settings.
//! The text becomes a tree with positions, overlays are put on top, the tree is checked against the schema of the
//! types, and only then is it read into them: so every problem is found in one run and names its place.

mod check;
mod devices;
mod environment;
mod expand;
mod file_sd;
mod hint;
mod load;
mod notes;
mod place;
mod print;
mod python;
mod report;
mod scalar;
mod secrets;
mod shape;
mod tree;
mod yaml;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    devices::{digest, reread as reread_devices, schema as devices_schema},
    environment::{Override, variable_name},
    load::{Loaded, Sources, load, load_with},
    place::Platform,
    print::restart_needed,
    report::{Error, Finding},
};
use crate::{
    alerts, anomaly,
    collectors::{self, HealthLimits, Limit},
    history, logging, notifiers,
    problem::{Problems, nearest},
    rules,
    sample::Signal,
    web,
};

/// The zone of the operating system.
const SYSTEM_ZONE: &str = "system";

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder for history, state and the local token, as an absolute path. Empty means the service's or the user's own folder.
    pub data_dir: String,
    /// Time zone of mails, quiet hours and hours of the day: `system` or a name such as `Europe/Berlin`.
    pub timezone: String,
    /// Where people reach the page, for links in mails; empty means no links.
    pub external_url: String,
    /// The HTTP server.
    pub web: web::Config,
    /// The log.
    pub log: logging::Config,
    /// What is measured, and how often.
    pub collectors: collectors::Config,
    /// What is remembered.
    pub history: history::Config,
    /// Own rules, besides the built-in ones; one with the name of a built-in rule replaces it.
    pub rules: rules::Config,
    /// What is watched for values unlike those before.
    pub anomalies: anomaly::Config,
    /// How often people hear of the same thing.
    pub alerts: alerts::Config,
    /// Where alerts are told.
    pub notifiers: notifiers::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: String::new(),
            timezone: SYSTEM_ZONE.to_owned(),
            external_url: String::new(),
            web: web::Config::default(),
            log: logging::Config::default(),
            collectors: collectors::Config::default(),
            history: history::Config::default(),
            rules: rules::Config::default(),
            anomalies: anomaly::Config::default(),
            alerts: alerts::Config::default(),
            notifiers: notifiers::Config::default(),
        }
    }
}

/// The JSON Schema of [`Config`], for editors and for finding problems with their place.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Config);
    schema.insert("title".to_owned(), "Configuration of NetKestrel".into());
    schema.to_value()
}

impl Config {
    /// The folder for data: `data_dir`, or the platform's own place. `None` when the environment names no home.
    #[must_use]
    pub fn data_dir_in(&self, env: &[(OsString, OsString)]) -> Option<PathBuf> {
        if self.data_dir.is_empty() {
            Platform::HERE.data_dir(env)
        } else {
            Some(PathBuf::from(&self.data_dir))
        }
    }

    /// The zone in which people read times: of mails, quiet hours and hours of the day.
    #[must_use]
    pub fn zone(&self) -> jiff::tz::TimeZone {
        if self.timezone == SYSTEM_ZONE {
            return jiff::tz::TimeZone::system();
        }
        // The name was checked when the configuration was read.
        jiff::tz::TimeZone::get(&self.timezone).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// Where warning and critical health begin: at the first level of the rules in force, and at their first level
    /// of severity high or above. Without such a rule the built-in limits stay.
    #[must_use]
    pub fn health_limits(&self) -> HealthLimits {
        let limit = |signal: &str, default: Limit| {
            self.rules
                .limits_of(signal)
                .map_or(default, |(warning, critical)| Limit {
                    warning,
                    critical: critical.unwrap_or(f64::INFINITY),
                })
        };
        let default = HealthLimits::default();
        HealthLimits {
            cpu: limit("cpu_usage_ratio", default.cpu),
            memory: limit("memory_usage_ratio", default.memory),
            disk: limit("filesystem_usage_ratio", default.disk),
        }
    }

    /// Reports what the schema alone cannot tell. Rules may name `signals` only; an empty list accepts every name.
    pub fn validate(&self, signals: &[&Signal], problems: &mut Problems) {
        self.validate_data_dir(problems);
        self.validate_timezone(problems);
        self.validate_external_url(problems);
        problems.within("web", |p| self.web.validate(p));
        problems.within("log", |p| self.log.validate(p));
        problems.within("collectors", |p| self.collectors.validate(p));
        problems.within("history", |p| self.history.validate(p));
        problems.within("rules", |p| self.rules.validate(signals, p));
        problems.within("anomalies", |p| self.anomalies.validate(p));
        problems.within("alerts", |p| self.alerts.validate(p));
        problems.within("notifiers", |p| self.notifiers.validate(p));
    }

    /// A relative folder would lie elsewhere for every way to start the program.
    fn validate_data_dir(&self, problems: &mut Problems) {
        if !self.data_dir.is_empty() && !Path::new(&self.data_dir).is_absolute() {
            problems.push(
                "data_dir",
                format_args!(
                    "given `{}`; accepted: an absolute path, such as `/var/lib/netkestrel`, or nothing",
                    self.data_dir.escape_debug()
                ),
            );
        }
    }

    fn validate_timezone(&self, problems: &mut Problems) {
        if self.timezone == SYSTEM_ZONE || jiff::tz::TimeZone::get(&self.timezone).is_ok() {
            return;
        }
        let zones: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let names: Vec<&str> = zones.iter().map(String::as_str).collect();
        let near = nearest(&self.timezone, &names);
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        problems.push(
            "timezone",
            format_args!(
                "given `{}`; accepted: `{SYSTEM_ZONE}`, or a name such as `UTC` or `Europe/Berlin`{hint}",
                self.timezone.escape_debug()
            ),
        );
    }

    fn validate_external_url(&self, problems: &mut Problems) {
        let uri = self.external_url.parse::<http::Uri>().ok();
        let is_web =
            |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !self.external_url.is_empty() && !uri.as_ref().is_some_and(is_web) {
            problems.push(
                "external_url",
                format_args!(
                    "given `{}`; accepted: a web address, such as `https://monitor.example.org`, or nothing",
                    self.external_url.escape_debug()
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_rules_name_signals_that_exist() {
        let signals = collectors::signals();
        for rule in rules::built_in() {
            let known = signals.iter().any(|signal| signal.name == rule.signal);
            assert!(known, "rule {} names {}", rule.name, rule.signal);
        }
    }

    #[test]
    fn a_rule_can_name_every_signal() {
        let signals = collectors::signals();
        for signal in &signals {
            assert!(collectors::collector_of(signal.name).is_some(), "{}", signal.name);
            let rule = rules::Rule {
                levels: rules::Levels::new(&[(rules::Severity::Low, 0.5)]),
                ..rules::Rule::new("own", signal.name)
            };
            let mut problems = Problems::new();
            rules::Config::from(vec![rule]).validate(&signals, &mut problems);
            assert_eq!(problems.into_vec(), [], "{}", signal.name);
        }
        assert_eq!(collectors::collector_of("ping_rtt_seconds"), Some("devices"));
        assert_eq!(collectors::collector_of("no_such_signal"), None);
    }

    #[test]
    fn every_signal_that_can_be_watched_for_anomalies_exists() {
        let signals = collectors::signals();
        for name in anomaly::watchable() {
            assert!(signals.iter().any(|signal| signal.name == name), "{name}");
        }
    }

    #[test]
    fn the_default_rules_give_the_default_limits_of_health() {
        assert_eq!(Config::default().health_limits(), HealthLimits::default());
    }
}
