//! The help, made from the effective keymap, and the last messages.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    dialogs::{Text, put_line, wrapped},
    paint::{dialog, put_all, row},
};
use crate::tui::{
    keymap::{Action, Layer},
    model::{Help, Model, rough_age},
    update::base_layers,
    widgets::text::{pad_right, sanitize},
};

/// Draws the help: what holds where the user is first, then everything else.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, help: &Help) {
    let size = (area.width.saturating_sub(6).min(76), area.height.saturating_sub(2));
    let inside = dialog(buffer, area, size, "Keys", &model.theme);
    if inside.is_empty() {
        return;
    }
    let typed = sanitize(help.search.value()).into_owned();
    let line = format!("/{typed}▌ type to search");
    put_line(buffer, inside, &line, model.theme.matched);
    let lines = help_lines(model, &typed);
    draw_lines(buffer, below(inside), &lines, help.offset);
}

/// Writes one line for each action of each layer that the search leaves.
fn help_lines(model: &Model, search: &str) -> Vec<Text> {
    let here = base_layers(model);
    let others = Layer::ALL.into_iter().filter(|layer| !here.contains(layer));
    let mut lines = Vec::new();
    for layer in here.iter().copied().chain(others) {
        let rows = rows(model, layer, &search.to_lowercase());
        if !rows.is_empty() {
            let place = if here.contains(&layer) { "" } else { " (elsewhere)" };
            let title = format!("{}{place}", layer.word());
            lines.push(vec![(title, model.theme.accent)]);
            lines.extend(rows);
        }
    }
    lines
}

fn rows(model: &Model, layer: Layer, search: &str) -> Vec<Text> {
    let palette = model.keymap.key_of(&[Layer::Global], Action::Palette);
    let rows = model.keymap.rows(layer).into_iter();
    rows.map(|row| match row.keys.as_slice() {
        [] => (palette.clone(), row.desc),
        keys => (keys.join(" "), row.desc),
    })
    .filter(|(keys, desc)| keys.contains(search) || desc.to_lowercase().contains(search))
    .map(|(keys, desc)| {
        vec![
            (format!("  {} ", pad_right(&keys, 18)), model.theme.good),
            (sanitize(desc).into_owned(), model.theme.text),
        ]
    })
    .collect()
}

/// Draws the last messages in full, the newest first.
pub(super) fn messages(buffer: &mut Buffer, area: Rect, model: &Model, offset: usize) {
    let size = (area.width.saturating_sub(6).min(96), area.height.saturating_sub(2));
    let inside = dialog(buffer, area, size, "Messages", &model.theme);
    let mut lines = Vec::new();
    for (time, text) in model.toasts.kept.iter().rev() {
        let age = format!("{} ago", rough_age(model.facts.now, *time));
        lines.push(vec![(age, model.theme.dim)]);
        let columns = usize::from(inside.width.saturating_sub(2)).max(10);
        for line in wrapped(&sanitize(text), columns) {
            lines.push(vec![(format!("  {line}"), model.theme.text)]);
        }
    }
    if lines.is_empty() {
        lines.push(vec![("nothing was said yet".to_owned(), model.theme.dim)]);
    }
    draw_lines(buffer, inside, &lines, offset);
}

/// Draws lines from `offset` on, as far as that leaves no empty page.
fn draw_lines(buffer: &mut Buffer, area: Rect, lines: &[Text], offset: usize) {
    let furthest = lines.len().saturating_sub(usize::from(area.height));
    let shown = lines.iter().skip(offset.min(furthest));
    for (y, line) in (0..area.height).zip(shown) {
        put_all(buffer, row(area, y), line);
    }
}

fn below(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}
