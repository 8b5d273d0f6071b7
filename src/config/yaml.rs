//! YAML text into a tree with positions. Refuses what a configuration does not need (anchors, tags, merge keys,
//! several documents) with a sentence, and bounds size and depth, so hostile text costs little.

use std::collections::{HashMap, hash_map::Entry as Slot};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use super::{
    expand::{Expanded, expand},
    tree::{Entry, Fault, Node, Origin, Value, join},
};

/// Largest text that is read, in bytes: room for some 100,000 targets.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How deep lists and sections may nest.
const MAX_DEPTH: usize = 64;

/// Reads the bytes of a file, in which `variables` are put if there are any to put. What could be understood is
/// returned with all that is wrong; after an error of syntax that is an empty tree.
pub(super) fn read_file(bytes: &[u8], variables: Option<&HashMap<&str, &str>>) -> (Node, Vec<Fault>) {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES / 1024 / 1024);
        return (Node::empty(), vec![Fault::new(&Origin::Default, "", message)]);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Builder::new(variables, Place::File).run(text),
        Err(error) => (Node::empty(), vec![not_utf8(bytes, error.valid_up_to())]),
    }
}

/// Reads a value that a variable or a flag gives for `path`; everything in it has this one origin.
pub(super) fn read_value(text: &str, path: &str, origin: &Origin) -> (Node, Vec<Fault>) {
    let (node, mut faults) = Builder::new(None, Place::Fixed(origin.clone())).run(text);
    for fault in &mut faults {
        let inner = &fault.problem.path;
        fault.problem.path = match inner.as_str() {
            "" => path.to_owned(),
            inner if inner.starts_with('[') => format!("{path}{inner}"),
            inner => join(path, inner),
        };
    }
    (node, faults)
}

fn not_utf8(bytes: &[u8], valid: usize) -> Fault {
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let message = format!("byte 0x{byte:02x} is not UTF-8 text; accepted: a file saved as UTF-8");
    Fault::new(&Origin::File { line, column }, "", message)
}

/// Where the text stands, so where its parts stand.
enum Place {
    File,
    Fixed(Origin),
}

/// A list or section that is not closed yet.
enum Open {
    List(Vec<Node>),
    Section {
        entries: Vec<Entry>,
        seen: HashMap<String, Origin>,
        /// The key whose value comes next; `None` inside when the key itself was refused.
        key: Option<(Option<String>, Origin)>,
    },
}

struct Builder<'v> {
    variables: Option<&'v HashMap<&'v str, &'v str>>,
    place: Place,
    open: Vec<(Open, Origin)>,
    root: Option<Node>,
    documents: usize,
    faults: Vec<Fault>,
}

impl<'v> Builder<'v> {
    fn new(variables: Option<&'v HashMap<&'v str, &'v str>>, place: Place) -> Self {
        Self {
            variables,
            place,
            open: Vec::new(),
            root: None,
            documents: 0,
            faults: Vec::new(),
        }
    }

    fn run(mut self, text: &str) -> (Node, Vec<Fault>) {
        let options = granit_parser::options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        for event in Parser::new_from_str_with_options(text, options) {
            match event {
                Ok((event, span)) => self.event(event, &span),
                Err(error) => {
                    self.syntax_error(&error, text);
                    return (Node::empty(), self.faults);
                }
            }
            if self.documents > 1 {
                break;
            }
        }
        let root = self.root.filter(|root| !root.is_null());
        (root.unwrap_or_else(Node::empty), self.faults)
    }

    fn event(&mut self, event: Event<'_>, span: &Span) {
        let origin = self.origin(span);
        if event.anchor_id().is_some() {
            self.refuse(
                &origin,
                "anchors (`&name`) are not supported; accepted: the value written out",
            );
        }
        if event.tag().is_some() {
            self.refuse(
                &origin,
                "tags (`!name`) are not supported; accepted: the value alone",
            );
        }
        match event {
            Event::DocumentStart(..) => self.document(&origin),
            Event::Scalar(text, style, ..) => self.scalar(&text, style, origin),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(
                    &origin,
                    "aliases (`*name`) are not supported; accepted: the value written out",
                );
                self.complete(Node::new(Value::Broken, origin));
            }
            Event::SequenceStart(..) => self.open.push((Open::List(Vec::new()), origin)),
            Event::MappingStart(..) => {
                let section = Open::Section {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                };
                self.open.push((section, origin));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => {}
        }
    }

