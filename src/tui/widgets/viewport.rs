//! A place in lines that are broken into rows, and what is searched for in them.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Step,
    search::Needle,
    styled::{Highlight, Styled},
};
use crate::tui::theme::Theme;

/// Lines with numbers that stay theirs while others come and go.
pub(super) trait Lines {
    /// Gives the numbers of the lines there are.
    fn numbers(&self) -> Range<u64>;

    /// Gives a line, if there is one with this number.
    fn line(&self, number: u64) -> Option<&Styled>;
}

/// A row: the line, and which of its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) row: usize,
}

/// What is seen of lines.
#[derive(Debug, Default)]
pub(super) struct Viewport {
    /// The first row that is seen.
    pub(super) top: Place,
    /// The columns a row had when it was drawn last.
    pub(super) columns: usize,
    /// The rows that were drawn last.
    pub(super) height: usize,
    needle: Option<Needle>,
    found: Option<(u64, Range<usize>)>,
    is_lost: bool,
}

/// A row to draw: the line's number, the line, which of its rows, and the part of the text.
pub(super) type Row<'a> = (u64, &'a Styled, usize, Range<usize>);

impl Viewport {
    /// Gives the place from which the last rows fill the height, or the first if all fit.
    pub(super) fn last_top(&self, lines: &impl Lines) -> Place {
        let Range { start, end } = lines.numbers();
        let Some(line) = end.checked_sub(1).filter(|line| *line >= start) else {
            return Place { line: start, row: 0 };
        };
        let row = self.rows_of(lines, line) - 1;
        self.moved(Place { line, row }, lines, -as_distance(self.height.max(1) - 1))
    }

    /// Gives the place so many rows on, or the end in that direction.
    fn moved(&self, mut place: Place, lines: &impl Lines, by: isize) -> Place {
        let Range { start, end } = lines.numbers();
        let mut left = by.unsigned_abs();
        while left > 0 {
            let is_forwards = by > 0;
            let here = if is_forwards {
                self.rows_of(lines, place.line) - 1 - place.row
            } else {
                place.row
            };
            if left <= here {
                place.row = if is_forwards { place.row + left } else { place.row - left };
                break;
            }
            if is_forwards && place.line + 1 < end {
                place = Place { line: place.line + 1, row: 0 };
            } else if !is_forwards && place.line > start {
                let line = place.line - 1;
                place = Place { line, row: self.rows_of(lines, line) - 1 };
            } else {
                place.row = if is_forwards { place.row + here } else { 0 };
                break;
            }
            left -= here + 1;
        }
        place
    }

    /// Gives how many rows a line takes, at least one.
    fn rows_of(&self, lines: &impl Lines, number: u64) -> usize {
        lines.line(number).map_or(1, |line| line.rows(self.columns))
    }

    /// Puts the top where there are rows; tells whether that is the end.
    pub(super) fn settle(&mut self, lines: &impl Lines) -> bool {
        let last = self.last_top(lines);
        if self.top.line < lines.numbers().start {
            self.top = Place { line: lines.numbers().start, row: 0 };
        }
        self.top.row = self.top.row.min(self.rows_of(lines, self.top.line) - 1);
        self.top = self.top.min(last);
        self.top == last
    }

    /// Scrolls; tells whether that led to the end.
    pub(super) fn scroll(&mut self, lines: &impl Lines, step: Step) -> bool {
        match step {
            Step::Top => self.top = Place { line: lines.numbers().start, row: 0 },
            Step::Bottom => self.top = self.last_top(lines),
            _ => {
                let by = step.distance(self.height);
                self.settle(lines);
                self.top = self.moved(self.top, lines, by);
            }
        }
        self.settle(lines)
    }

