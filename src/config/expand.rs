//! Puts the environment's values in place of `${NAME}` and `${NAME:-default}` in a scalar; `$$` stands for `$`.
//! A `$` before anything else stays, so that bcrypt hashes need no escape.

use std::collections::HashMap;

/// What a scalar turned into.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expanded {
    /// Nothing was named: the text, with `$$` read as `$`.
    Literal(String),
    /// Variables were put in.
    Filled(String),
}

/// Expands `text`; the error says what is wrong and what would be accepted, never a variable's value.
pub(super) fn expand(text: &str, variables: &HashMap<&str, &str>) -> Result<Expanded, String> {
    let (mut out, mut rest, mut filled) = (String::with_capacity(text.len()), text, false);
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some(after) = from.strip_prefix("${") {
            let Some((inner, after)) = after.split_once('}') else {
                return Err(
                    "`${` is never closed; accepted: `${NAME}`, `${NAME:-default}`, or `$$` for a dollar sign"
                        .to_owned(),
                );
            };
            out.push_str(lookup(inner, variables)?);
            (rest, filled) = (after, true);
        } else {
            out.push('$');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    Ok(if filled {
        Expanded::Filled(out)
    } else {
        Expanded::Literal(out)
    })
}

/// The value of `NAME` or `NAME:-default`.
fn lookup<'a>(inner: &'a str, variables: &HashMap<&str, &'a str>) -> Result<&'a str, String> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "`${{{}}}` is not understood; accepted: `${{NAME}}`, `${{NAME:-default}}`, or `$$` for a dollar sign",
            inner.escape_debug()
        ));
    }
    match (variables.get(name).copied(), default) {
        (Some("") | None, Some(default)) => Ok(default),
        (Some(value), _) => Ok(value),
        (None, None) => Err(format!(
            "the environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_and_dollars_kept() {
        let variables = HashMap::from([("USER", "me"), ("EMPTY", ""), ("TRICKY", "a: ${USER} #b")]);
        let filled = |text: &str| Ok(Expanded::Filled(text.to_owned()));
        let literal = |text: &str| Ok(Expanded::Literal(text.to_owned()));
        for (given, expected) in [
            ("plain", literal("plain")),
            ("${USER}@x", filled("me@x")),
            ("${NONE:-you}", filled("you")),
            ("${EMPTY:-you}", filled("you")),
            ("${EMPTY}", filled("")),
            ("${NONE:-}", filled("")),
            ("${TRICKY}", filled("a: ${USER} #b")),
            ("$$5 $${USER}", literal("$5 ${USER}")),
            ("$2y$10$abc", literal("$2y$10$abc")),
            ("5$", literal("5$")),
        ] {
            assert_eq!(expand(given, &variables), expected, "{given}");
        }
        for (given, hint) in [
            ("${NONE}", "`NONE` is not set"),
            ("${USER", "never closed"),
            ("${}", "not understood"),
            ("${a b}", "not understood"),
            ("${1A}", "not understood"),
            ("${USER:?no}", "not understood"),
        ] {
            let error = expand(given, &variables).expect_err(given);
            assert!(error.contains(hint), "{given}: {error}");
        }
    }
}
