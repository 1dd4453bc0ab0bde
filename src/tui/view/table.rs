//! One table for all panes: columns with their widths, visible rows only.

use std::collections::BTreeSet;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::paint::put;
use crate::tui::{
    hits::{Hits, Zone},
    model::{Facts, Key, ListState, Pane},
    panes::{Cell, Column, Resource, Width},
    theme::Theme,
    widgets::text::{fit, width},
};

/// The columns before the first one, for marks and relations.
const GUTTER: u16 = 2;

/// What a table is drawn from.
pub(super) struct Table<'a, R> {
    /// All items of the kind.
    pub(super) items: &'a [R],
    /// Which of them, in which order.
    pub(super) list: &'a ListState,
    /// What is true.
    pub(super) facts: &'a Facts,
    /// How it looks.
    pub(super) theme: &'a Theme,
    /// What stands in a relation to the row under the cursor of the pane that has the focus.
    pub(super) relatives: &'a BTreeSet<Key>,
    /// The pane that it fills.
    pub(super) pane: Pane,
    /// Whether it is the pane whose row is the selection.
    pub(super) is_current: bool,
    /// Whether the keys move in it.
    pub(super) is_focused: bool,
}

impl<R: Resource> Table<'_, R> {
    /// Draws titles and rows.
    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, hits: &mut Hits) {
        if area.is_empty() {
            return;
        }
        let places = self.places(area);
        self.draw_titles(buffer, area, &places);
        self.note_titles(area, &places, hits);
        let height = usize::from(area.height - 1);
        let shown = self.list.rows.iter().skip(self.list.offset).take(height);
        for (y, (key, index)) in (area.y + 1..).zip(shown) {
            if let Some(item) = self.items.get(*index) {
                let row = Rect::new(area.x, y, area.width, 1);
                self.draw_row(buffer, row, &places, (item, *key));
                hits.note(row, Zone::Row(*key));
            }
        }
    }

    /// Gives each column that is shown its place: the first cell and the width.
    fn places(&self, area: Rect) -> Vec<(&'static Column<R>, u16, u16)> {
        // Every row is looked at for it, so each column only once.
        let mut shown: Vec<Measured<R>> =
            R::COLUMNS.iter().map(|column| (column, self.widest(column))).collect();
        let room = area.width.saturating_sub(GUTTER + 1);
        let needed =
            |shown: &[Measured<R>]| -> u16 { shown.iter().map(|column| least(column) + 1).sum() };
        while needed(&shown) > room + 1 {
            let over = needed(&shown) - (room + 1);
            if shorten(&mut shown, over) {
                break;
            }
            let first = shown.iter().map(|(column, _)| column.gives_way).filter(|when| *when > 0);
            let Some(first) = first.max() else { break };
            shown.retain(|(column, _)| column.gives_way != first);
        }
        let mut widths: Vec<u16> = shown.iter().map(least).collect();
        share_out(&shown, &mut widths, (room + 1).saturating_sub(needed(&shown)));
        let mut x = area.x + GUTTER;
        let place = |((column, _), columns): (Measured<R>, u16)| {
            let start = x;
            x += columns + 1;
            (column, start, columns)
        };
        shown.into_iter().zip(widths).map(place).collect()
    }

    /// Gives the width of the widest text in a column, where that matters.
    fn widest(&self, column: &Column<R>) -> u16 {
        if let Width::Fixed(columns) = column.width {
            return columns;
        }
        let cells = self.items.iter().map(|item| (column.cell)(item, self.facts));
        let widest = cells.map(|cell| cell_width(&cell)).max().unwrap_or(0);
        u16::try_from(widest).unwrap_or(u16::MAX)
    }

    /// Notes where the heads of the columns are; the blank behind one belongs to it.
    fn note_titles(&self, area: Rect, places: &[(&Column<R>, u16, u16)], hits: &mut Hits) {
        for (column, x, columns) in places {
            let place = R::COLUMNS.iter().position(|one| one.title == column.title);
            let head = Rect::new(*x, area.y, columns + 1, 1).intersection(area);
            if let Some(place) = place {
                hits.note(head, Zone::Column(self.pane, place));
            }
        }
    }

    fn draw_titles(&self, buffer: &mut Buffer, area: Rect, places: &[(&Column<R>, u16, u16)]) {
        let sorted = R::COLUMNS[self.list.sort % R::COLUMNS.len()].title;
        for (column, x, columns) in places {
            let arrow = match (column.title == sorted, self.list.reverse) {
                (false, _) => "",
                (true, false) => "▴",
                (true, true) => "▾",
            };
            let title = format!("{}{arrow}", column.title);
            let title = fit(&title, usize::from(*columns));
            let x = if column.right {
                x + columns - u16::try_from(width(&title)).unwrap_or(*columns)
            } else {
                *x
            };
            let room = area.right().saturating_sub(x);
            put(buffer, (x, area.y), room, &title, self.theme.dim);
        }
    }

    fn draw_row(
        &self,
        buffer: &mut Buffer,
        row: Rect,
        places: &[(&Column<R>, u16, u16)],
        (item, key): (&R, Key),
    ) {
        let is_cursor = self.is_current && self.list.cursor == Some(key);
        let is_related = self.relatives.contains(&key);
        let is_marked = self.list.marks.contains(&key);
        let sign = match (is_marked, is_related, is_cursor) {
            (true, ..) => "✓",
            (_, true, _) => "•",
            (_, _, true) => "›",
            _ => " ",
        };
        let base = if is_related { self.theme.related } else { Style::new() };
        put(buffer, (row.x, row.y), 1, sign, base);
        for (column, x, columns) in places {
            let room = row.right().saturating_sub(*x).min(*columns);
            let cell = (column.cell)(item, self.facts);
            let lead = if column.right {
                let free = usize::from(room).saturating_sub(cell_width(&cell));
                u16::try_from(free).unwrap_or(0)
            } else {
                0
            };
            let area = Rect::new(x + lead, row.y, room.saturating_sub(lead), 1);
            self.draw_cell(buffer, area, &cell, base);
        }
        if is_cursor && self.is_focused {
            buffer.set_style(row, self.theme.cursor);
        }
    }

    fn draw_cell(&self, buffer: &mut Buffer, area: Rect, cell: &Cell, base: Style) {
        let mut x = area.x;
        for (text, tone) in &cell.0 {
            let room = area.right().saturating_sub(x);
            if room == 0 {
                break;
            }
            let style = base.patch(self.theme.tone(*tone));
            x += put(buffer, (x, area.y), room, text, style);
        }
    }
}

