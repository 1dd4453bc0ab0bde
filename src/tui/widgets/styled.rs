//! One line of harmless text with the styles of its parts, broken into rows where it is too long for one.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect, style::Style, text::Line};
use unicode_segmentation::UnicodeSegmentation;

use super::text::{cluster_width, sanitize, width};
use crate::tui::theme::Theme;

/// A line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Styled {
    text: String,
    /// Where each style begins, in bytes.
    runs: Vec<(usize, Style)>,
    /// The columns by which rows after the first are set in.
    indent: usize,
}

/// A highlighted part of a line, and whether it is the one that the user went to.
pub(super) type Highlight = (Range<usize>, bool);

impl Styled {
    /// Adds a part; the caller has made it harmless.
    pub(super) fn push(&mut self, text: &str, style: Style) {
        if self.runs.last().map_or(Style::new(), |(_, last)| *last) != style {
            self.runs.push((self.text.len(), style));
        }
        self.text.push_str(text);
    }

    /// Gives what it says.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Tells how many rows it takes.
    pub(super) fn rows(&self, columns: usize) -> usize {
        // No character takes more columns than bytes.
        if self.text.len() <= columns { 1 } else { self.wrap(columns).len() }
    }

    /// Breaks it into rows: at a blank where there is one in the second half of the row, else between any two clusters, and within one that alone
    /// is wider than a row.
    pub(super) fn wrap(&self, columns: usize) -> Vec<Range<usize>> {
        if columns == 0 || self.text.len() <= columns || width(&self.text) <= columns {
            return std::iter::once(0..self.text.len()).collect();
        }
        let mut rows = Vec::new();
        let later = columns - self.indent_in(columns);
        let (mut start, mut used, mut room) = (0, 0, columns);
        // Where the row can end after a blank: the byte, and the columns up to there.
        let mut blank = (0, 0);
        for (at, cluster) in self.text.grapheme_indices(true) {
            let mut taken = cluster_width(cluster);
            while used + taken > room && at > start {
                let (end, columns_before) =
                    if blank.0 > start && blank.1 > room / 2 { blank } else { (at, used) };
                rows.push(start..end);
                start = end;
                used -= columns_before;
                room = later;
            }
            if taken > room {
                let mut rest = cluster;
                while let Some((_, after)) = fitting(rest, later) {
                    rest = after;
                    let end = at + cluster.len() - rest.len();
                    rows.push(start..end);
                    start = end;
                }
                (taken, room) = (cluster_width(rest), later);
            }
            used += taken;
            if cluster == " " {
                blank = (at + 1, used);
            }
        }
        rows.push(start..self.text.len());
        rows
    }

    /// Gives by how much rows after the first are set in: hardly where more would leave too little. A character of two columns always fits beside it.
    fn indent_in(&self, columns: usize) -> usize {
        let is_roomy = self.indent <= columns / 2 && columns - self.indent > 1;
        if is_roomy { self.indent } else { 2.min(columns / 8) }
    }

    /// Draws one of its rows in `area`, which is one row high.
    pub(super) fn draw(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        row: &Range<usize>,
        (highlights, theme): (&[Highlight], &Theme),
    ) {
        let area = area.intersection(buffer.area);
        let Some(text) = self.text.get(row.clone()).filter(|_| !area.is_empty()) else {
            return;
        };
        let indent = if row.start > 0 { self.indent_in(usize::from(area.width)) } else { 0 };
        let mut x = area.x + u16::try_from(indent).unwrap_or(0);
        for (at, cluster) in text.grapheme_indices(true) {
            let columns = u16::try_from(cluster_width(cluster)).unwrap_or(u16::MAX);
            let room = area.right().saturating_sub(x);
            if columns > room {
                break;
            }
            let style = self.style_at(row.start + at, highlights, theme);
            buffer.set_stringn(x, area.y, cluster, usize::from(room), style);
            x += columns;
        }
    }

    /// Gives the style of the character at a byte.
    fn style_at(&self, byte: usize, highlights: &[Highlight], theme: &Theme) -> Style {
        let later = self.runs.partition_point(|(start, _)| *start <= byte);
        let own = later.checked_sub(1).map_or(Style::new(), |place| self.runs[place].1);
        let own = theme.text.patch(if theme.colour { own } else { colourless(own) });
        match highlights.iter().find(|(range, _)| range.contains(&byte)) {
            Some((_, true)) => own.patch(theme.matched).patch(theme.cursor),
            Some((_, false)) => own.patch(theme.matched),
            None => own,
        }
    }
}

