//! Subjects of a rule as label matchers, and text that a rule file takes as it is.

use crate::rules::Rule;

/// Label matchers for the subjects of `rule`; empty when it judges all.
pub(super) fn of_subjects(rule: &Rule) -> String {
    let lists = [("=~", &rule.include), ("!~", &rule.exclude)];
    let matchers: Vec<String> = lists
        .into_iter()
        .filter(|(_, patterns)| !patterns.is_empty())
        .map(|(operator, patterns)| {
            let expressions: Vec<String> = patterns.iter().map(|pattern| expression(pattern)).collect();
            format!("subject{operator}{}", quoted(&expressions.join("|")))
        })
        .collect();
    if matchers.is_empty() {
        return String::new();
    }
    format!("{{{}}}", matchers.join(", "))
}

/// A regular expression for one of our patterns, in which `*` is any text and `?` any character.
fn expression(pattern: &str) -> String {
    let mut expression = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '\\' | '.' | '+' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
                expression.extend(['\\', c]);
            }
            _ => expression.push(c),
        }
    }
    expression
}

/// Text in double quotes; its escapes mean the same to YAML, Go and `PromQL`.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
