//! Names that come from outside as harmless text: one line, of bearable length, without marks that turn the
//! direction of writing; and host names that a mail header can carry.

/// `text` without control characters and direction marks, cut to `most` characters.
pub(super) fn name(text: &str, most: usize) -> String {
    let cleaned: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !turns_direction(*c))
        .collect();
    let words: Vec<_> = cleaned.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

const fn turns_direction(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// `host` as the domain of addresses and identifiers.
pub(super) fn domain(host: &str) -> String {
    let kept: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        .take(200)
        .collect();
    let labels: Vec<_> = kept
        .split('.')
        .map(|label| label.trim_matches('-').chars().take(63).collect::<String>())
        .filter(|label| !label.is_empty())
        .collect();
    if labels.is_empty() {
        "localhost".to_owned()
    } else {
        labels.join(".")
    }
}

/// `key` with nothing but what the left side of a Message-ID takes.
pub(super) fn identifier(key: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '.'
        }
    };
    let text: String = key.chars().take(120).map(safe).collect();
    let parts: Vec<_> = text.split('.').filter(|part| !part.is_empty()).collect();
    parts.join(".")
}

/// A number for `text` that stays the same in every version: FNV-1a.
pub(super) fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Lines of at most `width` characters, broken between words; what follows in a paragraph keeps its indent.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut column = 0;
        for word in line.split_whitespace() {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > width {
                out.push('\n');
                column = 0;
            }
            if column == 0 {
                out.push_str(&indent);
                column = indent.len();
            } else {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_harmless_line() {
        for (text, expected) in [
            ("nas", "nas"),
            ("a\r\nBcc: b@c", "a Bcc: b@c"),
            ("\u{202e}gpj.exe\u{202c}", "gpj.exe"),
            ("123456789012", "123456789…"),
        ] {
            let most = if text.starts_with('1') { 10 } else { 40 };
            assert_eq!(name(text, most), expected, "{text:?}");
        }
    }

    #[test]
    fn hosts_and_keys_fit_into_headers() {
        assert_eq!(domain("web1.example.org"), "web1.example.org");
        assert_eq!(domain("-we b1_.\r\n."), "web1");
        assert_eq!(domain("é"), "localhost");
        assert_eq!(identifier("cpu-5f.1/x\r\n<>"), "cpu-5f.1.x");
    }

    #[test]
    fn text_wraps_between_words_and_keeps_its_indent() {
        assert_eq!(wrapped("aa bb cc", 5), "aa bb\ncc\n");
        assert_eq!(wrapped("  aa bb", 5), "  aa\n  bb\n");
        assert_eq!(wrapped("https://long.example", 5), "https://long.example\n");
    }
}
