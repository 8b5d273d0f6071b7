//! Guesses at what was meant by a value that is not accepted, as the end of a message. A guess never repeats a
//! secret: it is made only from what is shown anyway.

use super::{
    shape::{Kind, Shape},
    tree::Value,
};
use crate::problem::nearest;

/// A guess, such as "; did you mean `true`?", or nothing where none is obvious.
pub(super) fn hint(value: &Value, path: &str, kind: &Kind<'_>) -> String {
    let (Value::Plain(text) | Value::Text(text) | Value::Word { text, shown: None }) = value else {
        return String::new();
    };
    let quoted = matches!(value, Value::Text(_));
    if quoted && super::check::scalar_of(&Value::Plain(text.clone()), kind).is_some() {
        return ", so remove the quotes".to_owned();
    }
    match kind {
        Kind::Text { is_secret: false } if path == "web.listen_address" && text.parse::<u16>().is_ok() => {
            format!("; did you mean `:{text}`, on every address, or `127.0.0.1:{text}`, on this host only?")
        }
        Kind::Text { .. } if matches!(value, Value::Plain(_)) => ", so write it in quotes".to_owned(),
        _ => guess(text, path, kind).map_or(String::new(), |guess| format!("; did you mean `{guess}`?")),
    }
}

fn guess(text: &str, path: &str, kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Choice(words) => choice(text, words).map(ToOwned::to_owned),
        Kind::Switch => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "1" => Some("true".to_owned()),
            "no" | "off" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Duration => text.parse::<u64>().ok().map(|seconds| format!("{seconds}s")),
        Kind::Number { max: Some(1.0), .. } => percent(text),
        Kind::Whole { .. } if is_size(path) => bytes(text).map(|bytes| bytes.to_string()),
        Kind::List(items) => list(text, *items),
        Kind::Section(_) if path.ends_with(']') => item(text, kind),
        _ => None,
    }
}

/// Whether the key at `path` counts bytes.
pub(super) fn is_size(path: &str) -> bool {
    path.ends_with("_bytes")
}

/// The nearest word, or one that is written longer or shorter, as `WARNING` for `warn`.
fn choice<'c>(text: &str, words: &[&'c str]) -> Option<&'c str> {
    const SHORTEST: usize = 3;
    let given = text.to_lowercase();
    let alike = |word: &&&str| given.starts_with(**word) || word.starts_with(&given);
    let long_enough = |word: &&&str| word.len().min(given.len()) >= SHORTEST;
    nearest(text, words).or_else(|| words.iter().filter(long_enough).find(alike).copied())
}

/// `85` and `85%` as a share.
fn percent(text: &str) -> Option<String> {
    let number: f64 = text.trim_end_matches('%').trim().parse().ok()?;
    (number > 1.0 && number <= 100.0).then(|| (number / 100.0).to_string())
}

/// `10MB`, `10 MiB` or `10M` in bytes, counted in powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))
}

/// The words of `text` as the list that was wanted.
fn list(text: &str, items: Shape<'_>) -> Option<String> {
    let kind = items.kind();
    let entry = |word| match kind {
        Kind::Text { .. } => Some(inline(word)),
        _ => item(word, &kind),
    };
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let entries: Vec<String> = words.map(entry).collect::<Option<_>>()?;
    (!entries.is_empty()).then(|| format!("[{}]", entries.join(", ")))
}

/// `text` as the address of an entry, where an address is all that an entry needs.
fn item(text: &str, kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Section(keys) if keys.required() == ["address"] => {
            Some(format!("{{address: {}}}", inline(text)))
        }
        _ => None,
    }
}

/// As it is written between brackets: in quotes where YAML would misread it.
fn inline(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@' | ':');
    let is_plain = text.starts_with(char::is_alphanumeric) && !text.ends_with(':') && text.chars().all(plain);
    if is_plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units_are_bytes() {
        for (text, expected) in [
            ("10MB", Some(10_485_760)),
            ("10 MiB", Some(10_485_760)),
            ("1g", Some(1 << 30)),
            ("64k", Some(65_536)),
            ("10", None),
            ("MB", None),
            ("ten MB", None),
            ("10 parsecs", None),
            ("99999999999999999999G", None),
            ("18446744073709551615K", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn words_written_longer_or_shorter_are_recognised() {
        let levels = ["error", "warn", "info", "debug", "trace"];
        for (text, expected) in [
            ("WARNING", Some("warn")),
            ("err", Some("error")),
            ("Information", Some("info")),
            ("dbug", Some("debug")),
            ("loud", None),
            ("", None),
        ] {
            assert_eq!(choice(text, &levels), expected, "{text}");
        }
    }
}
