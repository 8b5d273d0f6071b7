//! The environment variables of the Python system that this program replaces, with the meaning they had there.
//! They rank above the file and below our own variables; an empty one counts as not set.

use std::{collections::HashSet, ffi::OsString, time::Duration};

use super::{
    environment::word,
    secrets,
    tree::{Entry, Fault, Node, Origin, Value},
};
use crate::units::HumanDuration;

/// What a variable means.
enum Meaning {
    /// The value itself, for the key at this path.
    Value(&'static str),
    /// A whole number of seconds, at least 1.
    Seconds(&'static str),
    /// A number of seconds above 0, with or without a fraction.
    Timeout(&'static str),
    /// A whole number of minutes.
    Minutes(&'static str),
    /// A level by the names of Python's logging.
    Level(&'static str),
    /// Addresses with commas between: a list of `{address: …}`.
    Addresses(&'static str),
    /// First level of a built-in rule, in percent.
    Percent(&'static str),
    /// First level of a built-in rule, in 10⁶ bit/s.
    Megabits(&'static str),
}

const VARIABLES: &[(&str, Meaning)] = &[
    ("SMTP_SERVER", Meaning::Value("notifiers.email.server")),
    ("SMTP_PORT", Meaning::Value("notifiers.email.port")),
    ("EMAIL_USER", Meaning::Value("notifiers.email.user")),
    ("EMAIL_PASSWORD", Meaning::Value("notifiers.email.password")),
    (
        "ALERT_RECIPIENTS",
        Meaning::Addresses("notifiers.email.recipients"),
    ),
    ("BANDWIDTH_THRESHOLD_MBPS", Meaning::Megabits("bandwidth")),
    ("CPU_THRESHOLD_PERCENT", Meaning::Percent("cpu")),
    ("MEMORY_THRESHOLD_PERCENT", Meaning::Percent("memory")),
    ("DISK_THRESHOLD_PERCENT", Meaning::Percent("disk")),
    (
        "PING_TIMEOUT_SECONDS",
        Meaning::Timeout("collectors.devices.timeout"),
    ),
    (
        "NETWORK_CHECK_INTERVAL",
        Meaning::Seconds("collectors.network.interval"),
    ),
    (
        "SYSTEM_CHECK_INTERVAL",
        Meaning::Seconds("collectors.system.interval"),
    ),
    (
        "DEVICE_PING_INTERVAL",
        Meaning::Seconds("collectors.devices.interval"),
    ),
    (
        "MONITORED_DEVICES",
        Meaning::Addresses("collectors.devices.targets"),
    ),
    ("ALERT_COOLDOWN_MINUTES", Meaning::Minutes("alerts.cooldown")),
    ("LOG_LEVEL", Meaning::Level("log.level")),
    ("LOG_FILE", Meaning::Value("log.file")),
];

/// A first level for a built-in rule.
pub(super) struct Threshold {
    pub(super) variable: &'static str,
    pub(super) rule: &'static str,
    /// In the unit of the rule's signal.
    pub(super) first: f64,
}

/// What the variables said besides the values they put into the tree.
#[derive(Default)]
pub(super) struct Overlaid {
    pub(super) thresholds: Vec<Threshold>,
    pub(super) notes: Vec<String>,
    pub(super) faults: Vec<Fault>,
}

/// Puts the variables on top of the tree.
pub(super) fn overlay(root: &mut Node, env: &[(OsString, OsString)]) -> Overlaid {
    let mut overlaid = Overlaid::default();
    for (name, meaning) in VARIABLES {
        let Some((_, value)) = env
            .iter()
            .find(|(given, value)| given == name && !value.is_empty())
        else {
            continue;
        };
        let origin = Origin::Python((*name).to_owned());
        match value
            .to_str()
            .ok_or_else(|| "the value is not UTF-8 text".to_owned())
            .and_then(|v| meaning.read(v))
        {
            Err(message) => overlaid.faults.push(Fault::new(&origin, meaning.path(), message)),
            Ok(Reading::First(first)) => overlaid.thresholds.push(Threshold {
                variable: name,
                rule: meaning.rule(),
                first,
            }),
            Ok(Reading::Addresses { entries, repeated }) => {
                let note =
                    |entry| format!("the environment variable {name} names `{entry}` twice; it counts once");
                overlaid.notes.extend(repeated.iter().map(note));
                let list = Node::new(located(entries, &origin), origin);
                overlaid.notes.extend(replace(root, meaning.path(), list));
            }
            Ok(Reading::Value(value)) => {
                overlaid.notes.extend(replace(
                    root,
                    meaning.path(),
                    Node::new(located(value, &origin), origin),
                ));
            }
        }
    }
    overlaid
}

/// Gives the key its value; a note tells when that overrules the file.
fn replace(root: &mut Node, path: &str, node: Node) -> Option<String> {
    let Origin::Python(name) = node.origin.clone() else {
        return None;
    };
    secrets::displace(root, path, &node.origin);
    let before = root.put(path, node)?;
    let Origin::File { line, .. } = before.origin else {
        return None;
    };
    Some(format!(
        "the environment variable {name} overrules `{path}` on line {line} of the file"
    ))
}

/// What came out of one variable.
enum Reading {
    Value(Value),
    Addresses { entries: Value, repeated: Vec<String> },
    First(f64),
}

impl Meaning {
    fn path(&self) -> &'static str {
        match self {
            Self::Value(path)
            | Self::Seconds(path)
            | Self::Timeout(path)
            | Self::Minutes(path)
            | Self::Level(path)
            | Self::Addresses(path) => path,
            Self::Percent(_) | Self::Megabits(_) => "",
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Percent(rule) | Self::Megabits(rule) => rule,
            _ => "",
        }
    }

    fn read(&self, value: &str) -> Result<Reading, String> {
        let trimmed = value.trim();
        match self {
            Self::Value(_) => Ok(Reading::Value(word(value))),
            Self::Seconds(_) => whole(trimmed, 1, "seconds").map(|n| Reading::Value(word(&format!("{n}s")))),
            Self::Timeout(_) => positive(trimmed)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .map(|timeout| Reading::Value(word(&HumanDuration(timeout).to_string())))
                .ok_or_else(|| given(value, "a number of seconds above 0")),
            Self::Minutes(_) => whole(trimmed, 0, "minutes").map(|n| Reading::Value(word(&format!("{n}m")))),
            Self::Level(_) => level(trimmed).map(|level| Reading::Value(word(level))),
            Self::Addresses(_) => Ok(addresses(value)),
            Self::Percent(_) => positive(trimmed)
                .filter(|percent| *percent <= 100.0)
                .map(|percent| Reading::First(percent / 100.0))
                .ok_or_else(|| given(value, "a number above 0, at most 100")),
            Self::Megabits(_) => positive(trimmed)
                .map(|megabits| Reading::First(megabits * 1_000_000.0 / 8.0))
                .ok_or_else(|| given(value, "a number above 0")),
        }
    }
}

fn whole(text: &str, least: u32, unit: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| *number >= least);
    number.ok_or_else(|| given(text, &format!("a whole number of {unit}, at least {least}")))
}

fn positive(text: &str) -> Option<f64> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && *number > 0.0)
}

fn level(text: &str) -> Result<&'static str, String> {
    match text.to_ascii_uppercase().as_str() {
        "NOTSET" | "TRACE" => Ok("trace"),
        "DEBUG" => Ok("debug"),
        "INFO" => Ok("info"),
        "WARN" | "WARNING" => Ok("warn"),
        "ERROR" | "CRITICAL" | "FATAL" => Ok("error"),
        _ => Err(given(text, "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`")),
    }
}

fn given(value: &str, accepted: &str) -> String {
    format!("given `{}`; accepted: {accepted}", value.escape_debug())
}

/// Each address once, however it is capitalised; the Python system took no offence at one given twice.
fn addresses(value: &str) -> Reading {
    let (mut items, mut repeated) = (Vec::<&str>::new(), Vec::new());
    let mut seen = HashSet::new();
    for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if seen.insert(item.to_lowercase()) {
            items.push(item);
        } else {
            repeated.push(item.to_owned());
        }
    }
    let entry = |address| Entry {
        key: "address".to_owned(),
        origin: Origin::Default,
        node: Node::new(word(address), Origin::Default),
    };
    let entries = items
        .into_iter()
        .map(|item| Node::new(Value::Section(vec![entry(item)]), Origin::Default));
    Reading::Addresses {
        entries: Value::List(entries.collect()),
        repeated,
    }
}

/// The value with every part of it coming from `origin`.
fn located(value: Value, origin: &Origin) -> Value {
    let relocate = |node: Node| Node::new(located(node.value, origin), origin.clone());
    match value {
        Value::List(items) => Value::List(items.into_iter().map(relocate).collect()),
        Value::Section(entries) => Value::Section(
            entries
                .into_iter()
                .map(|entry| Entry {
                    key: entry.key,
                    origin: origin.clone(),
                    node: relocate(entry.node),
                })
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{schema, shape::Shape},
        rules::built_in,
    };

    #[test]
    fn every_variable_means_a_key_or_a_built_in_rule() {
        let schema = schema();
        for (name, meaning) in VARIABLES {
            let is_rule = built_in().iter().any(|rule| rule.name == meaning.rule());
            assert!(
                is_rule || Shape::new(&schema).at(meaning.path()).is_some(),
                "{name} means nothing"
            );
        }
    }
}
