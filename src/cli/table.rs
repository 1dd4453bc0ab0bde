//! Tables for people, laid out as Docker's (Go's `tabwriter`): columns as wide as their widest cell, three spaces apart. No cell does anything to a terminal.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use super::plain::plain;

/// The space between two columns.
const GAP: usize = 3;
/// The least a column takes with that space, unless it is the last.
const LEAST: usize = 10;

/// Lays out rows under a head; no line ends in spaces.
pub(super) fn layout(head: &[&str], rows: &[Vec<String>]) -> String {
    let head = head.iter().map(|&cell| Cow::Borrowed(cell)).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect());
    laid_out(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// Lays out lines whose cells are separated by tabs.
pub(super) fn align(lines: &[String]) -> String {
    let lines: Vec<Vec<_>> =
        lines.iter().map(|line| line.split('\t').map(plain).collect()).collect();
    laid_out(&lines)
}

fn laid_out(lines: &[Vec<Cow<'_, str>>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        for (column, cell) in line.iter().enumerate() {
            match widths.get_mut(column) {
                Some(width) => *width = (*width).max(cell.width()),
                None => widths.push(cell.width()),
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            row.push_str(cell);
            row.extend(std::iter::repeat_n(' ', (width + GAP).max(LEAST) - cell.width()));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["web".into(), "debian:12".into(), String::new()],
            vec!["日本".into(), "x".into(), "y".into()],
            vec!["a\u{1b}[2J\nb".into(), String::new(), String::new()],
        ];
        assert_eq!(
            layout(&["NAME", "IMAGE", "PORTS"], &rows),
            "NAME            IMAGE       PORTS\nweb             debian:12\n日本            x           y\na\\u{1b}[2J\\nb\n"
        );
    }
}
