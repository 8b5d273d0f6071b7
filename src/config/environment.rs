//! Puts environment variables and flags on top of the tree. Every key is also a variable: `NETKESTREL_` and its
//! path in upper case, with `__` between the levels.

use std::{collections::BTreeMap, ffi::OsString};

use super::{
    secrets,
    shape::{Kind, Shape},
    tree::{Fault, Node, Origin, Value},
    yaml,
};
use crate::problem::nearest;

const PREFIX: &str = "NETKESTREL_";

/// Variables with this prefix that are no keys: what the program's flags, its build and its tests read.
const RESERVED: &[&str] = &[
    "NETKESTREL_CONFIG_FILE",
    "NETKESTREL_REVISION",
    "NETKESTREL_URL",
    "NETKESTREL_UPDATE",
    "NETKESTREL_TEST_REQUIRE",
    "NETKESTREL_TEST_SERVERS",
    "NETKESTREL_TEST_PYTHON",
];

/// What Kubernetes and container links add for a service that is called `netkestrel`.
const INJECTED: &[&str] = &[
    "NETKESTREL_SERVICE_",
    "NETKESTREL_PORT",
    "NETKESTREL_NAME",
    "NETKESTREL_ENV_",
];

/// One value given by a flag of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Dotted path of the key, such as `web.listen_address`.
    pub path: String,
    /// Value as written on the command line.
    pub value: String,
    /// The flag, such as `--web.listen-address`, for messages.
    pub flag: String,
}

/// The variable that sets the key at dotted `path`.
#[must_use]
pub fn variable_name(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// Puts our own variables on top. An empty one counts as not set.
pub(super) fn overlay(root: &mut Node, env: &[(OsString, OsString)], shape: Shape<'_>) -> Vec<Fault> {
    let keys: BTreeMap<String, (String, Shape<'_>)> = shape
        .paths()
        .into_iter()
        .map(|(path, shape)| (variable_name(&path), (path, shape)))
        .collect();
    let mut ours: Vec<_> = env
        .iter()
        .filter_map(|(name, value)| Some((own_name(name)?, value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    // A section comes before its keys, so that the keys win.
    ours.sort();
    let mut faults = Vec::new();
    for (name, value) in ours {
        let origin = Origin::Variable(name.clone());
        match (keys.get(&name), value.to_str()) {
            (None, _) => faults.push(Fault::new(&origin, "", unknown(&name, &keys))),
            (_, None) => faults.push(Fault::new(&origin, "", "the value is not UTF-8 text")),
            (Some((path, shape)), Some(text)) => faults.extend(give(root, path, *shape, text, origin)),
        }
    }
    faults
}

/// Puts flags on top of everything.
pub(super) fn overlay_flags(root: &mut Node, flags: &[Override], shape: Shape<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for Override { path, value, flag } in flags {
        let origin = Origin::Flag(flag.clone());
        match shape.at(path) {
            Some(shape) => faults.extend(give(root, path, shape, value, origin)),
            None => faults.push(Fault::new(&origin, path, "there is no such key")),
        }
    }
    faults
}

/// Gives one key a value as text: lists and sections are YAML, everything else is taken as it is.
fn give(root: &mut Node, path: &str, shape: Shape<'_>, text: &str, origin: Origin) -> Vec<Fault> {
    let (node, faults) = match shape.kind() {
        Kind::List(_) | Kind::Section(_) => yaml::read_value(text, path, &origin),
        _ => (Node::new(word(text), origin), Vec::new()),
    };
    if faults.is_empty() {
        secrets::displace(root, path, &node.origin);
        root.put(path, node);
    }
    faults
}

/// A value whose type follows from its key.
pub(super) fn word(text: &str) -> Value {
    Value::Word {
        text: text.to_owned(),
        shown: None,
    }
}

fn own_name(name: &OsString) -> Option<String> {
    let name = name.to_str()?;
    // Names of variables have no case on Windows.
    let name = if cfg!(windows) {
        name.to_ascii_uppercase()
    } else {
        name.to_owned()
    };
    let is_ours = name.starts_with(PREFIX)
        && !RESERVED.contains(&name.as_str())
        && !INJECTED.iter().any(|injected| name.starts_with(injected));
    is_ours.then_some(name)
}

fn unknown(name: &str, keys: &BTreeMap<String, (String, Shape<'_>)>) -> String {
    let names: Vec<_> = keys.keys().filter_map(|name| name.strip_prefix(PREFIX)).collect();
    let near = name.strip_prefix(PREFIX).and_then(|name| nearest(name, &names));
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{PREFIX}{near}`?"));
    format!(
        "no key has this name; accepted: `{PREFIX}` and the path of a key in upper case with `__` between levels, such as `{}`{hint}",
        variable_name("web.listen_address")
    )
}
