//! Small pieces of drawing that every part uses.

use ratatui::widgets::{Block, Borders, Clear};
use ratatui::{buffer::Buffer, layout::Rect, style::Style, widgets::Widget};

use crate::tui::{
    theme::Theme,
    widgets::text::{fit, width},
};

/// Writes a text in at most `room` columns, cut with `…`; gives the columns that it took.
pub(super) fn put(buffer: &mut Buffer, at: (u16, u16), room: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    if at.1 >= area.bottom() || at.0 >= area.right() {
        return 0;
    }
    let room = room.min(area.right() - at.0);
    let text = fit(text, usize::from(room));
    buffer.set_stringn(at.0, at.1, &text, usize::from(room), style);
    u16::try_from(width(&text)).unwrap_or(room)
}

/// Writes pieces one after the other in the columns of a row; gives the columns that they took.
pub(super) fn put_all(buffer: &mut Buffer, row: Rect, pieces: &[(String, Style)]) -> u16 {
    let mut x = row.x;
    for (text, style) in pieces {
        let room = row.right().saturating_sub(x);
        if room == 0 {
            break;
        }
        x += put(buffer, (x, row.y), room, text, *style);
    }
    x - row.x
}

/// Draws an empty framed box in the middle of `area` and gives its inside.
pub(super) fn dialog(
    buffer: &mut Buffer,
    area: Rect,
    (columns, rows): (u16, u16),
    title: &str,
    theme: &Theme,
) -> Rect {
    let frame = area.centered(
        ratatui::layout::Constraint::Length((columns + 2).min(area.width)),
        ratatui::layout::Constraint::Length((rows + 2).min(area.height)),
    );
    Clear.render(frame, buffer);
    let block =
        Block::new().borders(Borders::ALL).border_set(theme.border()).border_style(theme.focus);
    let inside = block.inner(frame);
    block.render(frame, buffer);
    let room = frame.width.saturating_sub(4);
    put(buffer, (frame.x + 1, frame.y), room, &format!(" {title} "), theme.accent);
    Rect {
        x: inside.x + u16::from(inside.width > 2),
        width: inside.width.saturating_sub(2),
        ..inside
    }
}

/// Gives the row `y` rows below the top of an area, empty if it is not in it.
pub(super) fn row(area: Rect, y: u16) -> Rect {
    if y < area.height { Rect::new(area.x, area.y + y, area.width, 1) } else { Rect::default() }
}
