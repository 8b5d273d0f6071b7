//! What is wrong with a file, in words of people: which record, in which line, and what is expected there. Looks again
//! at a file that could not be read, so that reading a sound one costs nothing more.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A value that a record has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    form: Form,
    needed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    Truth,
    Texts,
}

impl Form {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Texts => "a list of texts",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Truth => value.is_boolean(),
            Self::Texts => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
        }
    }
}

/// A value without which there is no record.
pub(super) const fn needed(name: &'static str, form: Form) -> Field {
    let needed = true;
    Field { name, form, needed }
}

/// A value that may be missing.
pub(super) const fn optional(name: &'static str, form: Form) -> Field {
    let needed = false;
    Field { name, form, needed }
}

/// Why `content` is no list of records of type `T`, which `error` says for programmers.
pub(super) fn of<T: DeserializeOwned>(content: &[u8], fields: &[Field], error: &serde_json::Error) -> String {
    let Some(first) = content.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return "it is empty".to_owned();
    };
    if *first != b'[' {
        let begin = short(&String::from_utf8_lossy(content));
        return format!("it is no list of records: it begins with `{begin}`, not with `[`");
    }
    if error.is_data()
        && let Some(complaint) = misfit::<T>(content, fields)
    {
        return complaint;
    }
    syntax(content, error)
}

/// Where record `number` of a list, from 1 on, stands: `record 3, in line 12`.
pub(super) fn place(content: &[u8], number: usize) -> String {
    let start = Starts::new(content).nth(number.saturating_sub(1));
    format!(
        "record {number}, in line {}",
        line(content, start.unwrap_or_default())
    )
}

/// What is wrong with a file that is no JSON.
fn syntax(content: &[u8], error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let (line, column) = (error.line(), error.column());
    let begun = Starts::new(content).take_while(|start| *start < offset(content, line, column));
    let number = begun.count();
    if error.is_eof() {
        format!(
            "it ends with record {number}, in line {line}, before its list does: it was not written to its end"
        )
    } else if text == "trailing characters" {
        format!("behind its list of records there is more, in line {line}")
    } else {
        format!("record {number}, in line {line}, is no JSON: {text} at column {column}")
    }
}

/// What the first record that does not fit lacks. `None` where all do, or where none can be told from the next.
fn misfit<T: DeserializeOwned>(content: &[u8], fields: &[Field]) -> Option<String> {
    let records: Vec<Value> = serde_json::from_slice(content).ok()?;
    let fails = |record: &Value| T::deserialize(record).err();
    let (index, error) = records
        .iter()
        .enumerate()
        .find_map(|(index, record)| Some((index, fails(record)?)))?;
    let lacks = lacks(records.get(index)?, fields).unwrap_or_else(|| error.to_string());
    Some(format!("{}: {lacks}", place(content, index + 1)))
}

fn lacks(record: &Value, fields: &[Field]) -> Option<String> {
    let Some(values) = record.as_object() else {
        let given = short(&record.to_string());
        return Some(format!("given `{given}`; accepted: names and values in braces"));
    };
    fields
        .iter()
        .find_map(|Field { name, form, needed }| match values.get(*name) {
            None if *needed => Some(format!("`{name}` is missing")),
            None => None,
            Some(Value::Null) if !needed => None,
            Some(value) if form.fits(value) => None,
            Some(value) => {
                let given = short(&value.to_string());
                Some(format!("`{name}`: given `{given}`; accepted: {}", form.words()))
            }
        })
}

fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut chars = text.trim_start().chars();
    let begin: String = chars.by_ref().take(LONGEST).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    begin
        .chars()
        .map(printable)
        .collect::<String>()
        .trim_end()
        .to_owned()
        + more
}

fn line(content: &[u8], offset: usize) -> usize {
    let before = content.get(..offset).unwrap_or(content);
    before.split(|byte| *byte == b'\n').count()
}

/// The offset of a place; both numbers count from 1.
fn offset(content: &[u8], line: usize, column: usize) -> usize {
    let lines = content.split_inclusive(|byte| *byte == b'\n');
    let above: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    above + column
}

