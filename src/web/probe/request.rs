//! What a request for `/probe` asks: its parameters, and for how long the scraper waits.

use std::time::Duration;

use axum::http::HeaderValue;

use super::super::parameter;

const TARGET: &str = "target";
const MODULE: &str = "module";
const DEBUG: &str = "debug";
/// The only module.
pub(super) const ICMP: &str = "icmp";
/// In bytes: names of devices may be long, names of hosts are not.
const LONGEST_TARGET: usize = 1024;
/// Left of the scraper's patience for the way back; of a scraper that waits for less than a second, half.
const OFFSET: Duration = Duration::from_millis(500);
/// Nobody waits for longer.
const LONGEST: Duration = Duration::from_hours(1);

/// A probe that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<'q> {
    /// A name or an address; not empty.
    pub(super) target: &'q str,
    /// Whether people are to read it.
    pub(super) debug: bool,
}

/// Reads the parameters; a refusal in words.
pub(super) fn read(parameters: &[(String, String)]) -> Result<Asked<'_>, String> {
    let known = |key: &String| [TARGET, MODULE, DEBUG].contains(&key.as_str());
    if let Some((key, _)) = parameters.iter().find(|(key, _)| !known(key)) {
        return Err(parameter::unknown(key, &[TARGET, MODULE, DEBUG]));
    }
    if let Some(module) = once(parameters, MODULE)?.filter(|module| !["", ICMP].contains(module)) {
        return Err(parameter::not_one_of(MODULE, module, &[ICMP]));
    }
    let debug = match once(parameters, DEBUG)? {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(other) => return Err(parameter::not_one_of(DEBUG, other, &["true", "false"])),
    };
    let target = once(parameters, TARGET)?.filter(|target| !target.is_empty());
    let accepted = "accepted: a name or address of a device, or an address in `web.probe.allowed_networks`";
    match target {
        None => Err(parameter::wrong(TARGET, format_args!("is missing; {accepted}"))),
        Some(target) if target.len() > LONGEST_TARGET || target.chars().any(char::is_control) => {
            let given = format_args!("given `{}`; {accepted}", parameter::shown(target));
            Err(parameter::wrong(TARGET, given))
        }
        Some(target) => Ok(Asked { target, debug }),
    }
}

/// The value of a parameter that may be given once.
fn once<'q>(parameters: &'q [(String, String)], key: &str) -> Result<Option<&'q str>, String> {
    let mut values = parameters.iter().filter(|(given, _)| given == key);
    let value = values.next().map(|(_, value)| value.as_str());
    if values.next().is_some() {
        return Err(parameter::wrong(key, "given more than once; accepted: one value"));
    }
    Ok(value)
}

/// How long the probe may take: as configured, or less when the scraper waits for less.
pub(super) fn timeout(configured: Duration, header: Option<&HeaderValue>) -> Result<Duration, String> {
    let Some(header) = header.filter(|header| !header.is_empty()) else {
        return Ok(configured);
    };
    let text = String::from_utf8_lossy(header.as_bytes());
    let seconds: Option<f64> = text.trim().parse().ok().filter(|seconds| *seconds >= 0.0);
    let Some(seconds) = seconds else {
        return Err(format!(
            "the header X-Prometheus-Scrape-Timeout-Seconds is `{}`; accepted: a number of seconds, such as `10` or `2.5`",
            parameter::shown(&text)
        ));
    };
    // To Prometheus' probers, zero means that nothing is said.
    if seconds <= 0.0 {
        return Ok(configured);
    }
    let patience = Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()));
    Ok(configured.min(patience.saturating_sub(OFFSET).max(patience / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Vec<(String, String)> {
        text.split('&')
            .filter(|pair| !pair.is_empty())
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_target_is_enough() {
        for (text, debug) in [
            ("target=nas.lan", false),
            ("target=nas.lan&module=icmp", false),
            ("module=icmp&target=nas.lan&debug=true", true),
            ("target=nas.lan&debug=false&module=", false),
        ] {
            let target = "nas.lan";
            assert_eq!(read(&parameters(text)), Ok(Asked { target, debug }), "{text}");
        }
    }

    #[test]
    fn a_request_that_makes_no_sense_is_told_what_would() {
        let rows = [
            (
                "",
                "`target`: is missing; accepted: a name or address of a device",
            ),
            ("target=", "`target`: is missing"),
            (
                "target=a&target=b",
                "`target`: given more than once; accepted: one value",
            ),
            (
                "target=a&module=icmp&module=icmp",
                "`module`: given more than once",
            ),
            ("target=a\0", "`target`: given `a\\0`; accepted"),
            (
                "target=a&module=http_2xx",
                "`module`: given `http_2xx`; accepted: icmp",
            ),
            ("target=a&debug=1", "`debug`: given `1`; accepted: true, false"),
            (
                "target=a&modul=icmp",
                "`modul`: not a parameter here; accepted: target, module, debug; did you mean `module`?",
            ),
        ];
        for (text, expected) in rows {
            let refused = read(&parameters(text)).expect_err(text);
            assert!(refused.starts_with(expected), "{text}: {refused}");
        }
        let long = format!("target={}", "a".repeat(LONGEST_TARGET + 1));
        assert!(read(&parameters(&long)).is_err());
    }

    #[test]
    fn the_scraper_s_patience_bounds_the_time() {
        let rows = [
            (None, Ok(5_000)),
            (Some(""), Ok(5_000)),
            (Some("0"), Ok(5_000)),
            (Some("10"), Ok(5_000)),
            (Some("5.5"), Ok(5_000)),
            (Some(" 3.000000 "), Ok(2_500)),
            (Some("1"), Ok(500)),
            (Some("0.6"), Ok(300)),
            (Some("1e300"), Ok(5_000)),
            (Some("inf"), Ok(5_000)),
            (Some("junk"), Err("`junk`")),
            (Some("-1"), Err("`-1`")),
            (Some("NaN"), Err("`NaN`")),
        ];
        for (given, expected) in rows {
            let header = given.map(|text| HeaderValue::from_str(text).expect("legal"));
            let found = timeout(Duration::from_secs(5), header.as_ref());
            match (&found, expected) {
                (Ok(found), Ok(millis)) => assert_eq!(found.as_millis(), millis, "{given:?}"),
                (Err(found), Err(words)) => assert!(found.contains(words), "{found}"),
                _ => panic!("{given:?}: {found:?}"),
            }
        }
    }
}
