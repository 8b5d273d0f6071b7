//! Checks a tree against the schema and turns what is right in it into JSON. What is wrong is reported and left
//! out, so that the rest can be examined in the same run.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
};

use serde_json::{Map, Value as Json};

use super::{
    hint::{hint, is_size},
    scalar,
    shape::{Keys, Kind, Shape, listed},
    tree::{Entry, Fault, Node, Origin, Value, join},
};
use crate::{collectors::devices::Dscp, problem::nearest, units::HumanDuration};

/// What a tree came to.
pub(super) struct Checked {
    /// Everything that has the right shape.
    pub(super) json: Json,
    pub(super) faults: Vec<Fault>,
    left_out: LeftOut,
}

/// What was wrong and is therefore missing from the JSON.
#[derive(Default)]
pub(super) struct LeftOut {
    /// Paths of values.
    paths: BTreeSet<String>,
    /// For lists that lost items: the positions of those that stayed.
    kept: HashMap<String, Vec<usize>>,
}

/// Checks the whole of `root`.
pub(super) fn check(root: &Node, schema: &Json) -> Checked {
    let mut check = Check {
        top: Shape::new(schema),
        places: OnceCell::new(),
        faults: Vec::new(),
        left_out: LeftOut::default(),
    };
    let json = check.node(root, check.top, "");
    Checked {
        json: json.unwrap_or_else(|| Json::Object(Map::new())),
        faults: check.faults,
        left_out: check.left_out,
    }
}

impl Checked {
    /// Of a tree that cannot be checked.
    pub(super) fn nothing() -> Self {
        Self {
            json: Json::Null,
            faults: Vec::new(),
            left_out: LeftOut::default(),
        }
    }

    /// The path in the tree of what is at `path` in the JSON; `None` if it, or a part of it, was reported already.
    pub(super) fn original_path(&self, path: &str) -> Option<String> {
        let original = self.left_out.with_original_positions(path);
        (!self.left_out.touches(&original)).then_some(original)
    }

    /// As [`original_path`](Self::original_path), also of what was reported.
    pub(super) fn path_in_tree(&self, path: &str) -> String {
        self.left_out.with_original_positions(path)
    }
}

impl LeftOut {
    /// Whether this path, something around it or something in it was left out.
    fn touches(&self, path: &str) -> bool {
        let around = path
            .match_indices(['.', '['])
            .filter_map(|(end, _)| path.get(..end));
        let inside = |mark: char| {
            let start = format!("{path}{mark}");
            self.paths
                .range(start.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&start))
        };
        around.chain([path]).any(|outer| self.paths.contains(outer)) || inside('.') || inside('[')
    }

    fn with_original_positions(&self, path: &str) -> String {
        let mut original = String::new();
        for (nth, part) in path.split('[').enumerate() {
            if nth == 0 {
                original.push_str(part);
                continue;
            }
            let (position, rest) = part.split_once(']').unwrap_or((part, ""));
            let stayed = self.kept.get(&original).zip(position.parse().ok());
            let position = stayed
                .and_then(|(kept, now): (_, usize)| kept.get(now))
                .map(ToString::to_string);
            let position = position.unwrap_or_else(|| part.split(']').next().unwrap_or_default().to_owned());
            original = format!("{original}[{position}]{rest}");
        }
        original
    }
}

struct Check<'s> {
    top: Shape<'s>,
    /// Paths of all keys by their last word.
    places: OnceCell<HashMap<String, Vec<String>>>,
    faults: Vec<Fault>,
    left_out: LeftOut,
}

impl<'s> Check<'s> {
    fn node(&mut self, node: &Node, shape: Shape<'s>, path: &str) -> Option<Json> {
        let kind = shape.kind();
        if matches!(node.value, Value::Broken) {
            self.left_out.paths.insert(path.to_owned());
            return None;
        }
        if node.is_null() {
            let nothing_given = shape.is_nullable() || matches!(kind, Kind::List(_) | Kind::Section(_));
            return if nothing_given {
                None
            } else {
                self.wrong(node, path, &kind)
            };
        }
        match (&node.value, kind) {
            (Value::List(items), Kind::List(shape)) => Some(self.list(items, shape, path)),
            (Value::Section(entries), Kind::Section(keys)) => self.section(node, entries, &keys, path),
            (Value::List(_) | Value::Section(_), kind) => self.wrong(node, path, &kind),
            (_, kind) => match scalar_of(&node.value, &kind) {
                Some(json) => Some(json),
                None => self.wrong(node, path, &kind),
            },
        }
    }

    fn list(&mut self, items: &[Node], shape: Shape<'s>, path: &str) -> Json {
        let (mut values, mut kept) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for (position, item) in items.iter().enumerate() {
            let path = format!("{path}[{position}]");
            if item.is_null() {
                self.wrong(item, &path, &shape.kind());
            } else if let Some(value) = self.node(item, shape, &path) {
                values.push(value);
                kept.push(position);
            }
        }
        if kept.len() < items.len() {
            self.left_out.kept.insert(path.to_owned(), kept);
        }
        Json::Array(values)
    }

