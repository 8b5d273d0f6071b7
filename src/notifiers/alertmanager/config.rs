//! Settings of the connection to Prometheus Alertmanager.

use std::{fs, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Section, url};
use crate::{
    problem::Problems,
    units::{HumanDuration, Secret},
};

/// Alerts that are sent again less often than this would be over for Alertmanager in between, were it to restart.
const LONGEST_RESEND: HumanDuration = HumanDuration::secs(60 * 60);
/// More peers than any cluster has; each may keep a thread busy while it does not answer.
const MOST_PEERS: usize = 8;
/// A call that takes longer does nobody any good.
const LONGEST_TIMEOUT: HumanDuration = HumanDuration::secs(60);

/// Which Alertmanagers hear of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses of every peer of the cluster, such as `http://alertmanager:9093`; empty means none.
    pub urls: Vec<String>,
    /// Account for basic authentication; empty means without.
    pub user: String,
    /// Password of the account. Better kept in `password_file`, or written as `${ALERTMANAGER_PASSWORD}`.
    pub password: Secret,
    /// File that holds the password, relative to the folder of this file.
    pub password_file: String,
    /// Token to be sent as `Authorization: Bearer`, in place of `user`. Better kept in `token_file`.
    pub token: Secret,
    /// File that holds the token, relative to the folder of this file.
    pub token_file: String,
    /// File with certificates (PEM) of an authority of your own, trusted in place of the public ones; empty means none.
    pub ca_file: String,
    /// Whether the server must prove who it is; `false` accepts any certificate, also a forged one.
    pub verify_certificate: bool,
    /// Longest time for one call.
    pub timeout: HumanDuration,
    /// How often alerts are sent again while they fire. After four times this without one, Alertmanager takes an
    /// alert to be over.
    pub resend_interval: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            user: String::new(),
            password: Secret::default(),
            password_file: String::new(),
            token: Secret::default(),
            token_file: String::new(),
            ca_file: String::new(),
            verify_certificate: true,
            timeout: HumanDuration::secs(5),
            resend_interval: HumanDuration::secs(60),
        }
    }
}

impl Section for Config {
    fn validate(&self, problems: &mut Problems) {
        url::validate_list(&self.urls, problems);
        if self.urls.len() > MOST_PEERS {
            let given = self.urls.len();
            problems.push(
                "urls",
                format_args!("given {given} addresses; accepted: at most {MOST_PEERS}"),
            );
        }
        self.validate_login(problems);
        for (key, given, longest) in [
            ("timeout", self.timeout, LONGEST_TIMEOUT),
            ("resend_interval", self.resend_interval, LONGEST_RESEND),
        ] {
            if *given < Duration::from_secs(1) || given > longest {
                problems.push(
                    key,
                    format_args!("given `{given}`; accepted: from `1s` to `{longest}`"),
                );
            }
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.urls.is_empty() {
            return notes;
        }
        let has_secret = !self.user.is_empty() || !self.token.is_empty() || !self.token_file.is_empty();
        if has_secret && self.urls.iter().any(|url| url.starts_with("http://")) {
            let note =
                "the login would travel unencrypted: an address in `notifiers.alertmanager.urls` is `http`";
            notes.push(note.to_owned());
        }
        if !self.verify_certificate {
            let note = "any Alertmanager is believed: `notifiers.alertmanager.verify_certificate` is `false`; \
                        prefer `ca_file`";
            notes.push(note.to_owned());
        }
        notes
    }
}

impl Config {
    fn validate_login(&self, problems: &mut Problems) {
        for (key, secret, what) in [
            (
                "password",
                &self.password,
                "a password; accepted: the password itself, or `password_file`",
            ),
            (
                "token",
                &self.token,
                "a token; accepted: the token itself, or `token_file`",
            ),
        ] {
            if secret.reveal() == Secret::HIDDEN {
                problems.push(
                    key,
                    format_args!("given the mark that `print-config` writes in place of {what}"),
                );
            }
        }
        let has_password = !self.password.is_empty() || !self.password_file.is_empty();
        let has_token = !self.token.is_empty() || !self.token_file.is_empty();
        if self.user.is_empty() && has_password {
            problems.push(
                "user",
                "is empty though there is a password; accepted: the account to log in with",
            );
        }
        if self.user.contains(':') || self.user.contains(char::is_control) {
            problems.push(
                "user",
                "holds a colon or a control character; accepted: a name without",
            );
        }
        if self.token.reveal().contains(char::is_control) {
            problems.push("token", "holds a control character; accepted: one line of text");
        }
        if !self.user.is_empty() && !has_password {
            problems.push(
                "password",
                "is missing though there is a `user`; accepted: `password`, `password_file`, or no `user` for calls without a login",
            );
        }
        if !self.user.is_empty() && has_token {
            problems.push("token", "given together with `user`; accepted: one of the two");
        }
    }

    /// Certificates of `ca_file`; empty without one.
    pub(super) fn authorities(&self) -> Result<Vec<ureq::tls::Certificate<'static>>, String> {
        if self.ca_file.is_empty() {
            return Ok(Vec::new());
        }
        let pem =
            fs::read(&self.ca_file).map_err(|error| format!("failed to read `{}`: {error}", self.ca_file))?;
        let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err(format!("failed to find a certificate in `{}`", self.ca_file));
        }
        Ok(certificates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config {
            urls: vec!["https://am.example.org".to_owned()],
            ..Config::default()
        };
        change(&mut config);
        config
    }

    #[test]
    fn one_way_to_log_in_that_is_whole() {
        let text = str::to_owned;
        for (config, expected) in [
            (config(|_| ()), vec![]),
            (config(|c| c.user = text("me")), vec!["password"]),
            (config(|c| c.password = Secret::new("pw")), vec!["user"]),
            (
                config(|c| {
                    c.user = text("me");
                    c.password_file = text("pw");
                }),
                vec![],
            ),
            (config(|c| c.token = Secret::new("t")), vec![]),
            (
                config(|c| {
                    c.user = text("me");
                    c.password = Secret::new("pw");
                    c.token_file = text("t");
                }),
                vec!["token"],
            ),
            (config(|c| c.token = Secret::new(Secret::HIDDEN)), vec!["token"]),
            (config(|c| c.timeout = HumanDuration::secs(0)), vec!["timeout"]),
            (
                config(|c| c.resend_interval = HumanDuration::secs(7_200)),
                vec!["resend_interval"],
            ),
        ] {
            let mut problems = Problems::new();
            config.validate(&mut problems);
            let found: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
            assert_eq!(found, expected, "{config:?}");
        }
    }

    #[test]
    fn what_weakens_a_login_is_noted() {
        assert_eq!(config(|_| ()).notes(), [""; 0]);
        let open = config(|c| {
            c.urls = vec!["http://am:9093".to_owned()];
            c.token = Secret::new("t");
        });
        assert!(open.notes()[0].contains("unencrypted"));
        assert!(config(|c| c.verify_certificate = false).notes()[0].contains("believed"));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().display().to_string();
        let result = config(|c| c.ca_file = path).authorities();
        assert!(result.expect_err("is empty").contains("find a certificate"));
    }
}
