//! Reads the JSON Schema that the types of `Config` make: what a key accepts, in a form that can be checked and
//! put into words.

use std::fmt;

use serde_json::{Map, Value};

use crate::{collectors::devices::DSCP_FORMAT, units::DURATION_FORMAT};

/// A schema and the definitions it refers to.
#[derive(Clone, Copy)]
pub(super) struct Shape<'s> {
    root: &'s Value,
    schema: &'s Value,
}

/// What a key accepts.
pub(super) enum Kind<'s> {
    Switch,
    Text {
        is_secret: bool,
    },
    Duration,
    Dscp,
    Choice(Vec<&'s str>),
    Whole {
        min: Option<i64>,
        max: Option<u64>,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    List(Shape<'s>),
    Section(Keys<'s>),
    /// Nothing that this module understands; a test keeps the schema free of it.
    Unknown,
}

/// The keys of a section.
pub(super) struct Keys<'s> {
    root: &'s Value,
    known: Option<&'s Map<String, Value>>,
    required: Vec<&'s str>,
    rest: Option<&'s Value>,
}

impl<'s> Shape<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, schema: root }
    }

    /// The schema behind a reference or an optional value, and whether null is accepted.
    fn target(self) -> (&'s Value, bool) {
        let (mut schema, mut nullable) = (self.schema, false);
        // References of a generated schema do not form chains longer than this.
        for _ in 0..8 {
            if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
                let pointer = name.strip_prefix('#').unwrap_or(name);
                schema = self.root.pointer(pointer).unwrap_or(&Value::Null);
            } else if let Some(either) = schema.get("anyOf").and_then(Value::as_array) {
                let null = |s: &&Value| s.get("type").and_then(Value::as_str) == Some("null");
                nullable |= either.iter().any(|s| null(&s));
                schema = either.iter().find(|s| !null(s)).unwrap_or(&Value::Null);
            } else {
                break;
            }
        }
        nullable |= types(schema).contains(&"null");
        (schema, nullable)
    }

    pub(super) fn is_nullable(self) -> bool {
        self.target().1
    }

    pub(super) fn kind(self) -> Kind<'s> {
        let (schema, _) = self.target();
        if let Some(words) = choices(schema) {
            return Kind::Choice(words);
        }
        let float = |key| schema.get(key).and_then(Value::as_f64);
        match types(schema).into_iter().find(|name| *name != "null") {
            Some("boolean") => Kind::Switch,
            Some("string") if text(schema, "format") == Some(DURATION_FORMAT) => Kind::Duration,
            Some("string") if text(schema, "format") == Some(DSCP_FORMAT) => Kind::Dscp,
            Some("string") => Kind::Text {
                is_secret: schema.get("writeOnly").and_then(Value::as_bool) == Some(true),
            },
            Some("integer") => Kind::Whole {
                min: schema.get("minimum").and_then(Value::as_i64),
                max: schema
                    .get("maximum")
                    .and_then(Value::as_u64)
                    .or(format_maximum(schema)),
            },
            Some("number") => Kind::Number {
                min: float("minimum"),
                max: float("maximum"),
            },
            Some("array") => schema
                .get("items")
                .map_or(Kind::Unknown, |items| Kind::List(self.inner(items))),
            Some("object") => Kind::Section(self.keys(schema)),
            _ => Kind::Unknown,
        }
    }

    fn keys(self, schema: &'s Value) -> Keys<'s> {
        let required = schema.get("required").and_then(Value::as_array);
        Keys {
            root: self.root,
            known: schema.get("properties").and_then(Value::as_object),
            required: required.into_iter().flatten().filter_map(Value::as_str).collect(),
            rest: schema.get("additionalProperties").filter(|rest| rest.is_object()),
        }
    }

    fn inner(self, schema: &'s Value) -> Self {
        Self {
            root: self.root,
            schema,
        }
    }

    /// The shape at dotted `path`, if there is such a key.
    pub(super) fn at(self, path: &str) -> Option<Self> {
        path.split('.').try_fold(self, |shape, key| match shape.kind() {
            Kind::Section(keys) => keys.get(key),
            _ => None,
        })
    }

    /// Every key below this section with its dotted path, sections before their keys. Lists are not entered.
    pub(super) fn paths(self) -> Vec<(String, Self)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect(self, prefix: &str, found: &mut Vec<(String, Self)>) {
        let Kind::Section(keys) = self.kind() else { return };
        for name in keys.names() {
            if let Some(shape) = keys.get(name) {
                let path = super::tree::join(prefix, name);
                found.push((path.clone(), shape));
                shape.collect(&path, found);
            }
        }
    }
}