    /// Gives the rows that are seen, at most `height`.
    pub(super) fn rows<'a>(&self, lines: &'a impl Lines, height: usize) -> Vec<Row<'a>> {
        let mut seen = Vec::with_capacity(height);
        let mut place = self.top;
        while let Some(line) = lines.line(place.line).filter(|_| seen.len() < height) {
            let wrapped = line.wrap(self.columns).into_iter().enumerate().skip(place.row);
            let free = height - seen.len();
            seen.extend(wrapped.take(free).map(|(row, range)| (place.line, line, row, range)));
            place = Place { line: place.line + 1, row: 0 };
        }
        seen
    }

    /// Gives what to highlight in a line.
    pub(super) fn highlights(&self, number: u64, line: &Styled) -> Vec<Highlight> {
        let Some(needle) = &self.needle else {
            return Vec::new();
        };
        let is_here = |range: &Range<usize>| {
            self.found.as_ref().is_some_and(|(line, here)| *line == number && here == range)
        };
        needle.ranges(line.text()).map(|range| (range.clone(), is_here(&range))).collect()
    }

    /// Sets what is searched for; nothing ends the search.
    pub(super) fn search(&mut self, typed: Option<&str>) {
        self.needle = Needle::new(typed);
        self.found = None;
        self.is_lost = false;
    }

    /// Tells whether something is searched for and not there.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Takes note of a line that came: what was not there may be there now.
    pub(super) fn came(&mut self, line: &Styled) {
        if self.is_lost
            && self.needle.as_ref().is_some_and(|n| n.ranges(line.text()).next().is_some())
        {
            self.is_lost = false;
        }
    }

    /// Goes to the next or previous match, seen from the one it went to last, else from what is seen; goes on at the other end.
    pub(super) fn next_match(&mut self, lines: &impl Lines, is_forwards: bool) {
        let Some(needle) = &self.needle else { return };
        let from = match (&self.found, is_forwards) {
            (Some((line, range)), true) => (*line, range.start + 1),
            (Some((line, range)), false) => (*line, range.start),
            (None, true) => (self.top.line, 0),
            (None, false) => {
                let last = self.rows(lines, self.height).last().map_or(0, |(line, ..)| *line);
                (last + 1, 0)
            }
        };
        self.found = find(needle, lines, from, is_forwards);
        self.is_lost = self.found.is_none();
        self.reveal(lines);
    }

    /// Scrolls so that what was found is seen, if it is not.
    fn reveal(&mut self, lines: &impl Lines) {
        let Some((number, range)) = &self.found else { return };
        let Some(line) = lines.line(*number) else { return };
        let rows = line.wrap(self.columns);
        let row = rows.iter().position(|row| row.end > range.start).unwrap_or(0);
        let place = Place { line: *number, row };
        // The last row may be taken by a notice.
        let last = self.moved(self.top, lines, as_distance(self.height.saturating_sub(2)));
        if place < self.top || place > last {
            self.top = self.moved(place, lines, -as_distance(self.height / 2));
        }
        self.settle(lines);
    }

    /// Draws a row with what is highlighted in it.
    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, row: &Row<'_>, theme: &Theme) {
        let (number, line, _, range) = row;
        let highlights = self.highlights(*number, line);
        line.draw(buffer, area, range, (&highlights, theme));
    }
}

/// Finds the first match from a place on, or the last before it; goes on at the other end.
fn find(
    needle: &Needle,
    lines: &impl Lines,
    from: (u64, usize),
    is_forwards: bool,
) -> Option<(u64, Range<usize>)> {
    let in_line = |number: u64| {
        let text = lines.line(number).map_or("", Styled::text);
        needle.ranges(text).map(|range| (number, range)).collect::<Vec<_>>()
    };
    let Range { start, end } = lines.numbers();
    let line = from.0.clamp(start, end);
    if is_forwards {
        let mut ahead = (line..end).flat_map(in_line);
        let found = ahead.find(|(number, range)| (*number, range.start) >= from);
        found.or_else(|| (start..end).flat_map(in_line).next())
    } else {
        let backwards = |number| in_line(number).into_iter().rev();
        let mut behind = (start..end.min(line + 1)).rev().flat_map(backwards);
        let found = behind.find(|(number, range)| (*number, range.start) < from);
        found.or_else(|| (start..end).rev().flat_map(backwards).next())
    }
}

/// Draws at the right of `area` which part of the whole is seen; nothing when that is all.
pub(super) fn scrollbar(
    buffer: &mut Buffer,
    area: Rect,
    (first, shown, total): (usize, usize, usize),
    theme: &Theme,
) {
    let height = usize::from(area.height);
    if total <= shown || height == 0 || area.width == 0 {
        return;
    }
    let length = (shown * height / total).max(1);
    // Only the ends look like the ends.
    let furthest = total - shown;
    let start = match first {
        0 => 0,
        first if first >= furthest => height - length,
        first => (first * (height - length) / furthest).clamp(
            usize::from(height - length > 1),
            (height - length).saturating_sub(1).max(usize::from(height - length > 1)),
        ),
    };
    for y in (area.y..area.bottom()).skip(start).take(length) {
        buffer.set_stringn(area.right() - 1, y, "█", 1, theme.dim);
    }
}

fn as_distance(rows: usize) -> isize {
    isize::try_from(rows).unwrap_or(isize::MAX)
}