/// Offsets at which the elements of a list begin; the list need not be whole.
struct Starts<'c> {
    bytes: std::iter::Enumerate<std::slice::Iter<'c, u8>>,
    depth: usize,
    is_due: bool,
    in_text: bool,
}

impl<'c> Starts<'c> {
    fn new(content: &'c [u8]) -> Self {
        Self {
            bytes: content.iter().enumerate(),
            depth: 0,
            is_due: false,
            in_text: false,
        }
    }
}

impl Iterator for Starts<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while let Some((offset, byte)) = self.bytes.next() {
            if self.in_text {
                match byte {
                    b'"' => self.in_text = false,
                    // Whatever follows belongs to the text.
                    b'\\' => drop(self.bytes.next()),
                    _ => {}
                }
                continue;
            }
            let begins = self.is_due && !byte.is_ascii_whitespace() && *byte != b']';
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            let opens = self.depth == 1 && !begins && matches!(byte, b'[' | b',');
            self.is_due = opens || (self.is_due && byte.is_ascii_whitespace());
            if begins {
                return Some(offset);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;

    use crate::history::exchange::python::{Kind, Origin, read};

    fn complaint(kind: Kind, content: &str) -> String {
        let origin = Origin {
            zone: TimeZone::UTC,
            names: HashMap::new(),
        };
        read(kind, content.as_bytes(), &origin)
            .expect_err(content)
            .to_string()
    }

    #[test]
    fn a_complaint_names_the_record_its_line_and_what_is_expected() {
        let good = r#"{"timestamp": "2025-08-12T14:03:21", "cpu_percent": 1, "note": "a, [b] \"{\""}"#;
        let rows = [
            ("", "it is empty"),
            (" \n", "it is empty"),
            (
                "{\"a\": 1}",
                "it is no list of records: it begins with `{\"a\": 1}`, not with `[`",
            ),
            (
                "<html>",
                "it is no list of records: it begins with `<html>`, not with `[`",
            ),
            (
                "[GOOD,\nGOOD,\n{\"timestamp\": ",
                "it ends with record 3, in line 3, before its list does: it was not written to its end",
            ),
            (
                "[GOOD,\n{\"timestamp\": \"2025",
                "it ends with record 2, in line 2, before its list does: it was not written to its end",
            ),
            (
                "[GOOD,\n{\"cpu_percent\": NaN}]",
                "record 2, in line 2, is no JSON: expected value at column 17",
            ),
            (
                "[GOOD]\nmore",
                "behind its list of records there is more, in line 2",
            ),
            (
                "[\nGOOD,\n{\"cpu_percent\": 1}\n]",
                "record 2, in line 3: `timestamp` is missing",
            ),
            (
                "[GOOD, {\"timestamp\": \"2025-08-12T14:03:21\",\n\"cpu_percent\": \"12 %\"}]",
                "record 2, in line 1: `cpu_percent`: given `\"12 %\"`; accepted: a number",
            ),
            (
                "[GOOD,\n\n7]",
                "record 2, in line 3: given `7`; accepted: names and values in braces",
            ),
            (
                "[GOOD,\n{\"timestamp\": \"yesterday\"}]",
                "record 2, in line 2: `timestamp`: given `yesterday`; accepted: a local time such as \
                 `2025-08-12T14:03:21`",
            ),
        ];
        for (content, expected) in rows {
            let content = content.replace("GOOD", good);
            let expected = format!("{expected}; nothing of the file was taken");
            assert_eq!(complaint(Kind::System, &content), expected, "{content}");
        }
        assert_eq!(
            complaint(
                Kind::Device,
                r#"[{"timestamp": "2025-08-12T14:03:21", "ip_address": "10.0.0.1", "is_reachable": "yes"}]"#
            ),
            "record 1, in line 1: `is_reachable`: given `\"yes\"`; accepted: true or false; nothing of the file was taken"
        );
    }
}
