//! Whether every Alertmanager that is configured answers, as it does when alerts are pushed to it.

use super::check::Check;
use crate::notifiers::alertmanager::{Config, probe};

const NAME: &str = "alertmanager";

/// One check per address.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    probe(config)
        .into_iter()
        .map(|(host, answer)| match answer {
            Ok(()) => Check::ok(NAME, format!("{host} can be asked about alerts")),
            Err(failure) => Check::fail(
                NAME,
                failure,
                "See whether the address and the login are right. Until then mails go out without asking it.",
            ),
        })
        .collect()
}
