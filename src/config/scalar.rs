//! What a scalar without quotes is, by its look: YAML 1.2's core schema. `yes`, `on` and `0123` hold no surprise.

use serde_json::{Number, Value};

/// Reads a plain scalar that is not empty.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !digits.chars().all(numeric) {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    unsigned
        .parse::<u64>()
        .map(Number::from)
        .or_else(|_| unsigned.parse::<i64>().map(Number::from))
        .ok()
        .or_else(|| unsigned.parse::<f64>().ok().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_have_the_type_they_look_like() {
        for (text, expected) in [
            ("true", json!(true)),
            ("False", json!(false)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("587", json!(587)),
            ("-3", json!(-3)),
            ("+3", json!(3)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0123", json!(123)),
            ("0.80", json!(0.8)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
            ("1e999", json!("1e999")),
            (".inf", json!(".inf")),
            (".nan", json!(".nan")),
            (".", json!(".")),
            ("30s", json!("30s")),
            ("192.168.1.1", json!("192.168.1.1")),
            ("fe80::1", json!("fe80::1")),
            ("+-3", json!("+-3")),
        ] {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }
}
