//! A configuration back into YAML, and what two of them differ in.

use std::ffi::OsString;

use serde_json::Value;

use super::{Config, Platform};
use crate::units::Secret;

/// Keys that take effect at the next start only.
const NEEDS_RESTART: &[&str] = &[
    "data_dir",
    "web.listen_address",
    "log.format",
    "log.file",
    "log.max_bytes",
    "log.keep",
    "collectors.paths",
    "history",
];

impl Config {
    /// The configuration as YAML that can be loaded again. Secrets are hidden: one from a file is left out, as its
    /// `*_file` key stays; any other becomes a mark that is refused when loaded. Of the addresses that notifiers
    /// send to, which often hold a token, only scheme, host and port stay.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        for notifier in ["alertmanager", "webhook"] {
            let urls = value.pointer_mut(&format!("/notifiers/{notifier}/urls"));
            urls.and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .for_each(hide_secrets);
        }
        tidy(&mut value);
        serde_yaml::to_string(&value).unwrap_or_default()
    }

    /// [`Self::to_yaml`], below a comment that tells which folder an empty `data_dir` stands for, and why.
    #[must_use]
    pub fn to_yaml_in(&self, env: &[(OsString, OsString)]) -> String {
        let yaml = self.to_yaml();
        if !self.data_dir.is_empty() {
            return yaml;
        }
        match Platform::HERE.data_dir_and_variable(env) {
            // Escaped, so that no name of a folder can end the comment.
            Some((dir, variable)) => {
                let dir = dir.to_string_lossy().escape_debug().to_string();
                format!("# data_dir in force: {dir}, from the variable {variable}\n{yaml}")
            }
            None => format!("# data_dir in force: none, as the environment names no home\n{yaml}"),
        }
    }
}

fn hide_secrets(url: &mut Value) {
    if let Value::String(url) = url {
        *url = masked(url);
    }
}

/// The address with marks in place of login, path and query.
fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let hidden = Secret::HIDDEN;
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{hidden}@{host}"),
        None => authority.to_owned(),
    };
    match tail {
        "" | "/" => format!("{scheme}://{host}{tail}"),
        _ => format!("{scheme}://{host}/{hidden}"),
    }
}

/// Leaves out secrets that a file holds and keys without a value; escapes `$`, which would begin a variable.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            let from_file = |key: &str| {
                let file = keys.get(&format!("{key}_file")).and_then(Value::as_str);
                file.is_some_and(|file| !file.is_empty())
            };
            let hidden = |value: &Value| value.as_str() == Some(Secret::HIDDEN);
            let redundant: Vec<String> = keys
                .iter()
                .filter(|(key, value)| value.is_null() || (hidden(value) && from_file(key)))
                .map(|(key, _)| key.clone())
                .collect();
            keys.retain(|key, _| !redundant.contains(key));
            keys.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::String(text) if text.contains('$') => *text = text.replace('$', "$$"),
        _ => {}
    }
}

/// The keys that differ and take effect only at the next start.
#[must_use]
pub fn restart_needed(old: &Config, new: &Config) -> Vec<&'static str> {
    let (old, new) = (serde_json::to_value(old), serde_json::to_value(new));
    let (Ok(old), Ok(new)) = (old, new) else {
        return Vec::new();
    };
    let differs = |path: &&&str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        old.pointer(&pointer) != new.pointer(&pointer)
    };
    NEEDS_RESTART.iter().filter(differs).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{schema, shape::Shape};

    #[test]
    fn only_scheme_host_and_port_of_an_address_are_shown() {
        for (url, expected) in [
            ("http://alertmanager:9093", "http://alertmanager:9093"),
            ("http://alertmanager:9093/", "http://alertmanager:9093/"),
            ("https://[::1]:9093/am", "https://[::1]:9093/<secret>"),
            (
                "https://me:pw@hook.example.org",
                "https://<secret>@hook.example.org",
            ),
            (
                "https://me:p@w@hook.example.org/T0/abc?token=1#x",
                "https://<secret>@hook.example.org/<secret>",
            ),
            (
                "https://hook.example.org?token=1",
                "https://hook.example.org/<secret>",
            ),
        ] {
            assert_eq!(masked(url), expected);
        }
    }

    #[test]
    fn keys_that_need_a_restart_exist() {
        let schema = schema();
        for path in NEEDS_RESTART {
            assert!(Shape::new(&schema).at(path).is_some(), "{path} is no key");
        }
    }

    #[test]
    fn only_some_changes_need_a_restart() {
        let old = Config::default();
        let mut new = old.clone();
        new.external_url = "https://monitor.example.org".to_owned();
        assert_eq!(restart_needed(&old, &new), [""; 0]);
        new.data_dir = "/elsewhere".to_owned();
        new.web.listen_address = "127.0.0.1:1".to_owned();
        assert_eq!(restart_needed(&old, &new), ["data_dir", "web.listen_address"]);
    }
}
