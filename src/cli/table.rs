//! Text in columns: the first ones to the left, numbers to the right, as wide as what is in them.

use std::fmt::Write;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows below a head. Control characters, which could move the cursor of a terminal, are shown escaped.
#[must_use]
pub(super) fn table<const N: usize>(columns: [(&str, Side); N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| tame(cell)))
        .collect();
    let mut widths = columns.map(|(name, _)| name.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let sides = columns.map(|(_, side)| side);
    let head = columns.map(|(name, _)| name.to_owned());
    let lines = std::iter::once(&head).chain(&rows);
    lines.map(|cells| line(cells, &sides, &widths)).collect()
}

fn tame(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for c in cell.chars() {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

fn line(cells: &[String], sides: &[Side], widths: &[usize]) -> String {
    let mut text = String::new();
    for ((cell, side), width) in cells.iter().zip(sides).zip(widths) {
        let written = match side {
            Side::Left => write!(text, "{cell:<width$}  "),
            Side::Right => write!(text, "{cell:>width$}  "),
        };
        debug_assert!(written.is_ok(), "text takes all");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["°C long\u{1b}".to_owned(), "1000".to_owned()],
        ];
        let text = table([("name", Side::Left), ("no", Side::Right)], &rows);
        assert_eq!(
            text,
            "name             no\na                 1\n°C long\\u{1b}  1000\n"
        );
    }
}