/// Takes as much from the beginning of a cluster as `columns` have room for, at least one character; `None` when that is all of it.
fn fitting(cluster: &str, columns: usize) -> Option<(&str, &str)> {
    let fits = |(begins, _): &(&str, &str)| cluster_width(begins) <= columns;
    let mut cuts = cluster.char_indices().skip(1).map(|(at, _)| cluster.split_at(at)).peekable();
    let first = cuts.next()?;
    if cluster_width(cluster) <= columns {
        return None;
    }
    Some(cuts.take_while(fits).last().unwrap_or(first))
}

const fn colourless(style: Style) -> Style {
    Style { fg: None, bg: None, underline_color: None, ..style }
}

/// Takes in a line whose last part is the one that can be long: its further rows begin below it.
impl From<&Line<'static>> for Styled {
    fn from(line: &Line<'static>) -> Self {
        let mut styled = Self::default();
        for span in &line.spans {
            styled.indent = width(&styled.text);
            styled.push(&sanitize(&span.content), line.style.patch(span.style));
        }
        let last = line.spans.last().map_or("", |span| span.content.as_ref());
        styled.indent += last.len() - last.trim_start_matches(' ').len();
        styled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::text::Span;

    use super::*;

    fn rows(spans: &[&str], columns: usize) -> Vec<String> {
        let spans = spans.iter().map(|text| Span::raw((*text).to_owned()));
        let styled = Styled::from(&Line::from(spans.collect::<Vec<_>>()));
        let rows = styled.wrap(columns);
        assert_eq!(rows.len(), styled.rows(columns));
        rows.into_iter().map(|row| styled.text().get(row).unwrap().to_owned()).collect()
    }

    #[test]
    fn long_lines_are_broken_where_blanks_allow() {
        for (spans, columns, expected) in [
            (&["short"][..], 10, &["short"][..]),
            (&[""], 10, &[""]),
            (&["one two three"], 8, &["one two ", "three"]),
            (&["abcdefghij"], 4, &["abcd", "efgh", "ij"]),
            (&["a bcdefghij"], 6, &["a bcde", "fghij"]),
            (&["日本語"], 4, &["日本", "語"]),
            (&["日本語"], 1, &["日", "本", "語"]),
            (&["key ", "long value"], 9, &["key long ", "value"]),
            (&["  \"a\": \"bcdefg\""], 9, &["  \"a\": ", "\"bcdefg", "\""]),
            (&["never"], 0, &["never"]),
        ] {
            assert_eq!(rows(spans, columns), expected, "{spans:?} in {columns}");
        }
    }

    /// What `rows_fit_and_lose_nothing` once found: a skin tone makes one cluster with any character before it, which can be wider than the row.
    #[test]
    fn a_cluster_wider_than_a_row_is_broken() {
        for (spans, columns, expected) in [
            (&[" ", "🏻"][..], 2, &[" ", "🏻"][..]),
            (&[" ", "🏻"], 3, &[" 🏻"]),
            (&["a🏻b"], 2, &["a", "🏻", "b"]),
            (&["a🏻b"], 3, &["a🏻", "b"]),
            (&["日🏻🏻", "x"], 3, &["日", "🏻", "🏻x"]),
            (&["👍🏻👍🏻"], 2, &["👍🏻", "👍🏻"]),
        ] {
            assert_eq!(rows(spans, columns), expected, "{spans:?} in {columns}");
        }
    }

    proptest! {
        #[test]
        fn rows_fit_and_lose_nothing(text in ".{0,80}", lead in ".{0,5}", columns in 2_usize..20) {
            let line = Line::from(vec![Span::raw(lead), Span::raw(text)]);
            let styled = Styled::from(&line);
            let rows = styled.wrap(columns);
            let joined: String = rows.iter().map(|row| styled.text().get(row.clone()).unwrap()).collect();
            prop_assert_eq!(&joined, styled.text());
            for row in &rows {
                let indent = if row.start > 0 { styled.indent_in(columns) } else { 0 };
                let taken = width(styled.text().get(row.clone()).unwrap());
                prop_assert!(taken + indent <= columns, "{:?}", row);
            }
        }
    }
}
