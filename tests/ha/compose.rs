//! Services as the shipped compose files describe them: docker-compose.ha.yml laid over docker-compose.yml, as
//! `docker compose -f … -f …` does, as far as these two files need it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

/// Values of `.env`.
pub(crate) type Settings = BTreeMap<&'static str, String>;

const BASE: &str = "docker-compose.yml";
const OVER: &str = "docker-compose.ha.yml";

/// The two files.
pub(crate) struct Compose {
    folder: PathBuf,
    base: Value,
    over: Value,
}

/// What is needed to start a service.
pub(crate) struct Service {
    /// Entry point and command; the entry point is that of the image where the files name none.
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) mounts: Vec<Mount>,
    /// The address that its health check asks.
    pub(crate) health: Option<String>,
}

/// A folder that the service sees.
pub(crate) struct Mount {
    pub(crate) source: Source,
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

/// Where the folder is.
pub(crate) enum Source {
    Volume(String),
    Path(PathBuf),
}

impl Compose {
    /// Reads both files in that folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let read = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).expect("readable");
            let value: Value = serde_yaml::from_str(&text).expect("YAML");
            merged_keys(value)
        };
        Self {
            folder: folder.to_owned(),
            base: read(BASE),
            over: read(OVER),
        }
    }

    /// A service with these settings in the place of variables.
    pub(crate) fn service(&self, name: &str, settings: &Settings) -> Service {
        let over = &self.over["services"][name];
        let extended = &over["extends"];
        assert!(extended.is_null() || extended["file"] == BASE, "{extended}");
        let parent = extended["service"].as_str().unwrap_or(name);
        let mut service = self.base["services"][parent].clone();
        assert!(
            !(service.is_null() && over.is_null()),
            "there is no service {name}"
        );
        lay_over(&mut service, over);
        fill_in(&mut service, settings);
        let words = |key: &str| strings(&service[key]);
        Service {
            words: [words("entrypoint"), words("command")].concat(),
            environment: environment(&service["environment"], settings),
            mounts: items(&service["volumes"])
                .iter()
                .map(|volume| self.mount(volume))
                .collect(),
            health: strings(&service["healthcheck"]["test"])
                .pop()
                .filter(|word| word.starts_with("http://")),
        }
    }

    fn mount(&self, volume: &Value) -> Mount {
        let (source, target, read_only) = parts(volume);
        let source = if source.starts_with('.') {
            Source::Path(self.folder.join(source))
        } else if source.starts_with('/') {
            Source::Path(source.into())
        } else {
            Source::Volume(source)
        };
        Mount {
            source,
            target,
            read_only,
        }
    }
}

/// The text with the values of variables: `${NAME}`, `${NAME:-instead}`, and `$$` for a dollar sign.
pub(crate) fn expand(text: &str, settings: &Settings) -> String {
    let Some((before, rest)) = text.split_once('$') else {
        return text.to_owned();
    };
    let (value, after) = if let Some(after) = rest.strip_prefix('$') {
        ("$".to_owned(), after)
    } else {
        let inner = rest.strip_prefix('{').expect("braces around a variable");
        let end = closing_brace(inner);
        let (name, instead) = inner[..end].split_once(":-").unwrap_or((&inner[..end], ""));
        let set = settings.get(name).filter(|value| !value.is_empty());
        let value = set.cloned().unwrap_or_else(|| expand(instead, settings));
        (value, &inner[end + 1..])
    };
    format!("{before}{value}{}", expand(after, settings))
}

fn closing_brace(text: &str) -> usize {
    let mut open = 1;
    let end = text.char_indices().find(|(_, c)| {
        open += i32::from(*c == '{') - i32::from(*c == '}');
        open == 0
    });
    end.expect("a closing brace").0
}

/// Source, target, and whether it is read-only, of a volume in the short or the long form.
fn parts(volume: &Value) -> (String, String, bool) {
    if let Some(text) = volume.as_str() {
        let mut words = text.split(':').map(str::to_owned);
        let mut next = || words.next().unwrap_or_default();
        return (next(), next(), next() == "ro");
    }
    let word = |key: &str| volume[key].as_str().expect("the long form").to_owned();
    (word("source"), word("target"), volume["read_only"] == true)
}

/// The second file's keys of a service win; environment and health check are laid over key by key, volumes by target.
fn lay_over(service: &mut Value, over: &Value) {
    let Some(over) = over.as_object() else { return };
    for (key, value) in over {
        let slot = &mut service[key.as_str()];
        match (key.as_str(), slot.is_null()) {
            ("environment" | "healthcheck", false) => {
                let keys = slot.as_object_mut().expect("a map");
                keys.extend(value.as_object().expect("a map").clone());
            }
            ("volumes", false) => {
                let volumes = slot.as_array_mut().expect("a list");
                for volume in items(value) {
                    volumes.retain(|other| parts(other).1 != parts(volume).1);
                    volumes.push(volume.clone());
                }
            }
            _ => *slot = value.clone(),
        }
    }
}

/// Variables without a value are those of the settings.
fn environment(variables: &Value, settings: &Settings) -> Vec<(String, String)> {
    let Some(variables) = variables.as_object() else {
        return Vec::new();
    };
    let value = |name: &String, value: &Value| match value {
        Value::Null => settings.get(name.as_str()).cloned(),
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let pairs = variables
        .iter()
        .filter_map(|(name, given)| Some((name.clone(), value(name, given)?)));
    pairs.collect()
}

fn fill_in(value: &mut Value, settings: &Settings) {
    match value {
        Value::String(text) => *text = expand(text, settings),
        Value::Array(values) => values.iter_mut().for_each(|value| fill_in(value, settings)),
        Value::Object(keys) => keys.values_mut().for_each(|value| fill_in(value, settings)),
        _ => {}
    }
}

/// What `<<` brings in, below what is written beside it.
fn merged_keys(value: Value) -> Value {
    match value {
        Value::Object(keys) => {
            let mut merged = Map::new();
            let (brought, own): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(key, _)| key == "<<");
            for (_, value) in brought {
                merged.extend(merged_keys(value).as_object().expect("a map").clone());
            }
            merged.extend(own.into_iter().map(|(key, value)| (key, merged_keys(value))));
            Value::Object(merged)
        }
        Value::Array(values) => values.into_iter().map(merged_keys).collect(),
        other => other,
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a list of words").to_owned();
    items(value).iter().map(text).collect()
}

#[test]
fn variables_are_filled_in_as_compose_does() {
    let settings = Settings::from([("A", "1".to_owned()), ("EMPTY", String::new())]);
    for (text, expected) in [
        ("plain", "plain"),
        ("${A}-${B}", "1-"),
        ("${B:-http://x:${A:-9}/}!", "http://x:1/!"),
        ("${EMPTY:-2}$${A}", "2${A}"),
    ] {
        assert_eq!(expand(text, &settings), expected);
    }
}
