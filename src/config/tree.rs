//! A configuration as it was given: values with the place each came from. Overlays put variables and flags on top.
//! Decides nothing about keys and types; `check` does.

use crate::problem::Problem;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// In the file; both counted from 1.
    File { line: usize, column: usize },
    /// By an environment variable of the Python system.
    Python(String),
    /// By an environment variable of our own.
    Variable(String),
    /// By a flag of the command line.
    Flag(String),
    /// Nowhere: the default.
    Default,
}

/// Something wrong, and where it was given.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Fault {
    pub(super) origin: Origin,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn new(origin: &Origin, path: &str, message: impl Into<String>) -> Self {
        Self {
            origin: origin.clone(),
            problem: Problem {
                path: path.to_owned(),
                message: message.into(),
            },
        }
    }
}

/// A value and its origin. It may hold a secret: only tests can print one.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Value {
    /// A scalar as it is written without quotes: its type follows from its look.
    Plain(String),
    /// A scalar in quotes or a block: text.
    Text(String),
    /// What a variable stands for: its type follows from the key. `shown` is how the file wrote it.
    Word {
        text: String,
        shown: Option<String>,
    },
    List(Vec<Node>),
    Section(Vec<Entry>),
    /// Already reported; whatever it was, it is left out.
    Broken,
}

/// One key of a section.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) origin: Origin,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin }
    }

    pub(super) fn empty() -> Self {
        Self::new(Value::Section(Vec::new()), Origin::Default)
    }

    /// Whether nothing is written: `key:`, `key: ~` or `key: null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Section(entries) = &self.value else {
            return None;
        };
        entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The value at dotted `path`, if it was given.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// Puts `node` at dotted `path` and returns what it takes the place of. Does nothing where the path runs
    /// into a value that is no section: that is reported on its own.
    pub(super) fn put(&mut self, path: &str, node: Self) -> Option<Self> {
        let (key, rest) = path
            .split_once('.')
            .map_or((path, None), |(key, rest)| (key, Some(rest)));
        if self.is_null() {
            self.value = Value::Section(Vec::new());
        }
        let Value::Section(entries) = &mut self.value else {
            return None;
        };
        let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) else {
            let origin = node.origin.clone();
            let mut inner = node;
            if let Some(rest) = rest {
                let value =
                    std::mem::replace(&mut inner, Self::new(Value::Section(Vec::new()), origin.clone()));
                inner.put(rest, value);
            }
            entries.push(Entry {
                key: key.to_owned(),
                origin,
                node: inner,
            });
            return None;
        };
        match rest {
            Some(rest) => entry.node.put(rest, node),
            None => Some(std::mem::replace(&mut entry.node, node)),
        }
    }

    /// Takes the value at dotted `path` away.
    pub(super) fn remove(&mut self, path: &str) -> Option<Self> {
        let (key, rest) = path
            .split_once('.')
            .map_or((path, None), |(key, rest)| (key, Some(rest)));
        let Value::Section(entries) = &mut self.value else {
            return None;
        };
        let index = entries.iter().position(|entry| entry.key == key)?;
        match rest {
            Some(rest) => entries.get_mut(index)?.node.remove(rest),
            None => Some(entries.remove(index).node),
        }
    }

    /// Where the value at `path` was given, or the nearest section or list around it. The path is one of
    /// [`crate::problem::Problem`]: keys with dots between, positions in brackets.
    pub(super) fn origin_of(&self, path: &str) -> Origin {
        let mut node = self;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match &node.value {
                Value::List(items) => step
                    .trim_end_matches(']')
                    .parse()
                    .ok()
                    .and_then(|i: usize| items.get(i)),
                _ => node.get(step),
            };
            let Some(next) = next else { break };
            node = next;
        }
        node.origin.clone()
    }
}

/// `path` and one key more.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, line: usize) -> Node {
        Node::new(Value::Text(text.to_owned()), Origin::File { line, column: 1 })
    }

    #[test]
    fn what_is_put_is_found_with_its_origin() {
        let mut root = Node::empty();
        assert_eq!(root.put("web.listen_address", text("a", 1)), None);
        assert_eq!(root.put("web.allowed_hosts", text("b", 2)), None);
        assert_eq!(root.put("web.listen_address", text("c", 3)), Some(text("a", 1)));
        assert_eq!(root.at("web.listen_address"), Some(&text("c", 3)));
        assert_eq!(
            root.origin_of("web.listen_address"),
            Origin::File { line: 3, column: 1 }
        );
        assert_eq!(root.origin_of("web.missing"), Origin::File { line: 1, column: 1 });
        assert_eq!(root.remove("web.allowed_hosts"), Some(text("b", 2)));
        assert_eq!(root.at("web.allowed_hosts"), None);
    }

    #[test]
    fn a_value_that_is_no_section_is_left_alone() {
        let mut root = Node::empty();
        root.put("web", text("oops", 1));
        root.put("web.listen_address", text("a", 2));
        assert_eq!(root.at("web"), Some(&text("oops", 1)));
    }

    #[test]
    fn positions_lead_into_lists() {
        let mut root = Node::empty();
        let list = Node::new(Value::List(vec![text("a", 4), text("b", 5)]), Origin::Default);
        root.put("rules", list);
        assert_eq!(
            root.origin_of("rules[1].name"),
            Origin::File { line: 5, column: 1 }
        );
        assert_eq!(root.origin_of("rules[7]"), Origin::Default);
    }
}
