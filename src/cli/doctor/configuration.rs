//! Whether the configuration can be used, and whether the mail server it names is there.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use super::check::Check;
use crate::config::{Config, Error, Finding, Loaded};

const NAME: &str = "configuration";
const MAIL: &str = "mail";
/// A mail server that takes longer to answer is as good as none.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn check(loaded: &Result<Loaded, Error>) -> Check {
    match loaded {
        Ok(loaded) if loaded.notes.is_empty() => Check::ok(NAME, describe(loaded)),
        Ok(loaded) => Check::warn(
            NAME,
            format!("{}\n{}", describe(loaded), loaded.notes.join("\n")),
            "See whether that is meant.",
        ),
        Err(Error::Invalid(findings)) => Check::fail(
            NAME,
            join(findings),
            "Mend the configuration (`netkestrel check-config`); the checks below look at the defaults.",
        ),
        Err(error @ Error::Read { .. }) => Check::fail(
            NAME,
            format!("failed to {error}"),
            "Make the file readable for this user; the checks below look at the defaults.",
        ),
    }
}

fn join(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn describe(loaded: &Loaded) -> String {
    match &loaded.origin {
        Some(file) => format!("{} is fine", file.display()),
        None => "no file, defaults apply".to_owned(),
    }
}

/// Whether somebody listens where mail is to go, when it is configured. Only `test-email` shows that mail arrives.
pub(super) fn mail(config: &Config) -> Option<Check> {
    let email = config.notifiers.email.in_force();
    if email.server.is_empty() {
        return None;
    }
    let place = format!("{} port {}", email.server, email.port);
    let addresses = (email.server.as_str(), email.port).to_socket_addrs();
    let connected = addresses.and_then(|mut addresses| {
        let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
        TcpStream::connect_timeout(&address, PATIENCE)
    });
    Some(match connected {
        Ok(_) => Check::ok(
            MAIL,
            format!("{place} can be reached; `netkestrel test-email` shows whether mail arrives"),
        ),
        Err(error) => Check::fail(
            MAIL,
            format!("{place} cannot be reached: {error}"),
            "See whether the name and the port are right and a firewall lets connections out.",
        ),
    })
}
