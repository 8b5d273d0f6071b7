//! A silence as a person asks for it, made into one of the engine.

use std::time::Duration;

use crate::{
    alerts::{Matcher, Silence},
    clock::Now,
    rules::Severity,
    units::HumanDuration,
    web::{NewSilence, Refusal},
};

/// Without an end and a duration, silence lasts this long.
const USUAL: Duration = Duration::from_hours(1);

/// The silence that is meant.
pub(super) fn made_of(wanted: &NewSilence, now: Now) -> Result<Silence, Refusal> {
    let starts = wanted.starts_at.unwrap_or(now.wall);
    let too_long = |_| Refusal::Invalid("it would end later than any time that can be written".to_owned());
    let ends = match (wanted.ends_at, wanted.duration.as_str()) {
        (Some(_), duration) if !duration.is_empty() => {
            let detail = "give either `ends_at` or `duration`, not both";
            return Err(Refusal::Invalid(detail.to_owned()));
        }
        (Some(ends), _) => ends,
        (None, "") => starts.checked_add(USUAL).map_err(too_long)?,
        (None, duration) => {
            let detail = |_| Refusal::Invalid("`duration`: accepted: a duration, such as `2h`".to_owned());
            let duration = HumanDuration::parse(duration).map_err(detail)?;
            starts.checked_add(*duration).map_err(too_long)?
        }
    };
    let patterns = |text: &str| -> Vec<String> {
        let given = (!text.is_empty()).then(|| text.to_owned());
        given.into_iter().collect()
    };
    let matching = Matcher {
        rule: patterns(&wanted.rule).into(),
        subject: patterns(&wanted.subject).into(),
        severity: severities(&wanted.severity)?,
        ..Matcher::default()
    };
    Ok(Silence::new(
        matching,
        (starts, ends),
        &wanted.by,
        &wanted.comment,
    ))
}

/// Names with commas between; none means all.
fn severities(text: &str) -> Result<Vec<Severity>, Refusal> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = |name: &str| {
        let found = Severity::ALL.into_iter().find(|severity| severity.name() == name);
        found.ok_or_else(|| {
            let detail = format!("`severity`: given `{name}`; accepted: low, medium, high, critical");
            Refusal::Invalid(detail)
        })
    };
    names.map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn what_makes_no_silence_is_refused_with_a_sentence() {
        let now = Clock::System.now();
        let rows = [
            ("", "", "", true),
            ("", "2h", "high, critical", true),
            ("", "soon", "", false),
            ("", "2h", "grave", false),
            ("9999-12-30T22:00:00Z", "", "", false),
            ("9999-12-30T22:00:00Z", "9000y", "", false),
        ];
        for (starts_at, duration, severity, fine) in rows {
            let wanted = NewSilence {
                rule: "*".to_owned(),
                starts_at: starts_at.parse().ok(),
                duration: duration.to_owned(),
                severity: severity.to_owned(),
                ..NewSilence::default()
            };
            assert_eq!(
                made_of(&wanted, now).is_ok(),
                fine,
                "{starts_at} {duration} {severity}"
            );
        }
    }
}
