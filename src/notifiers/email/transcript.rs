//! What we and the server said, for people who look for a fault. Credentials never get in.

use std::fmt;

/// Lines kept; a conversation about more is cut at its begin.
const LINES: usize = 400;

/// A conversation, oldest line first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    lines: Vec<String>,
}

impl Transcript {
    /// Something we said.
    pub(super) fn said(&mut self, line: impl fmt::Display) {
        self.push('>', line);
    }

    /// Something the server said.
    pub(super) fn heard(&mut self, line: impl fmt::Display) {
        self.push('<', line);
    }

    /// Something that happened.
    pub(super) fn note(&mut self, line: impl fmt::Display) {
        self.push('*', line);
    }

    /// Control characters are escaped, so a server cannot draw on the terminal.
    fn push(&mut self, mark: char, text: impl fmt::Display) {
        for line in text.to_string().lines().filter(|line| !line.is_empty()) {
            if self.lines.len() >= LINES {
                self.lines.remove(0);
            }
            let plain = line.trim_end().chars().take(500).flat_map(|c| match c {
                c if c.is_control() => c.escape_default().collect::<Vec<_>>(),
                c => vec![c],
            });
            self.lines.push(format!("{mark} {}", plain.collect::<String>()));
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