    fn document(&mut self, origin: &Origin) {
        self.documents += 1;
        if self.documents > 1 {
            self.refuse(
                origin,
                "a second document begins here (`---`); accepted: one document in a file",
            );
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, origin: Origin) {
        let is_key = matches!(self.open.last(), Some((Open::Section { key: None, .. }, _)));
        let inline = matches!(
            style,
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted
        );
        let look = |text: String| match style {
            ScalarStyle::Plain => Value::Plain(text),
            _ => Value::Text(text),
        };
        let value = match self.variables.filter(|_| inline && !is_key) {
            None => look(text.to_owned()),
            Some(variables) => match expand(text, variables) {
                Ok(Expanded::Literal(text)) => look(text),
                Ok(Expanded::Filled(filled)) => Value::Word {
                    text: filled,
                    shown: Some(text.to_owned()),
                },
                Err(message) => {
                    self.refuse(&origin, &message);
                    Value::Broken
                }
            },
        };
        self.complete(Node::new(value, origin));
    }

    fn close(&mut self) {
        let Some((open, origin)) = self.open.pop() else {
            return;
        };
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Section { entries, .. } => Value::Section(entries),
        };
        self.complete(Node::new(value, origin));
    }

    /// Hands a finished value to the list, section or document it belongs to.
    fn complete(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(items), _)) => items.push(node),
            Some((Open::Section { key, .. }, _)) if key.is_none() => self.begin_entry(node),
            Some((Open::Section { entries, key, .. }, _)) => {
                if let Some((Some(name), origin)) = key.take() {
                    entries.push(Entry {
                        key: name,
                        origin,
                        node,
                    });
                }
            }
        }
    }

    fn begin_entry(&mut self, node: Node) {
        let path = self.path();
        let Some((Open::Section { seen, key, .. }, _)) = self.open.last_mut() else {
            return;
        };
        let origin = node.origin;
        let (Value::Plain(name) | Value::Text(name)) = node.value else {
            *key = Some((None, origin.clone()));
            self.faults
                .push(Fault::new(&origin, &path, "a key must be a plain word"));
            return;
        };
        let problem = match seen.entry(name.clone()) {
            Slot::Occupied(first) => Some(format!(
                "given twice, first {}; accepted: each key once",
                position(first.get())
            )),
            Slot::Vacant(_) if name == "<<" => {
                Some("merge keys are not supported; accepted: the keys written out".to_owned())
            }
            Slot::Vacant(slot) => {
                slot.insert(origin.clone());
                None
            }
        };
        *key = Some((problem.is_none().then(|| name.clone()), origin.clone()));
        let path = join(&path, &name);
        self.faults
            .extend(problem.map(|message| Fault::new(&origin, &path, message)));
    }

    fn syntax_error(&mut self, error: &ScanError, text: &str) {
        let mark = error.marker();
        let column = if matches!(self.place, Place::File) {
            mark.col() + 1
        } else {
            1
        };
        let origin = match &self.place {
            Place::File => Origin::File {
                line: mark.line(),
                column,
            },
            Place::Fixed(origin) => origin.clone(),
        };
        let line = text
            .lines()
            .nth(mark.line().saturating_sub(1))
            .unwrap_or_default();
        self.faults
            .push(Fault::new(&origin, "", describe(error.kind(), line)));
    }

    fn refuse(&mut self, origin: &Origin, message: &str) {
        let path = self.path();
        self.faults.push(Fault::new(origin, &path, message));
    }

    /// The path of what comes next.
    fn path(&self) -> String {
        let mut path = String::new();
        for (open, _) in &self.open {
            match open {
                Open::List(items) => path = format!("{path}[{}]", items.len()),
                Open::Section {
                    key: Some((Some(key), _)),
                    ..
                } => path = join(&path, key),
                Open::Section { .. } => {}
            }
        }
        path
    }

    fn origin(&self, span: &Span) -> Origin {
        match &self.place {
            Place::File => Origin::File {
                line: span.start.line(),
                column: span.start.col() + 1,
            },
            Place::Fixed(origin) => origin.clone(),
        }
    }
}

fn position(origin: &Origin) -> String {
    match origin {
        Origin::File { line, .. } => format!("on line {line}"),
        _ => "earlier in the value".to_owned(),
    }
}

/// The parser's finding in our words where the usual slip has a better sentence.
fn describe(kind: &ErrorKind, line: &str) -> String {
    let tab = line.trim_start_matches(' ').starts_with('\t');
    let sentence = match kind {
        ErrorKind::RecursionLimitExceeded => {
            return format!("lists and sections nest deeper than {MAX_DEPTH} levels");
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "a tab stands here; accepted: spaces".to_owned(),
        _ if tab => "the line begins with a tab; accepted: spaces".to_owned(),
        ErrorKind::UnclosedQuotedScalar => "the quote that begins here is never closed".to_owned(),
        ErrorKind::UnclosedFlowCollection { open } => {
            format!("the `{open}` that begins here is never closed")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::ExpectedBlockMappingKey => {
            format!("this is not YAML: {kind}; check the indentation")
        }
        other => format!("this is not YAML: {other}"),
    };
    let inside = line.contains("${") && line.contains(['[', ',']);
    let hint = if inside {
        "; between [ ] or { } put `\"${NAME}\"` in quotes"
    } else {
        ""
    };
    sentence + hint
}
