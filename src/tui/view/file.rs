//! A file that is looked at, over everything else.

use ratatui::{buffer::Buffer, layout::Rect};

use super::paint::{dialog, put};
use crate::tui::{
    model::{Model, Overlay},
    widgets::text::{fit, sanitize, width},
};

/// Draws it, if one is looked at.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &mut Model) {
    if !matches!(model.overlays.last(), Some(Overlay::File)) {
        return;
    }
    let file = &mut model.panels.file;
    let is_typing = model.prompt.as_ref().is_some_and(|prompt| prompt.pane.is_none());
    let size = (area.width.saturating_sub(2), area.height.saturating_sub(2));
    // The end of a long path says more than its beginning.
    let room = usize::from(area.width).saturating_sub(width(&file.note) + 12);
    let path = sanitize(&file.path).into_owned();
    let path = if width(&path) > room { fit(&path, room) } else { path };
    let title = format!("/{path} · {}", file.note);
    let inside = dialog(buffer, area, size, &title, &model.theme);
    if inside.is_empty() {
        return;
    }
    if is_typing || !file.search.is_empty() {
        let cursor = if is_typing { "▌" } else { "" };
        let lost = if file.text.is_lost() { " no match" } else { "" };
        let words = format!(" /{}{cursor}{lost} ", sanitize(&file.search));
        let columns = u16::try_from(width(&words)).unwrap_or(u16::MAX).min(inside.width);
        let at = (inside.right() - columns, area.bottom().saturating_sub(1));
        put(buffer, at, columns, &words, model.theme.matched);
    }
    file.text.render(inside, buffer, &model.theme);
}
