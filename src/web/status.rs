//! How the program itself fares, as `/api/v1/status` and the page tell it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// What anybody may know of why a reload failed.
pub(super) const SEE_LOG: &str = "the configuration was refused; the log says why";

/// The program itself.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Version of the program.
    pub version: &'static str,
    /// Name of the host it runs on.
    pub host: String,
    /// Time since it started.
    #[serde(rename = "uptime_seconds", serialize_with = "seconds")]
    pub uptime: Duration,
    /// Where the configuration came from: a path, or words such as `defaults`.
    pub config_origin: String,
    /// The last reload; `None` when there was none since the start.
    pub last_reload: Option<LastReload>,
    /// Every collector, also those that are switched off.
    pub collectors: Vec<CollectorStatus>,
}

/// The last attempt to read the configuration again.
#[derive(Debug, Clone, Serialize)]
pub struct LastReload {
    /// When it was.
    #[serde(serialize_with = "timestamp")]
    pub at: Timestamp,
    /// Why it failed; `None` when it succeeded. The text may quote the configuration, so that it is never shown to
    /// whoever may read: the status and the page say only that the log tells.
    #[serde(serialize_with = "only_whether")]
    pub error: Option<String>,
}

/// One collector.
#[derive(Debug, Clone, Serialize)]
pub struct CollectorStatus {
    /// Its name.
    pub name: &'static str,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether the last run succeeded; `None` before the first.
    pub success: Option<bool>,
    /// How long the last run took.
    #[serde(rename = "duration_seconds", serialize_with = "maybe_seconds")]
    pub duration: Option<Duration>,
    /// Time between its runs.
    #[serde(rename = "interval_seconds", serialize_with = "seconds")]
    pub interval: Duration,
    /// When an interval run last succeeded.
    #[serde(serialize_with = "maybe_timestamp")]
    pub last_success: Option<Timestamp>,
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn maybe_seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn only_whether<S: Serializer>(error: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(|_| SEE_LOG).serialize(serializer)
}

fn timestamp<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn maybe_timestamp<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_reload_failed_is_not_told_to_everybody() {
        let failed = LastReload {
            at: Timestamp::UNIX_EPOCH,
            error: Some("line 3: given `hunter2`".to_owned()),
        };
        let told = serde_json::to_value(failed).expect("serializes");
        assert_eq!(
            told,
            serde_json::json!({"at": "1970-01-01T00:00:00Z", "error": SEE_LOG})
        );
    }
}