/// A column with the width of its widest text.
type Measured<R> = (&'static Column<R>, u16);

/// Gives the width of a column before what is left is shared out.
fn least<R>((column, widest): &Measured<R>) -> u16 {
    match column.width {
        Width::Fixed(columns) => columns,
        Width::Content(least, most) | Width::Share(least, most) => (*widest).clamp(least, most),
    }
}

/// Takes so many columns from one that may lose its end, and may give way as a whole; tells whether one had so many to spare.
fn shorten<R>(shown: &mut [Measured<R>], over: u16) -> bool {
    for (column, widest) in shown {
        if let Width::Share(least, most) = column.width
            && column.gives_way > 0
            && (*widest).clamp(least, most) - least >= over
        {
            *widest = (*widest).clamp(least, most) - over;
            return true;
        }
    }
    false
}

/// Shares out what is left: first to columns that are narrower than their texts, then evenly.
fn share_out<R>(shown: &[Measured<R>], widths: &mut [u16], mut spare: u16) {
    let sharing: Vec<usize> = (0..shown.len())
        .filter(|place| matches!(shown[*place].0.width, Width::Share(..)))
        .collect();
    while spare > 0 && !sharing.is_empty() {
        let narrow = sharing.iter().filter(|place| widths[**place] < shown[**place].1);
        let narrow: Vec<usize> = narrow.copied().collect();
        let next = if narrow.is_empty() { &sharing } else { &narrow };
        for place in next.iter().take(usize::from(spare)) {
            widths[*place] += 1;
            spare -= 1;
        }
    }
}

/// Gives the columns that a cell takes, blanks at its end left out.
fn cell_width(cell: &Cell) -> usize {
    let text: String = cell.0.iter().map(|(text, _)| text.as_str()).collect();
    width(text.trim_end())
}