impl<'s> Keys<'s> {
    /// The keys that are known by name.
    pub(super) fn names(&self) -> impl Iterator<Item = &'s str> {
        self.known
            .into_iter()
            .flat_map(|known| known.keys().map(String::as_str))
    }

    pub(super) fn required(&self) -> &[&'s str] {
        &self.required
    }

    /// What `key` accepts; `None` for an unknown key.
    pub(super) fn get(&self, key: &str) -> Option<Shape<'s>> {
        let schema = self.known.and_then(|known| known.get(key)).or(self.rest)?;
        Some(Shape {
            root: self.root,
            schema,
        })
    }
}

impl fmt::Display for Kind<'_> {
    /// What would be accepted, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("`true` or `false`"),
            Self::Text { .. } => f.write_str("text"),
            Self::Duration => f.write_str("a duration, such as `30s`, `5m` or `24h`"),
            Self::Dscp => f.write_str("a class of service from 0 to 63, or its name, such as `EF` or `AF41`"),
            Self::Choice(words) => f.write_str(&listed(words)),
            Self::Whole { min, max } => range(f, "a whole number", min.as_ref(), max.as_ref()),
            Self::Number { min, max } => range(f, "a number", min.as_ref(), max.as_ref()),
            Self::List(items) => match items.kind() {
                Kind::Text { .. } => f.write_str("a list, such as `[one, two]`"),
                Kind::Section(keys) => {
                    let first = keys.required.first().copied().or_else(|| keys.names().next());
                    write!(f, "a list, such as `[{{{}: …}}]`", first.unwrap_or("key"))
                }
                _ => f.write_str("a list"),
            },
            Self::Section(keys) => write!(f, "the keys {}", listed(&keys.names().collect::<Vec<_>>())),
            Self::Unknown => f.write_str("another value"),
        }
    }
}

/// Words in backticks with commas between.
pub(super) fn listed(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn range<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    min: Option<&T>,
    max: Option<&impl fmt::Display>,
) -> fmt::Result {
    match (min, max) {
        (Some(min), Some(max)) => write!(f, "{what} from {min} to {max}"),
        (Some(min), None) => write!(f, "{what}, at least {min}"),
        (None, Some(max)) => write!(f, "{what}, at most {max}"),
        (None, None) => f.write_str(what),
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn text<'s>(schema: &'s Value, key: &str) -> Option<&'s str> {
    schema.get(key).and_then(Value::as_str)
}

/// The words of an enumeration, with or without a description for each.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words
            .iter()
            // A word that looks like a number is listed as both.
            .filter(|word| !word.is_null() && !word.is_number())
            .map(Value::as_str)
            .collect();
    }
    let variants = schema.get("oneOf")?.as_array()?.iter().map(|variant| {
        variant
            .get("const")
            .and_then(Value::as_str)
            .map_or_else(|| choices(variant), |word| Some(vec![word]))
    });
    variants.collect::<Option<Vec<_>>>().map(|words| words.concat())
}

/// The largest value of an integer type for which the schema writes its width but no maximum.
fn format_maximum(schema: &Value) -> Option<u64> {
    match text(schema, "format")? {
        "uint8" => Some(u8::MAX.into()),
        "uint16" => Some(u16::MAX.into()),
        "uint32" => Some(u32::MAX.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[test]
    fn every_key_has_a_kind_that_is_checked() {
        let schema = schema();
        let unknown: Vec<_> = Shape::new(&schema)
            .paths()
            .into_iter()
            .filter(|(_, shape)| matches!(shape.kind(), Kind::Unknown))
            .map(|(path, _)| path)
            .collect();
        assert!(unknown.is_empty(), "these keys are not checked: {unknown:?}");
    }

    /// A constraint that this module does not read would be accepted and then fail without a place.
    #[test]
    fn the_schema_uses_only_constraints_that_are_read() {
        let text = schema().to_string();
        for word in [
            "pattern",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "uniqueItems",
            "multipleOf",
        ] {
            assert!(!text.contains(&format!("\"{word}\":")), "{word} is not checked");
        }
    }
}
