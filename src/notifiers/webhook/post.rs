//! One POST to one address, and what its answer means. Of the address, which may hold a token, only the host is told.

use std::{io, time::Duration};

use ureq::{Agent, http::Response};

use super::super::{Failure, Reason};

/// A server can keep us away for no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Calls one address.
pub(super) struct Post {
    agent: Agent,
    url: String,
    host: String,
}

/// Why a call did not succeed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// The server asked to be left alone for so long.
    pub(super) later: Option<Duration>,
}

impl Post {
    /// A call takes no longer than `longest`, from the look-up of the name to the answer.
    pub(super) fn new(url: &str, longest: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(longest))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("netkestrel/", env!("CARGO_PKG_VERSION")))
            .build();
        let uri = url.parse::<http::Uri>().ok();
        Self {
            agent: config.new_agent(),
            url: url.to_owned(),
            host: uri
                .and_then(|uri| uri.host().map(str::to_owned))
                .unwrap_or_default(),
        }
    }

    /// The host alone.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Blocks until there is an answer or the time is over.
    pub(super) fn send(&self, body: &[u8]) -> Result<(), Refusal> {
        let request = self.agent.post(&self.url).content_type("application/json");
        match request.send(body) {
            Ok(response) => self.judge(&response),
            Err(error) => Err(Refusal {
                failure: self.fault(&error),
                later: None,
            }),
        }
    }

    fn judge<T>(&self, response: &Response<T>) -> Result<(), Refusal> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let redirected = if status.is_redirection() {
            ", a redirect, which is not followed"
        } else {
            ""
        };
        let detail = format!("{} answers {status}{redirected}", self.host);
        let (failure, later) = match status.as_u16() {
            429 => {
                let reason = Reason::RateLimited;
                (Failure::Transient { reason, detail }, pause(response))
            }
            408 | 500.. => {
                let reason = Reason::Rejected;
                (Failure::Transient { reason, detail }, None)
            }
            _ => {
                let reason = Reason::Rejected;
                (Failure::Permanent { reason, detail }, None)
            }
        };
        Err(Refusal { failure, later })
    }

    fn fault(&self, error: &ureq::Error) -> Failure {
        use ureq::Error;
        let host = &self.host;
        let (reason, what) = match error {
            Error::Timeout(_) => (Reason::Timeout, "no answer in time".to_owned()),
            Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                (Reason::Timeout, "no answer in time".to_owned())
            }
            Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                (Reason::Tls, error.to_string())
            }
            Error::Io(error) => (Reason::Connect, error.to_string()),
            Error::HostNotFound => (Reason::Connect, "the name does not resolve".to_owned()),
            Error::ConnectionFailed => (Reason::Connect, "no connection".to_owned()),
            Error::Protocol(_) => (Reason::Connect, "the answer is no HTTP".to_owned()),
            Error::Tls(what) => (Reason::Tls, (*what).to_owned()),
            Error::Rustls(error) => (Reason::Tls, error.to_string()),
            // Others may repeat the address.
            _ => (Reason::Other, "the call failed".to_owned()),
        };
        let detail = format!("calling {host}: {what}");
        Failure::Transient { reason, detail }
    }
}

/// `Retry-After` in seconds; the form with a date is rare and left to the usual back-off.
fn pause<T>(response: &Response<T>) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}
