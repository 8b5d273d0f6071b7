//! Text in columns: the first ones to the left, numbers to the right, as wide as what is in them.

use std::fmt::Write;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows below a head; every row has as many cells as there are columns.
#[must_use]
pub(in crate::cli) fn table<const N: usize>(columns: [(&str, Side); N], rows: &[[String; N]]) -> String {
    let mut widths = columns.map(|(name, _)| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let sides = columns.map(|(_, side)| side);
    let head = columns.map(|(name, _)| name.to_owned());
    let lines = std::iter::once(&head).chain(rows);
    lines.map(|cells| line(cells, &sides, &widths)).collect()
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
            ["°C long".to_owned(), "1000".to_owned()],
        ];
        let text = table([("name", Side::Left), ("no", Side::Right)], &rows);
        assert_eq!(text, "name       no\na           1\n°C long  1000\n");
    }
}
