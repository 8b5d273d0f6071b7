//! One Alertmanager: calls to its API v2. Blocking; every call is bounded.

use std::{collections::HashSet, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::sync::watch;
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use super::{
    super::{
        Failure, Reason,
        http::{self, Refusal},
    },
    alert::ORIGIN,
    config::Config,
};
use crate::alerts::Alert;

/// A mail waits no longer than this for the answer whether it is wanted.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const LONGEST_ANSWER: u64 = 8 * 1024 * 1024;

/// One Alertmanager.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    base: String,
    authorization: Option<String>,
    /// Set when this peer cannot be called at all, with the reason.
    unusable: Option<String>,
    agent: Agent,
    timeout: Duration,
    /// How far this peer follows; written by its feed.
    pub(super) progress: watch::Sender<Progress>,
}

/// How far a peer follows the alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// It knows how alerts stood at this generation.
    pub(super) generation: u64,
    /// The last push did not reach it.
    pub(super) is_away: bool,
}

/// Rule, subject and severity of an alert that an Alertmanager suppresses.
pub(super) type Suppressed = HashSet<(String, String, String)>;

/// An alert as `GET /api/v2/alerts` tells it.
#[derive(Debug, Deserialize)]
struct Told {
    labels: ToldLabels,
    status: Status,
}

#[derive(Debug, Deserialize)]
struct ToldLabels {
    #[serde(default)]
    alertname: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    instance: String,
    #[serde(default)]
    origin: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
}

impl Peer {
    pub(super) fn new(url: &str, config: &Config) -> Self {
        let (certificates, unusable) = match config.authorities() {
            Ok(certificates) => (certificates, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let mut tls = TlsConfig::builder().disable_verification(!config.verify_certificate);
        if !certificates.is_empty() {
            tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates)));
        }
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .tls_config(tls.build())
            .user_agent(http::USER_AGENT)
            .build();
        Self {
            host: http::host_of(url),
            base: url.trim_end_matches('/').to_owned(),
            authorization: authorization(config),
            unusable,
            agent: agent.new_agent(),
            timeout: *config.timeout,
            progress: watch::Sender::default(),
        }
    }

    /// Pushes a JSON array of alerts.
    pub(super) fn push(&self, alerts: &[u8]) -> Result<(), Failure> {
        self.check_usable()?;
        let mut request = self
            .agent
            .post(format!("{}/api/v2/alerts", self.base))
            .config()
            .timeout_global(Some(self.timeout))
            .build()
            .content_type("application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let sent = request.send(alerts);
        let judged = match sent {
            Ok(response) => http::judge(&self.host, &response),
            Err(error) => Err(http::fault(&self.host, &error)),
        };
        judged.map_err(|refusal| refusal.failure)
    }

    /// Which of the alerts that `instance` pushed are silenced or inhibited here.
    pub(super) fn suppressed(&self, instance: &str, about: Option<&Alert>) -> Result<Suppressed, Failure> {
        self.check_usable()?;
        let mut request = self
            .agent
            .get(format!("{}/api/v2/alerts", self.base))
            .config()
            .timeout_global(Some(self.timeout.min(PATIENCE)))
            .build()
            .query_pairs([
                ("active", "false"),
                ("unprocessed", "false"),
                ("silenced", "true"),
                ("inhibited", "true"),
                ("muted", "true"),
            ])
            .query_pairs(
                filters(instance, about)
                    .iter()
                    .map(|filter| ("filter", filter.as_str())),
            );
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request
            .call()
            .map_err(|error| http::fault(&self.host, &error).failure)?;
        http::judge(&self.host, &response).map_err(|Refusal { failure, .. }| failure)?;
        let body = response
            .body_mut()
            .with_config()
            .limit(LONGEST_ANSWER)
            .read_to_vec();
        let body = body.map_err(|error| http::fault(&self.host, &error).failure)?;
        self.read(&body, instance)
    }

    fn read(&self, body: &[u8], instance: &str) -> Result<Suppressed, Failure> {
        let told: Vec<Told> = serde_json::from_slice(body)
            .map_err(|_| other(format!("{} does not answer as an Alertmanager does", self.host)))?;
        let is_ours = |alert: &Told| {
            alert.status.state == "suppressed"
                && alert.labels.origin == ORIGIN
                && alert.labels.instance == instance
        };
        let ours = told.into_iter().filter(is_ours);
        Ok(ours
            .map(|alert| {
                (
                    alert.labels.alertname,
                    alert.labels.subject,
                    alert.labels.severity,
                )
            })
            .collect())
    }

    fn check_usable(&self) -> Result<(), Failure> {
        self.unusable.as_ref().map_or(Ok(()), |why| {
            Err(Failure::Permanent {
                reason: Reason::Tls,
                detail: why.clone(),
            })
        })
    }
}

