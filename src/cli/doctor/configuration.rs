//! Whether the configuration can be used, and what it asks for that this version does not do.

use super::check::Check;
use crate::config::{Config, Error, Finding, Loaded};

const NAME: &str = "configuration";

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

/// A word about mail when it is configured.
pub(super) fn mail(config: &Config) -> Option<Check> {
    let server = &config.notifiers.email.server;
    (!server.is_empty()).then(|| {
        Check::skipped(
            "mail",
            format!("{server} is configured; this version does not send mail"),
        )
    })
}
