//! /etc/os-release and the kernel's own facts: which operating system the host runs.

use std::path::Path;

use smol_str::SmolStr;

use super::source::{Source, lines};
use crate::collectors::system::host::Os;

/// Places of the file, in the order in which they count.
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// The operating system. What cannot be read is left empty or, for the name, what systems without the file are
/// to be called: a container need not have one.
pub(super) fn read(procfs: &Path, rootfs: &Path, source: &mut Source) -> Os {
    let mut os = Os {
        id: SmolStr::new_static("linux"),
        name: SmolStr::new_static("Linux"),
        ..Os::default()
    };
    for file in FILES {
        if let Ok(text) = source.read(&rootfs.join(file)) {
            parse(text, &mut os);
            break;
        }
    }
    let mut fact = |file: &str| {
        let line = source.line(&procfs.join("sys/kernel").join(file)).ok()?;
        Some(SmolStr::new(String::from_utf8_lossy(line)))
    };
    os.kernel = fact("osrelease").unwrap_or_default();
    // Kernels before 6.1 have no such file; the program then runs on what it was built for.
    os.architecture = fact("arch").unwrap_or(SmolStr::new_static(std::env::consts::ARCH));
    os
}

/// Assignments as a shell would read them; lines that are none are skipped, as the format demands.
fn parse(text: &[u8], os: &mut Os) {
    for (_, line) in lines(text) {
        let line = String::from_utf8_lossy(line);
        let Some((key, value)) = line.trim().split_once('=') else {
            continue;
        };
        let field = match key {
            "ID" => &mut os.id,
            "NAME" => &mut os.name,
            "VERSION_ID" => &mut os.version_id,
            _ => continue,
        };
        *field = unquote(value);
    }
}

/// Removes the quotes around a value and the backslashes before special characters in it.
fn unquote(value: &str) -> SmolStr {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(literal) = within('\'') {
        return SmolStr::new(literal);
    }
    let mut characters = within('"').unwrap_or(value).chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    SmolStr::new(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_unquoted_as_a_shell_would() {
        for (value, expected) in [
            ("debian", "debian"),
            ("\"Debian GNU/Linux\"", "Debian GNU/Linux"),
            ("'it''s'", "it''s"),
            (r#""a \"b\" \\ \$c""#, r#"a "b" \ $c"#),
            ("\"", "\""),
            ("", ""),
            ("\\", ""),
        ] {
            assert_eq!(unquote(value), expected, "{value}");
        }
    }

    #[test]
    fn odd_lines_are_skipped() {
        let mut os = Os::default();
        parse(b"# comment\nNAME=Void\nID\n=\n\xff=1\nID=void\n", &mut os);
        assert_eq!(
            (os.id.as_str(), os.name.as_str(), os.version_id.as_str()),
            ("void", "Void", "")
        );
    }
}