    /// `None` when a required key is missing: then the section cannot be examined further.
    fn section(&mut self, node: &Node, entries: &[Entry], keys: &Keys<'s>, path: &str) -> Option<Json> {
        let mut values = Map::new();
        for entry in entries {
            let path = join(path, &entry.key);
            match keys.get(&entry.key) {
                Some(shape) => {
                    let value = self.node(&entry.node, shape, &path);
                    values.extend(value.map(|value| (entry.key.clone(), value)));
                }
                None => self.unknown_key(entry, keys, &path),
            }
        }
        let given = |key: &str| entries.iter().any(|entry| entry.key == key);
        for key in keys.required().iter().filter(|key| !given(key)) {
            let message = format!("the key `{key}` is missing");
            self.fault(&node.origin, &join(path, key), message);
        }
        let complete = keys.required().iter().all(|key| values.contains_key(*key));
        complete.then_some(Json::Object(values))
    }

    fn unknown_key(&mut self, entry: &Entry, keys: &Keys<'s>, path: &str) {
        let names: Vec<_> = keys.names().collect();
        let hint = match nearest(&entry.key, &names) {
            Some(name) => format!("; did you mean `{name}`?"),
            None => self.elsewhere(&entry.key, path),
        };
        let message = format!("unknown key; accepted: {}{hint}", listed(&names));
        self.fault(&entry.origin, path, message);
    }

    /// Where a key of this name is known, when it is known in one place only.
    fn elsewhere(&self, key: &str, path: &str) -> String {
        let places = self.places.get_or_init(|| {
            let mut places: HashMap<String, Vec<String>> = HashMap::new();
            for (known, _) in self.top.paths() {
                let last = known.rsplit('.').next().unwrap_or(&known).to_owned();
                places.entry(last).or_default().push(known);
            }
            places
        });
        match places.get(key).map(Vec::as_slice) {
            Some([place]) if place != path => format!("; did you mean `{place}`?"),
            _ => String::new(),
        }
    }

    fn wrong(&mut self, node: &Node, path: &str, kind: &Kind<'_>) -> Option<Json> {
        let hint = match kind {
            Kind::Text { .. } if node.is_null() => "; for none write `\"\"`".to_owned(),
            _ if node.is_null() => String::new(),
            _ => hint(&node.value, path, kind),
        };
        let message = format!("{}; accepted: {}{hint}", given(node, kind), accepted(path, kind));
        self.fault(&node.origin, path, message);
        None
    }

    fn fault(&mut self, origin: &Origin, path: &str, message: String) {
        self.left_out.paths.insert(path.to_owned());
        self.faults.push(Fault::new(origin, path, message));
    }
}

/// The value of a scalar for a key of this kind, if it is one.
pub(super) fn scalar_of(value: &Value, kind: &Kind<'_>) -> Option<Json> {
    let (text, resolved) = match value {
        Value::Text(text) => (text, Json::String(text.clone())),
        Value::Plain(text) | Value::Word { text, .. } => (text, scalar::resolve(text)),
        _ => return None,
    };
    let is_text = resolved.is_string() || matches!(value, Value::Word { .. });
    let accepted = match kind {
        Kind::Switch => resolved.is_boolean(),
        Kind::Text { .. } => return is_text.then(|| Json::String(text.clone())),
        Kind::Duration => {
            return HumanDuration::parse(text.trim())
                .ok()
                .map(|_| Json::String(text.clone()));
        }
        Kind::Dscp => return Dscp::parse(text.trim()).map(|dscp| Json::String(dscp.to_string())),
        Kind::Choice(words) => return words.contains(&text.as_str()).then(|| Json::String(text.clone())),
        Kind::Whole { min, max } => return whole(&resolved, *min, *max),
        Kind::Number { min, max } => resolved
            .as_f64()
            .is_some_and(|number| min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)),
        Kind::List(_) | Kind::Section(_) | Kind::Unknown => false,
    };
    accepted.then_some(resolved)
}

fn whole(json: &Json, min: Option<i64>, max: Option<u64>) -> Option<Json> {
    let number = json
        .as_i64()
        .map(i128::from)
        .or_else(|| json.as_u64().map(i128::from))?;
    let fits = min.is_none_or(|min| number >= min.into()) && max.is_none_or(|max| number <= max.into());
    fits.then(|| json.clone())
}

/// What would be accepted, in words; sizes name their unit.
fn accepted(path: &str, kind: &Kind<'_>) -> String {
    match kind {
        Kind::Whole { .. } if is_size(path) => {
            kind.to_string()
                .replacen("a whole number", "a whole number of bytes", 1)
        }
        _ => kind.to_string(),
    }
}

/// What was given, in words; never the content of a secret or of a variable put into the file.
fn given(node: &Node, kind: &Kind<'_>) -> String {
    let shown = match &node.value {
        _ if node.is_null() => return "no value is given".to_owned(),
        Value::List(_) => return "given a list".to_owned(),
        Value::Section(_) => return "given keys and values".to_owned(),
        Value::Broken => return "not understood".to_owned(),
        _ if matches!(kind, Kind::Text { is_secret: true }) => {
            return "given a value that is no text".to_owned();
        }
        Value::Word {
            shown: Some(shown), ..
        } => {
            return format!("given what `{}` stands for", short(shown));
        }
        Value::Plain(text) | Value::Text(text) | Value::Word { text, .. } => text,
    };
    format!("given `{}`", short(shown))
}

fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .collect::<String>()
        .escape_debug()
        .to_string();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown.replace("\\'", "'").replace("\\\"", "\"")
}
