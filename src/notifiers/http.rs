//! What answers and failures of HTTP servers mean. Of an address, which may hold a token, only the host is told.

use std::{io, time::Duration};

use ureq::http::Response;

use super::{Failure, Reason};

/// A server can keep us away for no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What we call ourselves.
pub(super) const USER_AGENT: &str = concat!("netkestrel/", env!("CARGO_PKG_VERSION"));

/// Why a call did not succeed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// The server asked to be left alone for so long.
    pub(super) later: Option<Duration>,
}

/// The host of an address; empty when it is none.
pub(super) fn host_of(url: &str) -> String {
    let uri = url.parse::<http::Uri>().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_default()
}

/// Whether the answer of `host` is a success.
pub(super) fn judge<T>(host: &str, response: &Response<T>) -> Result<(), Refusal> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let redirected = if status.is_redirection() {
        ", a redirect, which is not followed"
    } else {
        ""
    };
    let detail = format!("{host} answers {status}{redirected}");
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

/// What kept a call of `host` from an answer.
pub(super) fn fault(host: &str, error: &ureq::Error) -> Refusal {
    use ureq::Error;
    let (reason, what) = match error {
        Error::Timeout(_) => (Reason::Timeout, "no answer in time".to_owned()),
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            (Reason::Timeout, "no answer in time".to_owned())
        }
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => (Reason::Tls, error.to_string()),
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
    Refusal {
        failure: Failure::Transient { reason, detail },
        later: None,
    }
}

/// `Retry-After` in seconds; the form with a date is rare and left to the usual back-off.
fn pause<T>(response: &Response<T>) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}
