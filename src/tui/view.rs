//! From the model to a frame. Nothing is changed here but the places that the detail's widgets keep for themselves.

mod detail;
mod dialogs;
mod file;
mod footer;
mod header;
mod help;
mod layers;
mod lists;
mod paint;
mod stats;
mod table;

use ratatui::{Frame, buffer::Buffer};

use super::{hits::Zone, layout, model::Model};

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let areas = layout::areas(model);
    let buffer = frame.buffer_mut();
    let mut hits = std::mem::take(&mut model.hits);
    hits.clear();
    header::draw(buffer, areas.header, model);
    lists::draw(buffer, &areas, model, &mut hits);
    detail::draw(buffer, areas.detail, model, &mut hits);
    footer::draw_toasts(buffer, areas.body, model);
    for overlay in &model.overlays {
        // What lies below is not clicked, whether it is seen or not.
        hits.note(buffer.area, Zone::Overlay);
        dialogs::draw(buffer, areas.body, model, (overlay, &mut hits));
    }
    footer::draw(buffer, &areas, model, &mut hits);
    model.hits = hits;
    file::draw(buffer, areas.body, model);
    footer::draw_continuations(buffer, areas.body, model);
    if model.theme.ascii {
        only_ascii(buffer);
    }
}

/// Puts a stand-in for every character outside ASCII, whoever drew it.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
        }
        let stand_in = match cell.symbol() {
            "▶" | "▸" | "›" => ">",
            "‖" => "=",
            "✗" => "!",
            "◔" => "%",
            "■" | "█" | "▌" => "#",
            "○" => "o",
            "●" | "•" | "✓" => "*",
            "▴" | "↑" => "^",
            "▾" | "↓" => "v",
            "×" => "x",
            "—" | "─" | "−" => "-",
            "│" => "|",
            "…" => "~",
            "·" | "◌" => ".",
            "⟳" | "↻" => "@",
            symbol if symbol.starts_with(|c| ('┌'..='╿').contains(&c)) => "+",
            _ => "?",
        };
        cell.set_symbol(stand_in);
    }
}
