//! Parameters of addresses that make no sense: every refusal names the parameter, the value and what is possible, in
//! the same shape everywhere.

use std::fmt::Display;

use jiff::Timestamp;

use crate::problem::nearest;

/// `given` says what was given and what is accepted.
pub(super) fn wrong(key: &str, given: impl Display) -> String {
    format!("`{}`: {given}", shown(key))
}

/// A parameter that is none here.
pub(super) fn unknown(key: &str, known: &[&str]) -> String {
    let near = nearest(key, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let known = known.join(", ");
    wrong(key, format_args!("not a parameter here; accepted: {known}{near}"))
}

/// A word that is none of `known`.
pub(super) fn not_one_of(key: &str, value: &str, known: &[&str]) -> String {
    let near = nearest(value, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let (value, known) = (shown(value), known.join(", "));
    wrong(key, format_args!("given `{value}`; accepted: {known}{near}"))
}

/// A whole number from 1 to `most`.
pub(super) fn count(key: &str, value: &str, most: usize) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        let value = shown(value);
        wrong(
            key,
            format_args!("given `{value}`; accepted: a whole number from 1 to {most}"),
        )
    })
}

/// That `from` is not later than `to`.
pub(super) fn in_order(from: Timestamp, to: Timestamp) -> Result<(), String> {
    if from <= to {
        return Ok(());
    }
    let given = format_args!("given {from}, which is later than `to`, {to}; accepted: an earlier time");
    Err(wrong("from", given))
}

/// The first characters, without those that are not seen.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let begin: String = chars.by_ref().take(60).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    begin.escape_debug().to_string() + more
}
