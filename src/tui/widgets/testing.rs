//! What the tests of the widgets share.

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::Modifier,
};

use crate::tui::theme::Theme;

/// Sizes at which nothing may go wrong.
pub(super) const SIZES: [(u16, u16); 12] = [
    (0, 0),
    (0, 5),
    (5, 0),
    (1, 1),
    (2, 1),
    (1, 2),
    (3, 3),
    (7, 2),
    (12, 4),
    (25, 3),
    (40, 5),
    (200, 50),
];

/// Draws at a place that is not the corner of the screen, and gives the rows.
pub(super) fn drawn<R>(
    size: (u16, u16),
    render: impl FnOnce(Rect, &mut Buffer, &Theme) -> R,
) -> Vec<String> {
    rows(&buffer(size, render))
}

/// Draws, and gives the rows and which of them has the current match.
pub(super) fn highlighted<R>(
    size: (u16, u16),
    render: impl FnOnce(Rect, &mut Buffer, &Theme) -> R,
) -> (Vec<String>, usize) {
    let buffer = buffer(size, render);
    let current = buffer.content.iter().position(|c| c.modifier.contains(Modifier::REVERSED));
    let row = current.unwrap() / usize::from(buffer.area.width);
    (rows(&buffer), row - 1)
}

/// Draws in the middle of an otherwise empty buffer.
pub(super) fn buffer<R>(
    (width, height): (u16, u16),
    render: impl FnOnce(Rect, &mut Buffer, &Theme) -> R,
) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width + 4, height + 2));
    render(Rect::new(2, 1, width, height), &mut buffer, &Theme::new(true, false));
    for (place, cell) in buffer.content.iter().enumerate() {
        let (x, y) = buffer.pos_of(place);
        let is_inside = (2..width + 2).contains(&x) && (1..=height).contains(&y);
        assert!(is_inside || cell.symbol() == " ", "{:?} at {x}, {y}", cell.symbol());
    }
    buffer
}

/// Writes the rows inside, without blanks at their ends.
pub(super) fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let inside = buffer.content.chunks(width).skip(1).take(usize::from(buffer.area.height) - 2);
    inside
        .map(|row| {
            let row: String = row[2..width - 2].iter().map(Cell::symbol).collect();
            row.trim_end().to_owned()
        })
        .collect()
}