fn authorization(config: &Config) -> Option<String> {
    if !config.user.is_empty() {
        let login = format!("{}:{}", config.user, config.password.reveal());
        Some(format!("Basic {}", STANDARD.encode(login)))
    } else if !config.token.is_empty() {
        Some(format!("Bearer {}", config.token.reveal()))
    } else {
        None
    }
}

/// Matchers of what is asked about: one alert, or all that `instance` pushed.
fn filters(instance: &str, about: Option<&Alert>) -> Vec<String> {
    let matcher = |name: &str, value: &str| format!("{name}={}", serde_json::Value::from(value));
    let mut filters = vec![matcher("origin", ORIGIN), matcher("instance", instance)];
    if let Some(alert) = about {
        filters.push(matcher("alertname", &alert.rule));
        filters.push(matcher("subject", &alert.subject));
    }
    filters
}

fn other(detail: String) -> Failure {
    Failure::Permanent {
        reason: Reason::Other,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{alerts::News, notifiers::fixture::notice, units::Secret};

    fn peer(config: &Config) -> Peer {
        Peer::new("http://am.example.org:9093/prefix/", config)
    }

    #[test]
    fn a_login_is_sent_as_the_header_of_its_kind() {
        let mut config = Config::default();
        assert_eq!(peer(&config).authorization, None);
        config.token = Secret::new("t0ken");
        assert_eq!(peer(&config).authorization.as_deref(), Some("Bearer t0ken"));
        config.user = "me".to_owned();
        config.password = Secret::new("pw");
        assert_eq!(peer(&config).authorization.as_deref(), Some("Basic bWU6cHc="));
    }

    #[test]
    fn matchers_are_quoted() {
        let mut alert = notice("a", 1, News::Fired).alert;
        alert.subject = r#"a "b"\c"#.into();
        assert_eq!(
            filters("web1", Some(&alert)),
            [
                r#"origin="netkestrel""#,
                r#"instance="web1""#,
                r#"alertname="cpu""#,
                r#"subject="a \"b\"\\c""#
            ]
        );
    }

    #[test]
    fn only_what_is_ours_and_suppressed_counts() {
        let told = |state: &str, origin: &str, instance: &str| {
            format!(
                r#"{{"labels":{{"alertname":"cpu","origin":"{origin}","instance":"{instance}"}},
                "status":{{"state":"{state}","silencedBy":[],"inhibitedBy":[]}},"receivers":[]}}"#
            )
        };
        let peer = peer(&Config::default());
        for (state, origin, instance, count) in [
            ("suppressed", ORIGIN, "web1", 1),
            ("active", ORIGIN, "web1", 0),
            ("suppressed", "prometheus", "web1", 0),
            ("suppressed", ORIGIN, "web2", 0),
        ] {
            let body = format!("[{}]", told(state, origin, instance));
            let found = peer.read(body.as_bytes(), "web1").expect("JSON");
            assert_eq!(found.len(), count, "{state} {origin} {instance}");
        }
        assert!(peer.read(b"<html>", "web1").is_err());
        assert!(peer.read(b"{\"status\":\"success\"}", "web1").is_err());
    }
}
